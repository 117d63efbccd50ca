// The guests that docs/languages.md and examples/guests have in both languages do the same.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { REASON_GUEST, REASON_PEER } from '../../assembly/abi.ts';
import { serve } from '../../host/index.ts';
import { type Harness, harness } from '../../host/testing/harness.ts';
import { pattern } from '../helpers/bytes.ts';
import { connect } from '../helpers/client.ts';
import { compiled, example, shown } from '../helpers/languages.ts';

const languages = { Rust: 'rs', C: 'c' } as const;

const frame = (payload: string): Buffer => {
  const bytes = Buffer.from(`\0\0\0\0${payload}`);
  bytes.writeUInt32BE(bytes.length - 4);
  return bytes;
};

/** A conversation with one client, byte by byte and in any other pieces: the answers are the same. */
function anyPieces(t: ExecutionContext, network: Harness, input: Buffer, answer: Buffer): void {
  const talk = (cuts: readonly number[]): void => {
    const peer = network.connect();
    const answers: Uint8Array[] = [];
    const bounds = [0, ...cuts, input.length];
    for (let index = 1; index < bounds.length; index += 1) {
      peer.send(input.subarray(bounds[index - 1], bounds[index]));
      answers.push(peer.received());
    }
    t.deepEqual(Buffer.concat(answers), answer);
    peer.end();
    t.is(peer.closeReason, REASON_PEER);
  };
  talk([]);
  talk(Array.from({ length: input.length - 1 }, (_, index) => index + 1));
  const cut = fc.array(fc.nat(input.length)).map((cuts) => cuts.sort((a, b) => a - b));
  fc.assert(fc.property(cut, talk), { numRuns: 20 });
  t.deepEqual(network.traps, []);
}

