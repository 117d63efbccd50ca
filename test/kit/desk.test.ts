// The part of the kit that asks the host: topics, keys, the configuration, facts, chance, metrics.

import test, { type ExecutionContext } from 'ava';
import {
  LOG_WARN,
  MESSAGE_RETAINED,
  STATUS_ABSENT,
  STATUS_CONFLICT,
  STATUS_LIMIT,
} from '../../assembly/abi.ts';
import {
  type Harness,
  type HarnessOptions,
  harness,
  type Peer,
} from '../../host/testing/harness.ts';
import { compiledGuest } from '../helpers/guests.ts';

const module = compiledGuest('kit/desk', 'incremental');
const desk = (options: HarnessOptions = {}): Promise<Harness> => harness(module, options);

/** Sends each line, and compares what comes for it; null is nothing. */
function answers(t: ExecutionContext, peer: Peer, session: [string, string | null][]): void {
  for (const [line, answer] of session) {
    peer.send(`${line}\n`);
    t.is(peer.text(), answer === null ? '' : `${answer}\n`, line);
  }
}

test('requests to the store are answered with their tag, their status and the value', async (t) => {
  const network = await desk({ policy: { maxKeyBytes: 100 } });
  const peer = network.connect();
  answers(t, peer, [
    ['get a', `0 ${STATUS_ABSENT} `],
    ['new a one', '1 0 '],
    ['new a two', `2 ${STATUS_CONFLICT} `],
    ['get a', '3 0 one'],
    ['same a two', '4 0 '],
    ['same a three', '5 0 '],
    ['put a four', '6 0 '],
    ['get a', '7 0 four'],
    ['add n 1.5', '8 0 1.5'],
    ['add n -2', '9 0 -0.5'],
    ['add a 1', `10 ${STATUS_CONFLICT} `],
    ['drop a', `11 ${STATUS_CONFLICT} `],
    ['get a', '12 0 four'],
    ['drop a', '13 0 '],
    ['remove a', `14 ${STATUS_ABSENT} `],
    ['ttl short value 50', '15 0 '],
    ['get short', '16 0 value'],
    [`get ${'k'.repeat(101)}`, String(STATUS_LIMIT)],
  ]);
  network.advance(51);
  answers(t, peer, [['get short', `17 ${STATUS_ABSENT} `]]);
  t.deepEqual(network.traps, []);
});

test('the lines behind a request wait for its reply, many at once', async (t) => {
  const peer = (await desk()).connect();
  peer.send('add n 1\n'.repeat(200));
  t.is(peer.text(), Array.from({ length: 200 }, (_, n) => `${n} 0 ${n + 1}\n`).join(''));
});

test('members of topics and patterns get messages with their tags', async (t) => {
  const network = await desk();
  const [ann, bob] = [network.connect(), network.connect()] as [Peer, Peer];
  answers(t, ann, [
    ['join room/1', '0'],
    ['joins room/+', '0'],
    ['keep room/2 first', '0\n8 0 room/2 first'],
    ['join room', '0'],
  ]);
  answers(t, bob, [
    ['say room/1 hello you', '0'],
    ['say room hi', '0'],
    ['joins room/#', `0\n8 ${MESSAGE_RETAINED} room/2 first`],
    ['join room/+', '0'],
  ]);
  t.is(ann.text(), '7 0 room/1 hello you\n8 0 room/1 hello you\n7 0 room hi\n');
  answers(t, ann, [
    ['leave room/1', '0'],
    ['leaves room/+', '0'],
    ['leave never', '0'],
    ['say room/1 again', '0'],
  ]);
  t.is(bob.text(), '8 0 room/1 again\n');
  answers(t, bob, [['say room/1 alone', '0']]);
  t.is(ann.text(), '');
});

test('what is kept for a time is given to nobody after it', async (t) => {
  const network = await desk();
  answers(t, network.connect(), [['lend room first', '0']]);
  answers(t, network.connect(), [['join room', `0\n7 ${MESSAGE_RETAINED} room first`]]);
  network.advance(1000);
  answers(t, network.connect(), [['join room', '0']]);
});

test('the configuration is read by keys, and the last line of a key counts', async (t) => {
  const config = '# limit=1\ngreeting = hello there\nlimit=7\n\nodd\nlimit = 42 \nempty=\na=b=c';
  const peer = (await desk({ config })).connect();
  t.is(peer.text(), 'hello there\n');
  answers(t, peer, [
    ['text greeting', 'hello there'],
    ['text limit', '42'],
    ['number limit', '42'],
    ['number none', '10'],
    ['text none', 'null'],
    ['text empty', ''],
    ['text a', 'b=c'],
    ['text odd', ''],
    ['other', 'hell?'],
  ]);
  answers(t, peer, [['all', config]]);
});

test('a guest whose configuration has a number out of range does not start, and says which', async (t) => {
  for (const config of ['limit=101', 'limit=0', 'limit=', 'limit=1x']) {
    await t.throwsAsync(desk({ config }), {
      code: 'ERR_GUEST',
      message: /config: limit has to be a number from 1 to 100/,
    });
  }
});

test('facts about the connection, chance and the clocks are at hand', async (t) => {
  const network = await desk({ wallClock: 1000 });
  const peer = network.connect({ address: '192.0.2.1:7', listener: `unix:/${'x'.repeat(400)}` });
  answers(t, peer, [
    ['address', '192.0.2.1:7'],
    ['property listener', `unix:/${'x'.repeat(400)}`],
    ['property transport', 'unix'],
    ['property none', 'null'],
    ['random 256', '256 differ'],
    ['float 1.5e3', '1500'],
    ['float x', '-1'],
    ['clock', '1 1001'],
    ['log a line', null],
    ['measure 3', null],
    ['measure 4', null],
  ]);
  t.deepEqual(network.logs, [{ level: LOG_WARN, text: 'a line' }]);
  const { seen, last, sizes } = network.stats().guest as Record<
    string,
    { value?: number; count?: number }
  >;
  t.deepEqual([seen!.value, last!.value, sizes!.count], [2, 4, 2]);
  peer.send('random 257\n');
  t.is(peer.state, 'reset');
  t.regex(network.traps.join(), /at most 256 random bytes/);
});

test('a reply may speak to another connection in between', async (t) => {
  const network = await desk();
  const [ann, bob] = [network.connect(), network.connect()] as [Peer, Peer];
  answers(t, ann, [[`to ${bob.connection} psst`, 'told 0']]);
  t.is(bob.text(), 'psst\n');
  answers(t, ann, [['timer 10', null]]);
  network.advance(10);
  t.is(ann.text(), 'timer\n');
});
