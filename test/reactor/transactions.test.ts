// Callbacks are transactions: what a failed one asked for never happens, and nobody else notices.

import test from 'ava';
import {
  REASON_GUEST,
  REASON_LIMIT,
  REASON_PEER,
  REASON_TRAP,
  STATUS_CLOSED,
  STATUS_LIMIT,
} from '../../assembly/abi.ts';
import { harness } from '../../host/testing/harness.ts';
import { leftovers, logged, nothing, open, scripted, statuses } from '../helpers/guests.ts';
import {
  add,
  call,
  drop,
  get,
  guest,
  i32,
  load,
  memoryGrow,
  store,
  unreachable,
  when,
} from '../helpers/wasm.ts';

const failures = { trap: 'T;', abort: 'A;', 'stack overflow': 'O;', 'call budget': 'h 200000;' };

for (const [name, fail] of Object.entries(failures)) {
  test(`a callback that ends in ${name} sends nothing, to itself or to others`, async (t) => {
    const server = await scripted();
    const [a, b] = [server.connect(), server.connect()];
    a.send(`s 0,self;c 0,copied;s 1,window;c 1,copied;b 1,100000,3,x;${fail}`);
    t.is(a.text(), '');
    t.is(b.text(), '');
    t.is(a.closeReason, REASON_TRAP);
    t.is(a.state, 'reset');
    t.is(b.state, 'open');
    t.is(server.traps.length, 1);
    t.is(server.stats().guestTraps, 1);
    b.send('s 1,goes on;');
    t.is(b.text(), 'goes on');
  });

  test(`a callback that ends in ${name} changes no state, timer or flag of others`, async (t) => {
    const server = await scripted();
    const [a, b] = [server.connect(), server.connect()];
    b.send('+ 5;t .,1000;');
    logged(server);
    a.send(`P 1;w 1,50;t 1,10;t 0,10;x 1,0;+ 7;${fail}`);
    t.deepEqual(logged(server).slice(1), ['restore 1 5', 'close 0 8 0']);
    b.send('?;');
    t.deepEqual(logged(server), ['data 1 ?;', '=5 0']);
    server.advance(998);
    t.deepEqual(logged(server), []);
    server.advance(2);
    t.deepEqual(logged(server), ['timer 1']);
    b.send('s .,still open;');
    t.is(b.text(), 'still open');
  });
}

test('every way to close another connection is taken back by a trap', async (t) => {
  for (const how of [0, 1, 2]) {
    const server = await scripted();
    const [a, b] = [server.connect(), server.connect()];
    a.send(`s 1,lost;x 1,${how};T;`);
    t.is(b.state, 'open');
    t.is(b.closeReason, undefined);
    b.send('s .,kept;');
    t.is(b.text(), 'kept');
  }
});

test('going over the backlog limit of another connection is taken back by a trap', async (t) => {
  const server = await scripted({ policy: { maxBacklogBytes: 1024 * 1024 } });
  const [a, b] = [server.connect(), server.connect()];
  a.send('b 1,700000,2,x;T;');
  t.is(b.state, 'open');
  b.send('s .,kept;');
  t.is(b.text(), 'kept');
  b.send('b 1,700000,2,x;');
  t.is(b.closeReason, REASON_LIMIT);
});

test('a resume is taken back by a trap', async (t) => {
  const server = await scripted();
  const [a, b] = [server.connect(), server.connect()];
  b.send('P .;');
  b.send('s .,held;');
  a.send('R 1;T;');
  t.is(b.text(), '');
  server.connect().send('R 1;');
  t.is(b.text(), 'held');
});

test('cancelling a timer is taken back by a trap', async (t) => {
  const server = await scripted();
  const [a, b] = [server.connect(), server.connect()];
  b.send('t .,100;e t{s .,timer;}');
  a.send('t 1,0;T;');
  server.advance(100);
  t.is(b.text(), 'timer');
});

test('lines logged before a trap stay', async (t) => {
  const server = await scripted();
  server.connect().send('l 2,first;s .,never;l 3,last;T;');
  t.deepEqual(logged(server).slice(1), [
    'data 0 l 2,first;s .,never;l 3,last;T;',
    'first',
    'last',
    'close 0 8 0',
  ]);
});

