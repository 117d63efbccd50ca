// Recordings: an instance is given again all that another one was given, and does the same.

import test from 'ava';
import { HOST_FUNCTIONS, WRITES } from '../../host/guest/recording/recording.ts';
import { recordingOf, Tape } from '../../host/guest/recording/tape.ts';
import {
  type Harness,
  type HarnessOptions,
  harness,
  readRecording,
  replay,
  replayRecording,
  TestStore,
} from '../../host/testing/index.ts';
import { difference, random } from '../helpers/bytes.ts';
import { compiledGuest, scriptedModule } from '../helpers/guests.ts';
import { sharingModule } from '../helpers/sharing.ts';
import {
  add,
  type Code,
  call,
  drop,
  equal,
  get,
  guest,
  i32,
  load,
  load8,
  memoryGrow,
  returns,
  store,
  when,
} from '../helpers/wasm.ts';

const surroundings = compiledGuest('surroundings', 'incremental');
const chaotic = compiledGuest('chaos');

// Below the heap of these guests.
const [COUNT, DICE] = [16, 32];
const first = (letter: string): Code => [get(2), load8(), i32(letter.charCodeAt(0)), equal];

/**
 * Counts its connections in memory, and has bytes of chance there. It fails in words that say how it stood: by `!` it
 * takes more than it was given, as much as chance has it, if there are two connections.
 */
const forgetful = guest({
  functions: {
    state_size: [i32(8)],
    on_open: [i32(COUNT), i32(COUNT), load(), i32(1), add, store()],
    on_data: [
      [first('?'), when(i32(DICE), i32(4), call('random'), drop)],
      [first('+'), when(i32(1), memoryGrow, drop)],
      [first('!'), when([i32(COUNT), load(), i32(2), equal], when(i32(DICE), load(), returns))],
      get(3),
    ],
  },
});

const recorded = (module: Uint8Array<ArrayBufferLike>, options: HarnessOptions = {}) =>
  harness(module, { ...options, record: true });

/** What is recorded of the only failure. */
function only({ recordings, traps }: Harness): string {
  if (recordings.length !== 1) throw new Error(`${recordings.length} of ${traps.join(', ')}`);
  return recordings[0]!;
}

test('a fault that needs globals, chance and two connections comes again from a recording', async (t) => {
  const server = await recorded(forgetful);
  const [one, two] = [server.connect(), server.connect()];
  one.send('?');
  two.send('+');
  two.send('!');
  t.regex(server.traps[0]!, /^on_data consumed \d{4,} of 1 bytes$/);
  const found = await replayRecording(only(server), forgetful);
  t.deepEqual(found.found, server.traps);
  t.true(found.reproduced);
  t.is(found.diverged, null);
  const { connection, entries } = readRecording(only(server));
  t.is(connection, two.connection);
  t.is(entries.at(-1)!.numbers[0], two.connection, 'the connection has its number');
});

test('and not from a crash file, which has one callback', async (t) => {
  const server = await recorded(forgetful);
  const [one, two] = [server.connect(), server.connect()];
  one.send('?');
  two.send('!');
  const { why: reason, connection, crash } = server.failures[0]!;
  const { call, frames } = crash!;
  const { policy } = readRecording(only(server));
  const module = { name: 'forgetful', sha256: '' };
  const file = { module, reason, source: null, frames, connection, policy, call };
  const { reproduced, found } = await replay(file, forgetful);
  t.deepEqual([reproduced, found], [false, []]);
});

test('what an instance before was given is not in it; the state that it left is', async (t) => {
  const server = await recorded(scriptedModule);
  const [one, two] = [server.connect(), server.connect()];
  one.send('+ 5;');
  two.send('T;');
  server.advance(60_000);
  one.send('+ 2;?;');
  one.send('T;');
  t.is(server.recordings.length, 2);
  const { entries } = readRecording(server.recordings[1]!);
  t.is(entries.filter(({ callback }) => callback === 'on_open').length, 0);
  for (const recording of server.recordings) {
    const { reproduced, diverged } = await replayRecording(recording, scriptedModule);
    t.deepEqual([reproduced, diverged], [true, null]);
  }
});

test('a swap that is prepared while others are served costs them nothing', async (t) => {
  const server = await recorded(forgetful);
  server.connect().send('?');
  await t.throwsAsync(server.swap(guest({ functions: { state_size: [i32(16)] } })));
  server.connect().send('!');
  const { reproduced, diverged } = await replayRecording(only(server), forgetful);
  t.deepEqual([reproduced, diverged], [true, null]);
});

test('time, chance, configuration, properties, ticks and start-up come again', async (t) => {
  const options = { config: 'metric 0 mine\nstart measure', policy: { tickMs: 100 } };
  const server = await recorded(surroundings, options);
  const peer = server.connect({ address: '192.0.2.7:9' });
  for (const line of ['c', 'r 8', 'w', 'n', 'p listener', 'm 2 7', 'd 0 late', 'D', 'C 3']) {
    server.advance(33);
    peer.send(line);
  }
  server.advance(1000);
  peer.send('T');
  const { reproduced, diverged, logs } = await replayRecording(only(server), surroundings);
  t.deepEqual([reproduced, diverged], [true, null]);
  // The instance that follows has started, too.
  t.deepEqual(logs, server.logs.slice(0, -1));
});

