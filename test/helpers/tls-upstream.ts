// Servers that speak TLS, or pretend to, for tests of connections to upstreams; and a proxy in front of one.

import { once } from 'node:events';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { Certificates } from './certificates.ts';

export interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

export const portOf = (server: NetServer): number => (server.address() as { port: number }).port;

/** Listens on a port of its own until the test ends. */
export async function listen(t: Owner, server: NetServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return portOf(server);
}

/** A server of TLS that echoes, and ends when its client does. @returns its port */
export function echoing(
  t: Owner,
  options: TlsOptions,
  greet: (socket: TLSSocket) => void = () => undefined,
): Promise<number> {
  const server = createTlsServer({ allowHalfOpen: true, ...options }, (socket) => {
    socket.on('error', () => undefined);
    greet(socket);
    socket.pipe(socket);
  });
  server.on('tlsClientError', () => undefined);
  return listen(t, server as unknown as NetServer);
}

/** A server that does what it likes with each connection. @returns its port */
export const playing = (t: Owner, play: (socket: Socket) => void): Promise<number> =>
  listen(t, createServer({ allowHalfOpen: true }, play));

export interface Front {
  readonly server: Server;
  readonly address: string;
  /** Lines of the log, without those of others than upstreams. */
  readonly lines: { readonly fields: object; readonly message: string }[];
  /** Reasons of connections that were closed. */
  readonly reasons: string[];
}

/** The bundled proxy in front of an upstream that is called `api`. */
export async function front(
  t: Owner,
  api: NonNullable<ServeOptions['upstreams']>[string],
  more: Partial<ServeOptions> = {},
): Promise<Front> {
  const lines: Front['lines'] = [];
  const say = (fields: object, message: string): void => {
    if (message.includes('upstream')) lines.push({ fields, message });
  };
  const server = await serve({
    ...{ protocol: 'proxy', listen: '127.0.0.1:0', config: 'upstream=api', workers: 0 },
    upstreams: { api },
    logger: { debug: () => undefined, info: say, warn: say, error: say },
    ...more,
    policy: { drainQuietMs: 0, lingerMs: 200, ...more.policy },
  });
  t.teardown(() => server.close());
  const reasons: string[] = [];
  server.on('close', ({ reason }) => reasons.push(reason));
  return { server, address: server.addresses[0]!, lines, reasons };
}

/** Certificates of one file of tests. */
export function ground(test: { after: { always(end: () => void): void } }) {
  const atEnd: (() => void)[] = [];
  const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
  const authority = certificates.authority('authority');
  const pair = certificates.make('localhost', { by: authority });
  test.after.always(() => {
    for (const end of atEnd) end();
  });
  return { certificates, authority, pair, ca: authority.certFile };
}
