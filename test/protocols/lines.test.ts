// The lines guest on the simulated network: unconsumed input, want, state, the end of a stream.

import { readFile } from 'node:fs/promises';
import test from 'ava';
import fc from 'fast-check';
import { REASON_FRAME, REASON_PEER } from '../../assembly/abi.ts';
import { type Harness, type HarnessOptions, harness } from '../../host/testing/harness.ts';

const module = await readFile(new URL('../../protocols/lines.wasm', import.meta.url));
const lines = (options: HarnessOptions = {}): Promise<Harness> => harness(module, options);

test('each line is answered with itself, and no more than that', async (t) => {
  const peer = (await lines()).connect();
  peer.send('one\ntwo\nthr');
  t.is(peer.text(), 'one\ntwo\n');
  peer.send('ee\n');
  t.is(peer.text(), 'three\n');
});

test('one call answers all lines that are there', async (t) => {
  const network = await lines();
  const peer = network.connect();
  peer.send('a\nb\nc\n');
  t.is(peer.text(), 'a\nb\nc\n');
  t.is(network.stats().messages, 1);
});

test('the last line without its newline is answered at the end', async (t) => {
  const peer = (await lines()).connect();
  peer.send('first\nlast');
  peer.end();
  t.is(peer.text(), 'first\nlast');
  t.is(peer.state, 'ended');
  t.is(peer.closeReason, REASON_PEER);
});

test('an end without a rest is an end', async (t) => {
  const peer = (await lines()).connect();
  peer.send('line\n');
  peer.end();
  t.is(peer.text(), 'line\n');
  t.is(peer.closeReason, REASON_PEER);
});

test('10,000 pipelined lines in one segment are answered though the peer only waits', async (t) => {
  const network = await lines();
  const peer = network.connect();
  const text = Array.from({ length: 10_000 }, (_, index) => `line ${index}\n`).join('');
  t.true(text.length < 128 * 1024);
  peer.send(text);
  t.is(peer.text(), text);
  t.true(network.stats().messages < 10);
});

test('a line as long as the limit is answered, one byte more closes', async (t) => {
  const policy = { maxFrameBytes: 1024 };
  const fits = (await lines({ policy })).connect();
  const longest = `${'x'.repeat(1023)}\n`;
  fits.send(longest);
  t.is(fits.text(), longest);
  const over = (await lines({ policy })).connect();
  over.send('x'.repeat(1023));
  t.is(over.state, 'open');
  over.send('x');
  t.is(over.state, 'ended');
  t.is(over.closeReason, REASON_FRAME);
});

test('a line that comes byte by byte is not offered again and again', async (t) => {
  const network = await lines();
  const peer = network.connect();
  for (const character of 'slow line\n') peer.send(character);
  t.is(peer.text(), 'slow line\n');
  t.is(network.stats().messages, 10);
});

test('any split of the input gives the same answers', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[ab]{0,5}$/), { maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
      fc.boolean(),
      async (words, sizes, rest) => {
        const peer = (await lines()).connect();
        const text = words.map((word) => `${word}\n`).join('') + (rest ? 'rest' : '');
        for (let at = 0; at < text.length; ) {
          const size = sizes.next().value as number;
          peer.send(text.slice(at, at + size));
          at += size;
        }
        peer.end();
        return peer.text() === text;
      },
    ),
    { numRuns: 60 },
  );
  t.pass();
});

test('two connections do not see each other’s half lines', async (t) => {
  const network = await lines();
  const [a, b] = [network.connect(), network.connect()];
  a.send('from a ');
  b.send('from b\n');
  a.send('again\n');
  t.is(a.text(), 'from a again\n');
  t.is(b.text(), 'from b\n');
});
