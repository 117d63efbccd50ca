// Swapping the module under live connections, in the harness: what is carried over, and what is lost.

import test from 'ava';
import { REASON_TRAP } from '../../assembly/abi.ts';
import { harness } from '../../host/testing/harness.ts';
import { counter, Frames, NEW, OLD, OLD_SIZE, OLD_VERSION } from '../helpers/counters.ts';
import {
  compiledGuest,
  leftovers,
  logged,
  nothing,
  open,
  scripted,
  scriptedModule,
} from '../helpers/guests.ts';
import {
  add,
  call,
  drop,
  equal,
  get,
  guest,
  i32,
  load,
  store,
  unreachable,
  when,
} from '../helpers/wasm.ts';

const framed = [compiledGuest('framed-1'), compiledGuest('framed-2')] as const;

test('state blocks are carried over when size and version agree', async (t) => {
  const server = await harness(counter({ letter: 'a' }));
  const [one, two] = [server.connect(), server.connect()];
  one.send('x');
  two.send('x');
  two.send('x');
  t.is(one.text() + two.text(), 'bbc');
  await server.swap(counter({ letter: 'A' }));
  one.send('x');
  two.send('x');
  t.is(one.text() + two.text(), 'CD');
  const three = server.connect();
  three.send('x');
  t.is(three.text(), 'B');
  t.deepEqual(server.traps, []);
});

test('state blocks of another layout go through migrate', async (t) => {
  const server = await harness(counter({ letter: 'a' }));
  const peers = Array.from({ length: 20 }, () => server.connect());
  for (const [index, peer] of peers.entries()) for (let n = 0; n < index; n += 1) peer.send('x');
  for (const peer of peers) peer.received();
  await server.swap(counter({ letter: 'A', at: 100, version: 1, migrate: [] }));
  for (const [index, peer] of peers.entries()) {
    peer.send('x');
    t.is(peer.text(), String.fromCharCode(0x42 + index));
  }
  await server.swap(counter({ letter: 'a', at: 8, from: 100, version: 2, migrate: [] }));
  for (const [index, peer] of peers.entries()) {
    peer.send('x');
    t.is(peer.text(), String.fromCharCode(0x63 + index));
  }
});

test('the same size with another version goes through migrate', async (t) => {
  const server = await harness(counter({ letter: 'a' }));
  const peer = server.connect();
  peer.send('x');
  await server.swap(counter({ letter: 'A', version: 7, migrate: [] }));
  peer.send('x');
  t.is(peer.text(), 'bC');
});

test('migrate is given the old block in the window, its size and version, and a zeroed block', async (t) => {
  const server = await harness(counter({ letter: 'a', size: 24, version: 300 }));
  const [one, two] = [server.connect(), server.connect()];
  for (const peer of [one, two]) peer.send('x');
  two.send('x');
  one.received();
  two.received();
  // Two words of its own answer: size and version; then the old block, and the new one.
  const seen = [
    [get(0), get(OLD!), get(OLD_SIZE!), call('send'), drop],
    [get(0), get(NEW!), i32(16), call('send'), drop],
    [i32(2048), get(OLD_SIZE!), [0x36, 0, 0]],
    [i32(2052), get(OLD_VERSION!), [0x36, 0, 0]],
    [get(0), i32(2048), i32(8), call('send'), drop],
    // The next connection's block must be zero all the same.
    [get(NEW!), i32(-1), store()],
  ];
  const functions = { migrate: seen };
  await server.swap(counter({ letter: 'A', version: 301, size: 16, functions }));
  const expected = (count: number): number[] => [
    ...[count, 0, 0, 0, 0x61 + count, ...Array(19).fill(0)],
    ...Array(16).fill(0),
    ...[24, 0, 0, 0, 300 & 255, 300 >> 8, 0, 0],
  ];
  t.deepEqual([...one.received()], expected(1));
  t.deepEqual([...two.received()], expected(2));
  t.deepEqual(server.traps, []);
});

