// PROXY headers in front of TLS: the balancer speaks in clear, and the client behind it in TLS.

import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { type Server, serve } from '../../host/index.ts';
import { Certificates } from '../helpers/certificates.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { until } from '../helpers/proc.ts';
import { CLIENT, field, SERVER, v1, v2 } from '../helpers/proxy.ts';

const guest = compiledGuest('surroundings');
const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const { certFile: cert, keyFile: key } = certificates.make('localhost');
test.after.always(() => {
  for (const end of atEnd) end();
});

async function served(t: ExecutionContext, workers: number): Promise<[Server, string[]]> {
  const server = await serve({
    protocol: guest,
    listen: { address: '127.0.0.1:0', proxy: { from: '127.0.0.1' }, tls: { cert, key } },
    workers,
    policy: { drainQuietMs: 0, lingerMs: 500 },
  });
  t.teardown(() => server.close());
  const opened: string[] = [];
  server.on('open', ({ address }) => opened.push(address));
  return [server, opened];
}

async function raw(t: ExecutionContext, server: Server): Promise<Socket> {
  const port = Number(server.addresses[0]!.split(':')[1]);
  const socket = connectSocket({ host: '127.0.0.1', port, noDelay: true });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** TLS on the socket; what is `first` goes out in one piece with the first bytes of it. */
async function secured(t: ExecutionContext, socket: Socket, first: Uint8Array): Promise<TLSSocket> {
  let before = Buffer.from(first);
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => {
      socket.write(Buffer.concat([before, chunk]), () => done());
      before = Buffer.alloc(0);
    },
  });
  socket.on('data', (chunk) => stream.push(chunk));
  const secure = connectTls({ socket: stream, servername: 'localhost', rejectUnauthorized: false });
  t.teardown(() => void secure.destroy());
  await once(secure, 'secureConnect');
  return secure;
}

async function asks(client: TLSSocket, property: string): Promise<string> {
  client.write(`p ${property}`);
  const [answer] = (await once(client, 'data')) as [Buffer];
  return String(answer).trim();
}

for (const workers of [0, 1]) {
  test(`the handshake begins behind the header, in the same segment or not, workers: ${workers}`, async (t) => {
    const [server, opened] = await served(t, workers);
    for (const header of [v1(), v2(field(0x02, 'example.org'))]) {
      for (const apart of [0, 1, 17, header.length]) {
        const socket = await raw(t, server);
        for (const byte of header.subarray(0, apart)) {
          socket.write(Uint8Array.of(byte));
          await setImmediate();
        }
        const client = await secured(t, socket, header.subarray(apart));
        t.is(await asks(client, 'proxy.source'), `${CLIENT.length} ${CLIENT}`);
        t.is(await asks(client, 'proxy.destination'), `${SERVER.length} ${SERVER}`);
      }
    }
    await until(() => opened.length >= 8);
    t.deepEqual(opened, Array(8).fill(CLIENT));
    t.deepEqual(server.stats().errors, {});
  });
}

test('a handshake without a header is refused before a byte of TLS goes out', async (t) => {
  const [server, opened] = await served(t, 0);
  const socket = await raw(t, server);
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
  });
  socket.on('error', () => undefined);
  const secure = connectTls({ socket, rejectUnauthorized: false });
  secure.on('error', () => undefined);
  await once(socket, 'close');
  t.is(received, 0);
  t.is(server.stats().errors.PROXY, 1);
  t.deepEqual(opened, []);
});