test('topics, keys and their answers come again', async (t) => {
  const server = await recorded(sharingModule, { store: new TestStore() });
  const [one, two] = [server.connect(), server.connect()];
  one.send('e 0 {E;}e 1 {E;}j . 7 0 room;');
  two.send('p 0 room hello;');
  server.publish('room', 'from outside');
  one.send('a . 1 0 5 count;');
  one.send('T;');
  const { reproduced, diverged } = await replayRecording(only(server), sharingModule);
  t.deepEqual([reproduced, diverged], [true, null]);
});

test('whatever a guest calls, a recording of it plays to the same end', async (t) => {
  const server = await recorded(chaotic, { config: 'chaos', policy: { tickMs: 20 } });
  const next = random(5);
  const peers = Array.from({ length: 12 }, () => server.connect());
  for (let round = 0; round < 150; round += 1) {
    const bytes = Uint8Array.from({ length: 8 * (1 + (round % 9)) }, () => next() * 256);
    const at = round % peers.length;
    if (peers[at]!.state !== 'open') peers[at] = server.connect();
    peers[at]!.send(bytes);
    if (round % 7 === 0) server.advance(next() * 3000);
  }
  t.true(server.recordings.length > 2, `${server.recordings.length} recordings`);
  for (const recording of server.recordings) {
    const { reproduced, diverged, expected, found } = await replayRecording(recording, chaotic);
    t.deepEqual([reproduced, diverged], [true, null], `${expected}; ${found}`);
  }
});

test('another guest leaves the recording, which is told', async (t) => {
  const server = await recorded(forgetful);
  server.connect().send('?');
  server.connect().send('!');
  const text = only(server);
  const mended = guest({ functions: { state_size: [i32(8)] } });
  const { reproduced, found, diverged } = await replayRecording(text, mended);
  t.deepEqual([reproduced, found], [false, []]);
  t.regex(diverged!, /^in entry 1, on_open: the module has no on_open$/);
  const careless = guest({
    functions: { state_size: [i32(8)], on_open: [], on_data: [i32(9), i32(0), call('close')] },
  });
  const other = await replayRecording(text, careless);
  t.regex(other.diverged!, /^in entry \d+, on_data: it calls close, not random$/);
});

test('what is no recording is refused, with its line, and so are another module and half of one', async (t) => {
  const server = await recorded(forgetful);
  server.connect().send('?');
  server.connect().send('!');
  const text = only(server);
  const options = { code: 'ERR_OPTION', message: /^not a recording: line 1: / };
  for (const wrong of ['', '{}', '{', text.replace('recording-1', 'recording-2')]) {
    t.throws(() => readRecording(wrong), options, wrong);
  }
  t.throws(() => readRecording(`${text}{"callback":1}\n`), {
    code: 'ERR_OPTION',
    message: /line \d\d?: clock must be an object/,
  });
  const foreign = text.replace('"sha256":""', `"sha256":"${'12'.repeat(32)}"`);
  await t.throwsAsync(replayRecording(foreign, forgetful), { code: 'ERR_MODULE' });
  const half = text.replace('"complete":true', '"complete":false');
  await t.throwsAsync(replayRecording(half, forgetful), { message: /lacks its end/ });
});

test('a tape that is full keeps its beginning, and says that it is not all', (t) => {
  const tape = new Tape(new ArrayBuffer(64));
  tape.entered(1, [7, 8], 1.5, 2.5);
  tape.wrote(100, Uint8Array.of(1, 2, 3));
  tape.wrote(200, new Uint8Array(64));
  // It would have room.
  tape.returned(1);
  const { complete, entries } = recordingOf(tape.read());
  t.false(complete);
  t.is(entries.length, 1);
  const [entry] = entries;
  t.deepEqual([entry!.numbers, entry!.now, entry!.wall], [[7, 8], 1.5, 2.5]);
  t.is(difference(entry!.writes[0]!.bytes, Uint8Array.of(1, 2, 3)), '');
  t.is(entry!.returned, null);
});

// Whoever adds a host function says here whether it writes into the guest's memory: a recording would lack that.
test('it is known of each host function whether it writes', (t) => {
  const silent = [
    ...['send', 'close', 'pause', 'resume', 'want', 'set_timer', 'start_tls', 'connect', 'splice'],
    ...['now', 'wall_clock', 'metric', 'measure', 'log', 'join', 'leave', 'publish'],
    ...[
      'publish_for',
      'store_get',
      'store_put',
      'store_delete',
      'store_add',
      'abort',
      'fd_close',
      'fd_seek',
      'args_get',
    ],
    ...['fd_prestat_get', 'fd_prestat_dir_name', 'environ_get', 'sched_yield', 'poll_oneoff'],
    'proc_exit',
  ];
  t.deepEqual([...Object.keys(WRITES), ...silent].sort(), [...HOST_FUNCTIONS].sort());
  t.is(new Set(HOST_FUNCTIONS).size, HOST_FUNCTIONS.length);
});