test('a module that expects other state blocks and has no migrate is refused', async (t) => {
  const server = await harness(counter({ letter: 'a' }), { name: 'counter' });
  const peer = server.connect();
  peer.send('x');
  for (const bad of [
    counter({ letter: 'A', size: 16 }),
    counter({ letter: 'A', version: 1 }),
    guest(),
  ]) {
    await t.throwsAsync(server.swap(bad), {
      name: 'WasmpollError',
      code: 'ERR_GUEST',
      message:
        /^counter: cannot take over: state blocks have 8 bytes of version 0, it expects .* has no migrate; export migrate, or restart the server with it$/,
    });
  }
  peer.send('x');
  t.is(peer.text(), 'bc');
  t.deepEqual(server.traps, []);
});

test('a module that does not load, or does not start, is refused as ever, and the old one goes on', async (t) => {
  const server = await harness(counter({ letter: 'a' }));
  const peer = server.connect();
  peer.send('x');
  const bytes = Uint8Array.of(1, 2, 3);
  await t.throwsAsync(server.swap(bytes), { code: 'ERR_MODULE', message: /not a module/ });
  const trapping = guest({ functions: { _initialize: [unreachable] } });
  await t.throwsAsync(server.swap(trapping), { code: 'ERR_GUEST', message: /start-up failed/ });
  peer.send('x');
  t.is(peer.text(), 'bc');
  t.deepEqual(server.traps, []);
});

const three = [get(OLD!), load(), i32(3), equal, when(unreachable)];

test('a trap in migrate loses that connection only', async (t) => {
  const server = await harness(counter({ letter: 'a' }));
  const peers = Array.from({ length: 8 }, () => server.connect());
  for (const [index, peer] of peers.entries()) for (let n = 0; n < index; n += 1) peer.send('x');
  for (const peer of peers) peer.received();
  await server.swap(counter({ letter: 'A', at: 16, version: 1, migrate: three }));
  t.is(server.traps.length, 1);
  t.regex(server.traps[0]!, /unreachable/);
  for (const [index, peer] of peers.entries()) {
    if (index === 3) {
      t.is(peer.closeReason, REASON_TRAP);
      t.is(peer.state, 'reset');
      continue;
    }
    peer.send('x');
    t.is(peer.text(), String.fromCharCode(0x42 + index));
  }
  t.is(server.stats().guestTraps, 1);
});

test('on_close of a connection that is lost in migrate finds a zeroed block', async (t) => {
  const server = await harness(counter({ letter: 'a' }));
  const peers = Array.from({ length: 4 }, () => server.connect());
  for (const [index, peer] of peers.entries()) for (let n = 0; n < index; n += 1) peer.send('x');
  const count = [get(1), load(16), i32(0x30), add];
  const on_close = [
    [i32(2048), count, [0x3a, 0, 0]],
    [i32(1), i32(2048), i32(1), call('log')],
  ];
  const functions = { on_close };
  await server.swap(counter({ letter: 'A', at: 16, version: 1, migrate: three, functions }));
  peers[2]!.close();
  t.deepEqual(logged(server), ['0', '2']);
});

test('when every migrate traps every connection is lost, and the new module serves the next', async (t) => {
  const server = await harness(counter({ letter: 'a' }));
  const peers = Array.from({ length: 10 }, () => server.connect());
  await server.swap(counter({ letter: 'A', version: 1, migrate: unreachable }));
  t.true(peers.every(({ closeReason }) => closeReason === REASON_TRAP));
  const peer = server.connect();
  peer.send('x');
  t.is(peer.text(), 'B');
  peer.close();
  t.deepEqual(leftovers(server), nothing);
});

