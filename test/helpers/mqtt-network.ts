// The bundled protocol `mqtt` in the harness, and clients of it.

import {
  type Harness,
  type HarnessOptions,
  harness,
  type Peer,
} from '../../host/testing/harness.ts';
import { bundledModule } from './guests.ts';
import * as mqtt from './mqtt.ts';

export const broker = (options: HarnessOptions = {}): Promise<Harness> =>
  harness(bundledModule('mqtt'), options);

/** What has come since the last call. */
export const said = (peer: Peer, level = 4): string[] => mqtt.lines(peer.received(), level);

/** A client that is connected. */
export function client(network: Harness, id: string, options: mqtt.ConnectOptions = {}): Peer {
  const peer = network.connect();
  peer.send(mqtt.connect(id, options));
  const [answer = ''] = said(peer, options.level);
  if (!/^connack 0 0x0/.test(answer)) throw new Error(answer);
  return peer;
}

export function subscriber(
  network: Harness,
  id: string,
  filters: Readonly<Record<string, number>>,
  options: mqtt.ConnectOptions = {},
  own: mqtt.Properties = [],
): Peer {
  const peer = client(network, id, options);
  peer.send(mqtt.subscribe(1, filters, options.level === 5 ? own : null));
  peer.received();
  return peer;
}

export const five: mqtt.ConnectOptions = { level: 5 };

/** Keys that the broker has for itself: how many clients and subscriptions there are, and since when it runs. */
export const figures = 3;