test('what earlier callbacks sent goes out before the connection is aborted', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 2,0;e d{+ 1;}');
  peer.send('one\ntwo\n');
  t.is(peer.text(), 'one\ntwo\n');
});

test('of pipelined messages those before the trapping one are answered', async (t) => {
  // The message is one byte; `!` traps, others come back.
  const module = guest({
    functions: {
      on_data: [
        ...[get(2), [0x2d, 0, 0], i32(0x21), [0x46], when(unreachable)],
        ...[get(0), get(2), i32(1), call('send'), drop, i32(1)],
      ],
    },
  });
  const server = await harness(module);
  const peer = server.connect();
  peer.send('abc!def');
  t.is(peer.text(), 'abc');
  t.is(peer.closeReason, REASON_TRAP);
});

test('of pipelined messages those before one that grows the memory and traps are answered', async (t) => {
  const module = guest({
    functions: {
      on_data: [
        ...[get(2), [0x2d, 0, 0], i32(0x21), [0x46]],
        when(i32(1), memoryGrow, drop, unreachable),
        ...[get(0), get(2), i32(1), call('send'), drop, i32(1)],
      ],
    },
  });
  const server = await harness(module);
  const peer = server.connect();
  peer.send('abc!def');
  t.is(peer.text(), 'abc');
  t.is(peer.closeReason, REASON_TRAP);
});

test('state that an earlier pipelined message committed is what on_close is given', async (t) => {
  const module = guest({
    functions: {
      state_size: [i32(8)],
      on_data: [
        ...[get(1), get(1), load(), i32(1), add, store()],
        ...[get(2), [0x2d, 0, 0], i32(0x21), [0x46], when(unreachable)],
        i32(1),
      ],
      // One log line of as many bytes as the counter says.
      on_close: [i32(1), i32(0), get(1), load(), call('log')],
    },
  });
  const server = await harness(module);
  server.connect().send('abc!');
  t.deepEqual(
    server.logs.map(({ text }) => text.length / '\\x00'.length),
    [3],
  );
});

test('on_close comes once, on the fresh instance, with the last committed state', async (t) => {
  const server = await scripted();
  const [a, b] = [server.connect(), server.connect()];
  a.send('+ 3;G 3;');
  b.send('+ 4;');
  a.send('e c{?;}');
  logged(server);
  a.send('+ 10;T;');
  t.deepEqual(logged(server), ['data 0 + 10;T;', 'restore 1 4', 'close 0 8 3', '=3 0']);
  server.advance(100_000);
  t.deepEqual(logged(server), []);
});

test('on_restore is called for all others before anything else', async (t) => {
  const server = await scripted();
  const peers = Array.from({ length: 5 }, () => server.connect());
  peers.forEach((peer, index) => {
    peer.send(`+ ${index};e r{s .,restored ${index};}`);
  });
  logged(server);
  peers[2]!.send('T;');
  t.deepEqual(logged(server).slice(1), [
    ...['restore 0 0', '=10', 'restore 1 1', '=10'],
    ...['restore 3 3', '=10', 'restore 4 4', '=10'],
    'close 2 8 2',
  ]);
  t.deepEqual(
    peers.map((peer) => peer.text()),
    ['restored 0', 'restored 1', '', 'restored 3', 'restored 4'],
  );
});

test('connections keep backlog, held input, want, pause and timers through a restart', async (t) => {
  const server = await scripted();
  const slow = open(server, 's .,every byte of this;', 1);
  const framed = open(server, 'm 4,0;');
  const paused = server.connect();
  const timed = server.connect();
  const culprit = server.connect();
  framed.send('\x05fra');
  paused.send('P .;');
  paused.send('s .,was held;');
  timed.send('t .,5000;e t{s .,on time;}');
  server.advance(1000);
  culprit.send('T;');
  t.is(slow.text(), 'every byte of this');
  framed.send('me');
  t.is(framed.text(), '\x05frame');
  t.is(paused.text(), '');
  server.connect().send('R 2;');
  t.is(paused.text(), 'was held');
  server.advance(3999);
  t.is(timed.text(), '');
  server.advance(1);
  t.is(timed.text(), 'on time');
});