test('on_restore comes for every live connection after all were migrated', async (t) => {
  const restored = (letter: string, trap: boolean) =>
    counter({
      letter,
      at: letter === 'A' ? 16 : 0,
      version: letter.charCodeAt(0),
      migrate: [get(0), i32(60), i32(1), call('send'), drop],
      functions: {
        on_restore: [
          [get(0), i32(61), i32(1), call('send'), drop],
          trap ? [get(1), load(16), i32(2), equal, when(unreachable)] : [],
        ],
      },
    });
  const server = await harness(counter({ letter: 'a' }));
  const peers = Array.from({ length: 4 }, () => server.connect());
  for (const [index, peer] of peers.entries()) for (let n = 0; n < index; n += 1) peer.send('x');
  for (const peer of peers) peer.received();
  await server.swap(restored('A', true));
  // The third failed in on_restore: a fresh instance was told of the others once more.
  t.deepEqual(
    peers.map((peer) => peer.received().length),
    [3, 3, 1, 2],
  );
  t.deepEqual(
    peers.map((peer) => peer.closeReason),
    [undefined, undefined, REASON_TRAP, undefined],
  );
  peers[1]!.send('x');
  t.is(peers[1]!.text(), 'C');
});

test('timers, pauses and held input survive a swap, and globals are made anew', async (t) => {
  const server = await scripted();
  const [timed, paused, held] = [
    open(server, '+ 1;t .,1000;'),
    open(server, '+ 2;'),
    open(server, '+ 3;m 4,0;'),
  ];
  paused.send('P .;t .,2000;e t{R .;}');
  held.send(Uint8Array.of(5, 0x61, 0x62));
  paused.send('s .,late;');
  logged(server);
  server.advance(400);
  await server.swap(scriptedModule);
  t.deepEqual(logged(server), ['restore 0 1', 'restore 1 2', 'restore 2 3']);
  server.advance(599);
  t.deepEqual(logged(server), []);
  server.advance(1);
  t.deepEqual(logged(server), ['timer 0']);
  held.send('cde');
  t.is(held.text(), '\u0005abcde');
  t.is(paused.text(), '');
  server.advance(1000);
  t.is(paused.text(), 'late');
  timed.send('s .,still;');
  t.is(timed.text(), 'still');
});

test('half a frame and a backlog survive fifty swaps byte for byte', async (t) => {
  const server = await harness(framed[0]);
  const frames = new Frames(1);
  const peer = server.connect({ bufferBytes: 4096 });
  const expected: Buffer[] = [];
  const got: Uint8Array[] = [];
  for (let round = 0; round < 50; round += 1) {
    const { frame, answer } = frames.next(frames.below(3000));
    expected.push(answer);
    const middle = frames.below(frame.length);
    t.is(peer.send(frame.subarray(0, middle)), middle);
    await server.swap(framed[(round + 1) % 2]!);
    t.is(peer.send(frame.subarray(middle)), frame.length - middle);
    if (round % 5 === 4) got.push(peer.received());
  }
  t.is(Buffer.compare(Buffer.concat(got), Buffer.concat(expected)), 0);
  t.deepEqual(server.traps, []);
});

test('a connection that closes while its output waits is told so by the new module', async (t) => {
  const server = await scripted();
  const peer = open(server, 'b .,2,4000,x;x .,0;', 1000);
  t.is(peer.closeReason, undefined);
  logged(server);
  await server.swap(scriptedModule);
  t.is(peer.received().length, 8000);
  t.deepEqual(logged(server), ['restore 0 0', 'close 0 2 0']);
  peer.close();
  server.advance(5000);
  t.deepEqual(leftovers(server), nothing);
});

test('a guest may gain and lose its state', async (t) => {
  const nothingKept = guest({
    functions: {
      migrate: [],
      on_data: [get(0), get(2), get(3), call('send'), drop, get(3)],
    },
  });
  const server = await harness(nothingKept);
  const peer = server.connect();
  peer.send('echo');
  const gained = counter({
    letter: 'a',
    functions: { migrate: [get(NEW!), get(OLD_SIZE!), i32(5), add, [0x36, 0, 0]] },
  });
  await server.swap(gained);
  peer.send('x');
  await server.swap(nothingKept);
  peer.send('echo');
  t.is(peer.text(), 'echogecho');
});
