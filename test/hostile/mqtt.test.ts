// The bundled protocol `mqtt` with packets that were damaged: each costs at most the client that has sent it.

import test from 'ava';
import { harness, type Peer } from '../../host/testing/harness.ts';
import { bundledModule, leftovers, nothing } from '../helpers/guests.ts';
import * as mqtt from '../helpers/mqtt.ts';
import { mqttPackets } from '../helpers/mqtt-packets.ts';

const said = (peer: Peer): string[] => mqtt.lines(peer.received());

for (const level of [3, 4, 5]) {
  test(`version ${level}: a packet that was cut off, or has one wrong bit, costs at most its own client`, async (t) => {
    const network = await harness(bundledModule('mqtt'));
    const witness = network.connect();
    witness.send(mqtt.connect('witness'));
    witness.send(mqtt.subscribe(1, { 'witness/#': 2 }));
    const list = mqttPackets(level);
    const damaged = list.flatMap((packet, index) => [
      ...Array.from(packet, (_, at) => [index, packet.subarray(0, at)] as const),
      ...Array.from({ length: 8 * packet.length }, (_, bit) => {
        const copy = Buffer.from(packet);
        copy[bit >> 3]! ^= 1 << (bit & 7);
        return [index, copy] as const;
      }),
    ]);
    for (const [index, packet] of damaged) {
      const peer = network.connect();
      if (index > 0) peer.send(mqtt.connect('x', { level }));
      peer.send(packet);
      peer.send(mqtt.publish('witness/x', 'behind it', level === 5 ? { properties: [] } : {}));
      peer.close();
      witness.send(mqtt.pingreq);
      const last = said(witness).pop();
      if (last !== 'pingresp' || network.traps.length > 0) {
        t.fail(`${packet.toString('hex')}: ${last} ${network.traps}`);
        return;
      }
    }
    witness.close();
    t.deepEqual(leftovers(network), nothing);
    t.is(network.stats().shared.members, 0);
  });
}