for (const [language, ending] of Object.entries(languages)) {
  test(`echo in ${language} echoes, in the harness and over a socket`, async (t) => {
    const module = await compiled(t, `echo.${ending}`, shown(`echo.${ending}`));
    const network = await harness(module);
    const text = Buffer.from('hello');
    anyPieces(t, network, text, text);
    await using server = await serve({ protocol: module, listen: '127.0.0.1:0' });
    const client = await connect(server.addresses[0]!, { owner: t });
    const bytes = pattern(100_000, 7);
    await client.send(bytes);
    client.end();
    t.true(bytes.equals(await client.readAll()));
  });

  test(`framed in ${language} answers whole frames, however they come`, async (t) => {
    const module = await compiled(t, `framed.${ending}`, shown(`framed.${ending}`));
    const network = await harness(module);
    const frames = Buffer.concat([frame('one'), frame(''), frame('x'.repeat(300))]);
    anyPieces(t, network, frames, frames);
    // A length that no frame may have, and that is negative as an i32.
    const liar = network.connect();
    liar.send(Buffer.from([0xff, 0xff, 0xff, 0xff, 1]));
    t.is(liar.closeReason, REASON_GUEST);
    t.is(liar.state, 'reset');
    t.deepEqual(network.traps, []);
  });

  test(`chat in ${language} tells lines to the others, and keeps names when the guest is replaced`, async (t) => {
    const module = await compiled(t, `chat.${ending}`, shown(`chat.${ending}`));
    const network = await harness(module);
    const [ann, bob] = [network.connect(), network.connect()];
    t.is(ann.text(), 'name? ');
    ann.send(`${'x'.repeat(33)}\n`);
    t.is(ann.text(), 'a name has 1 to 32 bytes; name? ');
    ann.send('ann\n');
    bob.send('bob\nhello\n');
    t.is(ann.text(), 'hello ann\nbob: hello\n');
    await network.swap(module);
    ann.send('hel');
    ann.send('lo, bob\nand bye\n');
    t.regex(bob.text(), /ann: hello, bob\nann: and bye\n$/);
    network.publish('chat', 'from the program\n');
    t.is(ann.text(), 'from the program\n');
    t.deepEqual(network.traps, []);
  });

  test(`a client of chat in ${language} that does not read is told of missed lines`, async (t) => {
    const module = await compiled(t, `chat.${ending}`, shown(`chat.${ending}`));
    const network = await harness(module);
    const slow = network.connect({ bufferBytes: 4096 });
    slow.send('slow\n');
    for (let line = 0; line < 100; line += 1) {
      network.publish('chat', `${'.'.repeat(50_000)}\n`);
      network.settle();
    }
    let text = '';
    for (let piece = slow.text(); piece !== ''; piece = slow.text()) text += piece;
    network.publish('chat', 'end\n');
    t.regex(text + slow.text(), /\* you have missed lines\nend\n$/);
  });

  test(`resp in ${language} answers commands in order, however they come`, async (t) => {
    const network = await harness(await compiled(t, `resp.${ending}`, example(`resp.${ending}`)));
    const command = (...words: string[]): string =>
      `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
    const input = [
      command('PING'),
      command('set', 'a', '41'),
      command('GET', 'a'),
      command('Echo', 'one\r\ntwo'),
      command('GET', 'none'),
      command('DEL', 'a'),
      command('DEL', 'a'),
      command('GET', 'a'),
      '*0\r\n',
      command('SET', 'empty', ''),
      command('GET', 'empty'),
    ].join('');
    const answer =
      '+PONG\r\n+OK\r\n$2\r\n41\r\n$8\r\none\r\ntwo\r\n$-1\r\n:1\r\n:0\r\n$-1\r\n+OK\r\n$0\r\n\r\n';
    anyPieces(t, network, Buffer.from(input), Buffer.from(answer));

    for (const wrong of [
      'x',
      '*1\r\n:',
      '*x\r\n',
      '*1\r\n$1\r\nab\r\n',
      '*1\r\n$99999999999\r\n',
      '*-1\r\n',
    ]) {
      const peer = network.connect();
      peer.send(wrong);
      t.is(peer.text(), '-ERR Protocol error\r\n', wrong);
      peer.end();
      t.is(peer.closeReason, REASON_GUEST);
    }
    for (const unknown of [command('nothing'), command('get'), command('set', 'a')]) {
      const peer = network.connect();
      peer.send(unknown);
      t.regex(peer.text(), /^-ERR (?:unknown command|wrong number)/);
    }
    const long = network.connect();
    long.send('*2\r\n$4\r\nECHO\r\n$200000\r\nx');
    t.regex(long.text(), /^-ERR /);
    t.deepEqual(network.traps, []);
  });
}

test('resp in Rust counts, and says what it cannot count', async (t) => {
  const network = await harness(await compiled(t, 'resp.rs', example('resp.rs')));
  const peer = network.connect();
  const two = (name: string, key: string): string =>
    `*2\r\n$${name.length}\r\n${name}\r\n$${key.length}\r\n${key}\r\n`;
  peer.send(
    `${two('INCR', 'n')}${two('INCR', 'n')}*3\r\n$3\r\nSET\r\n$1\r\nm\r\n$1\r\nx\r\n${two('INCR', 'm')}`,
  );
  t.is(peer.text(), ':1\r\n:2\r\n+OK\r\n-ERR value is not an integer or out of range\r\n');
});

test('300 values of 60 KB that are asked for at once all arrive, with little staged at a time', async (t) => {
  const module = await compiled(t, 'resp.rs', example('resp.rs'));
  await using server = await serve({ protocol: module, listen: '127.0.0.1:0' });
  const client = await connect(server.addresses[0]!, { owner: t });
  const value = 'v'.repeat(60_000);
  await client.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n${value}\r\n`);
  t.is(String(await client.readExactly(5)), '+OK\r\n');
  await client.send('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'.repeat(300));
  client.end();
  const reply = `$${value.length}\r\n${value}\r\n`;
  t.is((await client.readAll()).length, 300 * reply.length);
});
