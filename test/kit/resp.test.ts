// A server of the Redis protocol that is written with the kit: whole requests, cut ones, malformed ones,
// and more replies than anybody should hold.

import test from 'ava';
import fc from 'fast-check';
import { REASON_GUEST } from '../../assembly/abi.ts';
import { type Harness, harness, type Policy } from '../../host/testing/harness.ts';
import { compiledGuest, leftovers, nothing } from '../helpers/guests.ts';

const modules = ['stub', 'incremental'].map((runtime) => compiledGuest('kit/resp', runtime));
const [stub, incremental] = modules as [Uint8Array, Uint8Array];
const resp = (policy: Partial<Policy> = {}, module = incremental): Promise<Harness> =>
  harness(module, { policy });

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const command = (...parts: string[]): string => `*${parts.length}\r\n${parts.map(bulk).join('')}`;

const ERROR = '-ERR Protocol error\r\n';
const session: [request: string, answer: string][] = [
  [command('PING'), '+PONG\r\n'],
  ['PING\r\n', '+PONG\r\n'],
  ['ping hello\n', bulk('hello')],
  ['\r\n', ''],
  [command('ECHO', 'zoë\r\n'), bulk('zoë\r\n')],
  [command('SET', 'key', 'value'), '+OK\r\n'],
  [command('get', 'key'), bulk('value')],
  [command('GET', 'none'), '$-1\r\n'],
  [command('GET'), '-ERR wrong number of arguments\r\n'],
  ['  SET   n  9223372036854775806 \r\n', '+OK\r\n'],
  [command('INCR', 'n'), ':9223372036854775807\r\n'],
  [command('INCR', 'n'), '-ERR value is not an integer or out of range\r\n'],
  [command('INCR', 'key'), '-ERR value is not an integer or out of range\r\n'],
  [command('INCR', 'fresh'), ':1\r\n'],
  [command('DEL', 'key', 'none', 'fresh'), ':2\r\n'],
  [command('GET', 'key'), '$-1\r\n'],
  ['*0\r\n', ''],
  [command('CONFIG', 'GET', 'save'), `*2\r\n${bulk('save')}${bulk('')}`],
  [command('NOPE'), '-ERR unknown command\r\n'],
  [command('SET', 'big', 'x'.repeat(9000)), '+OK\r\n'],
  [command('GET', 'big'), bulk('x'.repeat(9000))],
];
const requests = session.map(([request]) => request).join('');
const answers = session.map(([, answer]) => answer).join('');

test('each request has its answer', async (t) => {
  const peer = (await resp()).connect();
  for (const [request, answer] of session) {
    peer.send(request);
    t.is(peer.text(), answer, request);
  }
});

for (const [runtime, module] of Object.entries({ stub, incremental })) {
  test(`pipelined requests are answered in order, cut anywhere, with ${runtime}`, async (t) => {
    const bytes = Buffer.from(requests);
    const network = await resp({}, module);
    for (let cut = 0; cut <= 700; cut += 1) {
      const peer = network.connect();
      peer.send(bytes.subarray(0, cut));
      peer.send(bytes.subarray(cut));
      if (peer.text() !== answers) t.fail(`cut at ${cut}`);
      peer.close();
    }
    const bytewise = network.connect();
    for (const byte of bytes) bytewise.send(Buffer.of(byte));
    t.is(bytewise.text(), answers);
    bytewise.close();
    t.deepEqual(network.traps, []);
    t.deepEqual(leftovers(network), nothing);
  });
}

test('requests in any pieces, to one who reads in any pieces, are answered in order', async (t) => {
  const sizes = fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.nat(4000)));
  const network = await resp({ maxFrameBytes: 16_384, receiveWindowBytes: 16_384 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 5000 }), async (pieces, bufferBytes) => {
      const peer = network.connect({ bufferBytes });
      const bytes = Buffer.from(requests);
      let text = '';
      for (let at = 0; at < bytes.length; ) {
        const size = Math.max(1, pieces.next().value as number);
        at += peer.send(bytes.subarray(at, at + size));
        text += Buffer.from(peer.received()).toString('latin1');
      }
      text += Buffer.from(peer.received()).toString('latin1');
      peer.close();
      return Buffer.from(text, 'latin1').toString() === answers;
    }),
    { numRuns: 60 },
  );
  t.deepEqual(network.traps, []);
});

test('18 MB of replies to one who reads slowly are never held at once, and all arrive', async (t) => {
  const network = await resp();
  const peer = network.connect({ bufferBytes: 10_000 });
  const value = 'x'.repeat(60_000);
  peer.send(command('SET', 'big', value));
  t.is(peer.text(), '+OK\r\n');
  peer.send(command('GET', 'big').repeat(300));
  const one = bulk(value);
  let bytes = 0;
  const most = network.stats().backlogBytes;
  for (let part = peer.received(); part.length > 0; part = peer.received()) bytes += part.length;
  t.is(bytes, 300 * one.length);
  t.true(most < 2 * 256 * 1024, `${most} bytes were held`);
  t.is(peer.state, 'open');
  t.deepEqual(network.traps, []);
});

test('requests that never end are refused at once, and so are malformed ones', async (t) => {
  const network = await resp({ maxFrameBytes: 4096 });
  const bad = [
    '*x\r\n',
    '*-1\r\n',
    '*1025\r\n',
    '*99999999999999999999\r\n',
    '*1\n',
    '*1\r\n:1\r\n',
    '*1\r\n$-1\r\n',
    '*1\r\n$4\r\nPINGxx',
    `*2\r\n${bulk('ECHO')}$5000\r\n`,
    `*2\r\n${bulk('ECHO')}$67108865\r\n`,
    'x'.repeat(4096),
  ];
  for (const request of bad) {
    const peer = network.connect();
    peer.send(`${command('PING')}${request}`);
    t.is(peer.text(), `+PONG\r\n${ERROR}`, request.slice(0, 40));
    t.is(peer.state, 'ended');
    t.is(peer.closeReason, REASON_GUEST);
  }
  t.deepEqual(network.traps, []);
});

test('arbitrary bytes neither trap the server nor stop it', async (t) => {
  const network = await resp({ maxFrameBytes: 4096 });
  const token = fc.constantFrom('*', '$', '1', '2', '-', '\r\n', 'GET', ' ', '\0', 'x', '*1\r\n');
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(token, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { maxLength: 5 }), async (parts) => {
      const peer = network.connect();
      for (const part of parts) peer.send(part);
      peer.end();
      peer.received();
      peer.close();
      const other = network.connect();
      other.send('PING\r\n');
      const alive = other.text() === '+PONG\r\n';
      other.close();
      return alive && network.traps.length === 0;
    }),
    { numRuns: 300 },
  );
  t.deepEqual(leftovers(network), nothing);
});