test('a trap in on_open aborts the connection and no other', async (t) => {
  const server = await scripted();
  const other = server.connect();
  const peer = open(server, 's 0,lost;T;');
  t.is(peer.closeReason, REASON_TRAP);
  t.is(peer.state, 'reset');
  t.is(other.text(), '');
  t.deepEqual(logged(server).slice(1), ['open 1', 'restore 0 0', 'close 0 8 0']);
  other.send('s .,fine;');
  t.is(other.text(), 'fine');
});

for (const [letter, name] of [
  ['e', 'on_end'],
  ['t', 'on_timer'],
  ['w', 'on_drain'],
  ['c', 'on_close'],
  ['r', 'on_restore'],
] as const) {
  test(`a trap in ${name} costs its own connection only`, async (t) => {
    const server = await scripted({ policy: { highWaterBytes: 1000, lowWaterBytes: 100 } });
    const [peer, other] = [server.connect({ bufferBytes: 2000 }), server.connect()];
    other.send('+ 1;');
    peer.send(`e ${letter}{s 1,never;+ 1;T;}t .,100;`);
    if (letter === 'e') peer.end();
    if (letter === 't') server.advance(100);
    if (letter === 'w') {
      peer.send('b .,1000,5,x;');
      peer.received();
    }
    if (letter === 'c') peer.send('x .,0;');
    if (letter === 'r') server.connect().send('T;');
    t.is(peer.closeReason, letter === 'c' ? REASON_GUEST : REASON_TRAP);
    t.is(peer.state, 'reset');
    t.is(server.traps.length, letter === 'r' ? 2 : 1);
    other.send('s .,fine;?;');
    t.is(other.text(), 'fine');
    t.is(logged(server).at(-1), '=4 1 0');
    other.close();
    t.deepEqual(leftovers(server), nothing);
  });
}

test('on_close that traps after a trap is not called again', async (t) => {
  const server = await scripted();
  const peer = open(server, 'e c{T;}');
  logged(server);
  peer.send('T;');
  t.deepEqual(logged(server), ['data 0 T;', 'close 0 8 0']);
  t.is(server.traps.length, 2);
  t.deepEqual(leftovers(server), nothing);
});

test('a guest whose on_restore always traps loses every connection and serves new ones', async (t) => {
  const server = await scripted();
  const peers = Array.from({ length: 10 }, () => open(server, 'e r{T;}'));
  peers[4]!.send('T;');
  t.deepEqual(
    peers.map((peer) => peer.closeReason),
    peers.map(() => REASON_TRAP),
  );
  t.is(logged(server).filter((line) => line.startsWith('close')).length, 10);
  const next = server.connect();
  next.send('s .,new;');
  t.is(next.text(), 'new');
});

test('several failures in one turn are each survived', async (t) => {
  const server = await scripted();
  const hub = server.connect();
  const peers = Array.from({ length: 8 }, () => open(server, 'e t{T;}'));
  hub.send('t 1,50;t 3,50;t 5,50;t 7,50;');
  server.advance(50);
  t.deepEqual(
    peers.map((peer) => peer.closeReason ?? 0),
    [8, 0, 8, 0, 8, 0, 8, 0],
  );
  t.is(server.traps.length, 4);
});

test('a connection that ended well is not touched by a trap in its on_close', async (t) => {
  const server = await scripted();
  const peer = open(server, 'e c{T;}');
  peer.send('s .,bye;');
  peer.end();
  t.is(peer.text(), 'bye');
  t.is(peer.closeReason, REASON_PEER);
  t.is(peer.state, 'ended');
});

test('a trap says in which function it happened', async (t) => {
  const server = await scripted();
  server.connect().send('T;');
  t.regex(server.traps[0]!, /^unreachable in .*scripted\/command|^unreachable in /);
});

test('an abort says its message and place', async (t) => {
  const server = await scripted();
  server.connect().send('A;');
  t.regex(server.traps[0]!, /^abort: asked to at test\/guests\/scripted\.ts:\d+:\d+/);
});

