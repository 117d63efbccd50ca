// Guests with a standard library: the code and the commands of docs/languages.md, in the harness
// and over sockets.

import test, { type ExecutionContext } from 'ava';
import { LOG_INFO, REASON_TRAP } from '../../assembly/abi.ts';
import { serve } from '../../host/index.ts';
import { harness } from '../../host/testing/harness.ts';
import { connect } from '../helpers/client.ts';
import { workshop } from '../helpers/documents.ts';
import { command, compiled, shown } from '../helpers/languages.ts';

const HEADING = 'With a standard library';

/** Sends each text, and reads so many bytes of answer. */
async function answers(t: ExecutionContext, protocol: Uint8Array, texts: readonly string[]) {
  await using server = await serve({ protocol, listen: '127.0.0.1:0', workers: 2 });
  const client = await connect(server.addresses[0]!, { owner: t });
  for (const text of texts) await client.send(text);
  client.end();
  const all = String(await client.readAll());
  return { all, guest: server.stats().guest };
}

test('a guest in C has malloc, snprintf and printf', async (t) => {
  const module = await compiled(t, 'sum.c', shown('sum.c'), command(HEADING, 'clang', 'sum'));
  const network = await harness(module);
  const peer = network.connect();
  peer.send('abc');
  t.is(peer.text(), '3 bytes, sum 294\n');
  t.deepEqual(network.logs, [{ level: LOG_INFO, text: 'answering 3 bytes' }]);
  t.deepEqual(network.stats().guest, { answers: { kind: 'counter', value: 1 } });
  const { all, guest } = await answers(t, module, ['abc']);
  t.is(all, '3 bytes, sum 294\n');
  t.deepEqual(Object.keys(guest), ['answers']);
});

const wasi = command(HEADING, 'rustc', 'words');
const targets = {
  'wasm32-wasi': wasi,
  'wasm32-unknown-unknown': wasi.replace('wasm32-wasi', 'wasm32-unknown-unknown'),
};
for (const [target, line] of Object.entries(targets)) {
  test(`a guest in Rust for ${target} has HashMap, format! and its panics`, async (t) => {
    const module = await compiled(t, 'words.rs', shown('words.rs'), line);
    const network = await harness(module);
    const [peer, bad] = [network.connect(), network.connect()];
    peer.send('one\ntwo\none\nthr');
    t.is(peer.text(), 'one: 1\ntwo: 1\none: 2\n');
    const said = ['one', 'two', 'one'].map((word) => ({
      level: LOG_INFO,
      text: `somebody said ${word}`,
    }));
    t.deepEqual(network.logs, target === 'wasm32-wasi' ? said : []);
    t.deepEqual(network.stats().guest, { answers: { kind: 'counter', value: 3 } });
    bad.send('panic\n');
    t.is(bad.closeReason, REASON_TRAP);
    t.regex(network.traps[0]!, /abort: somebody said panic at words\.rs:\d+:\d+$/);
    peer.send('ee\none\n');
    t.is(peer.text(), 'three: 1\none: 1\n', 'a fresh instance has forgotten');
    const { all } = await answers(t, module, ['one\n', 'one\n']);
    t.is(all, 'one: 1\none: 2\n');
  });
}

test('a command in C is told from a guest, and how to run it', async (t) => {
  const place = workshop(t);
  place.write('main.c', 'int main(void) { return 0; }');
  await place.run('PATH=/usr/bin:$PATH\nclang --target=wasm32-wasi -O2 -o main.wasm main.c');
  await t.throwsAsync(harness(place.read('main.wasm')), {
    code: 'ERR_MODULE',
    message: /^guest: WASI: it exports _start, as a command does; run a command with wasmpoll run/,
  });
});
