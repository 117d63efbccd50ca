// The way that tests of the wire take: in clear, or, with WIRE=tls in the environment, by TLS. The tests are the
// same; what only one of the two can show says so by `secured`.

import type { Socket } from 'node:net';
import type { Listen } from '../../host/listen/spec.ts';
import { Certificates } from './certificates.ts';
import { Client, type ConnectOptions, connect as connectClear, over } from './client.ts';

export const secured = process.env.WIRE === 'tls';

const certificates = secured
  ? new Certificates({ teardown: (end) => process.once('exit', () => void end()) })
  : null;
const pair = certificates?.make('localhost') ?? null;

/** Where to listen, as `serve()` takes it. */
export const way = (address: string): Listen =>
  pair === null ? address : { address, tls: { cert: pair.cert, key: pair.key } };

/** The same as options of the command line. */
export const wayFlags = (address: string): string[] => [
  '--listen',
  pair === null ? address : `tls://${address}?cert=${pair.certFile}&key=${pair.keyFile}`,
];

/** As `connect` of client.ts. */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Client> {
  if (!secured) return connectClear(address, options);
  // A handshake has to be read.
  const client = await connectClear(address, { ...options, paused: false, secure: {} });
  if (options.paused === true) client.pause();
  return client;
}

/** A client over a socket that is about to be connected. */
export async function clientOver(socket: Socket, paused = false): Promise<Client> {
  if (!secured) return new Client(socket, paused);
  const client = new Client(over(socket), false, 'secureConnect', socket);
  await client.opened;
  if (paused) client.pause();
  return client;
}