test('a guest that catches nothing but goes on after its budget is stopped all the same', async (t) => {
  const server = await scripted({ policy: { hostCallsPerCallback: 50 } });
  const [a, b] = [server.connect(), server.connect()];
  a.send('h 40;s 1,within;');
  t.is(b.text(), 'within');
  a.send('h 60;s 1,over;');
  t.is(b.text(), '');
  t.is(a.closeReason, REASON_TRAP);
  t.regex(server.traps[0]!, /more than 50 host calls in one callback/);
});

test('memory may grow inside any callback', async (t) => {
  const server = await scripted();
  const peer = open(server, 'g 10;s .,opened;e t{g 3;s .,timer;}e e{g 1;E;}t .,10;');
  peer.send('g 20;c .,data;+ 1;');
  server.advance(10);
  t.is(peer.text(), 'openeddatatimer');
  peer.send('g 1;?;');
  t.is(logged(server).at(-1)!.split(' ')[1], '1');
  peer.end();
  t.is(peer.state, 'ended');
  t.deepEqual(server.traps, []);
});

test('growing over the limit fails inside the guest and harms nobody', async (t) => {
  const server = await scripted({ policy: { guestMemoryBytes: 1024 * 1024 } });
  const peer = server.connect();
  t.deepEqual(statuses(server, peer, 'g 1000;'), [-1]);
  t.deepEqual(server.traps, []);
});

test('a ready-made module whose memory grows over the limit is stopped', async (t) => {
  const grows = guest({
    functions: { on_data: [i32(100), memoryGrow, drop, get(0), get(2), get(3), call('send')] },
  });
  const module = await WebAssembly.compile(grows);
  const server = await harness(module, { policy: { guestMemoryBytes: 512 * 1024 } });
  const peer = server.connect();
  peer.send('x');
  t.is(peer.text(), '');
  t.is(peer.closeReason, REASON_TRAP);
  t.regex(server.traps[0]!, /memory grew to \d+ bytes, over guestMemoryBytes/);
});

test.serial('a guest that does not start again is retried after a second', async (t) => {
  const server = await scripted();
  const [a, b] = [server.connect(), server.connect()];
  const { Instance } = WebAssembly;
  let starts = 0;
  const broken = class {
    constructor() {
      starts += 1;
      throw new Error('no memory for it');
    }
  };
  Object.assign(WebAssembly, { Instance: broken });
  try {
    a.send('T;');
    t.is(a.closeReason, REASON_TRAP);
    t.is(b.closeReason, REASON_TRAP);
    t.is(starts, 1);
    const refused = server.connect();
    t.is(refused.state, 'ended');
    t.is(refused.text(), '');
    t.deepEqual(leftovers(server), nothing);
    server.advance(999);
    t.is(starts, 1);
    server.advance(1);
    t.is(starts, 2);
    server.advance(1000);
    t.is(starts, 3);
  } finally {
    Object.assign(WebAssembly, { Instance });
  }
  t.is(server.connect().state, 'ended');
  server.advance(1000);
  const next = server.connect();
  next.send('s .,back;');
  t.is(next.text(), 'back');
  t.is(server.stats().connections.refused, 2);
  t.is(server.stats().errors.GUEST_START, 3);
});

test('what a callback sends counts when it returns, status or not', async (t) => {
  const server = await scripted({
    policy: {
      maxBacklogBytes: 4097,
      highWaterBytes: 1,
      lowWaterBytes: 0,
      receiveWindowBytes: 2048,
      maxFrameBytes: 1024,
    },
  });
  const [a, b] = [server.connect(), server.connect()];
  t.deepEqual(statuses(server, a, 'b 1,3000,1,x;b 1,3000,1,x;s 1,late;x 1,0;s 0,self;'), [
    3000,
    STATUS_LIMIT,
    STATUS_CLOSED,
    STATUS_CLOSED,
    4,
  ]);
  t.is(b.closeReason, REASON_LIMIT);
  t.is(b.state, 'reset');
  t.is(a.text(), 'self');
});
