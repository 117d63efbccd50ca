// Unconsumed input: what on_data leaves stands in front of what comes next, and ends in on_end.

import test from 'ava';
import {
  REASON_FRAME,
  REASON_FRAME_TIMEOUT,
  REASON_GUEST,
  REASON_PEER,
  REASON_TRAP,
  STATUS_LIMIT,
} from '../../assembly/abi.ts';
import { echo, logged, open, scripted, small, statuses } from '../helpers/guests.ts';

const numbered = (lines: number): string =>
  Array.from({ length: lines }, (_, index) => `line ${index}\n`).join('');

test('10,000 pipelined lines are answered by one call each', async (t) => {
  const server = await scripted();
  const peer = open(server, 'q;m 2,0;');
  const lines = numbered(10_000);
  peer.send(lines);
  t.is(peer.text(), lines);
  t.is(server.stats().messages, 10_000);
  t.is(server.stats().poolBytes, 0);
});

for (const callbacksPerTurn of [1, 2, 7, 10_000]) {
  test(`${callbacksPerTurn} callbacks a turn give the same answers`, async (t) => {
    const server = await scripted({ policy: { callbacksPerTurn } });
    const [a, b] = [open(server, 'q;m 2,0;'), open(server, 'q;m 2,0;')];
    const lines = numbered(300);
    a.send(lines);
    b.send(lines);
    t.is(a.text(), lines);
    t.is(b.text(), lines);
  });
}

test('a connection with much to do lets the others have their turn', async (t) => {
  const server = await scripted({ policy: { callbacksPerTurn: 3 } });
  const [greedy, other] = [open(server, 'm 2,0;'), open(server, 'm 2,0;')];
  const gate = server.connect();
  gate.send('P 0;P 1;');
  greedy.send('a\nb\nc\nd\ne\nf\n');
  other.send('g\n');
  gate.send('R 0;R 1;');
  const order = logged(server).filter((line) => /^data [01] [a-g]/.test(line));
  // Whose turn comes first is the kernel's choice.
  t.regex(order.map((line) => line[7]).join(''), /^(?:gabcdef|abcgdef)$/);
});

test('unconsumed input stands in front of new bytes, wherever it is split', async (t) => {
  const lines = 'one\ntwo\n\nthree\nfour';
  for (let first = 0; first <= lines.length; first += 1) {
    for (let second = first; second <= lines.length; second += 3) {
      const server = await scripted({ policy: small });
      const peer = open(server, 'm 2,0;e e{E;}');
      peer.send(lines.slice(0, first));
      peer.send(lines.slice(first, second));
      peer.send(lines.slice(second));
      t.is(peer.text(), 'one\ntwo\n\nthree\n');
      peer.end();
      t.is(peer.text(), 'four', `split at ${first} and ${second}`);
      t.is(
        logged(server).findLast((line) => line.startsWith('end')),
        'end 0 four',
      );
    }
  }
});

test('every partial consumption is offered its rest at once', async (t) => {
  for (const most of [1, 2, 3, 5, 100]) {
    const server = await scripted();
    const peer = open(server, `m 1,${most};`);
    peer.send('abcdefghij');
    t.is(peer.text(), 'abcdefghij');
    t.is(server.stats().messages, Math.ceil(10 / most));
  }
});

test('zero consumed rests until more bytes come', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 3,0;');
  peer.send('a');
  server.advance(1000);
  t.deepEqual(logged(server).slice(1), ['data 0 a']);
  peer.send('b');
  t.deepEqual(logged(server), ['data 0 ab']);
});

test('zero consumed rests until resume is called', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 3,0;');
  const other = server.connect();
  peer.send('a');
  logged(server);
  other.send('R 0;');
  t.deepEqual(logged(server), ['data 1 R 0;', '=0', 'data 0 a']);
});

test('zero consumed rests until the peer ends', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 3,0;');
  peer.send('a');
  logged(server);
  peer.end();
  t.deepEqual(logged(server), ['end 0 a', 'close 0 1 0']);
});

for (const consumed of [2, 1000, -1, -2_147_483_648]) {
  test(`consuming ${consumed} of one byte is a failure`, async (t) => {
    const server = await scripted();
    const peer = open(server, `m 3,${consumed};e d{s .,never;}`);
    peer.send('x');
    t.is(peer.closeReason, REASON_TRAP);
    t.is(peer.text(), '');
    t.is(server.traps.length, 1);
    t.regex(server.traps[0]!, /on_data consumed \d+ of 1 bytes/);
  });
}

test('a frame that arrives byte by byte costs one call with want', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 4,0;');
  const frame = `\x32${'x'.repeat(50)}`;
  for (const byte of frame) peer.send(byte);
  t.is(peer.text(), frame);
  t.is(server.stats().messages, 2);
});

test('want is satisfied by exactly so many bytes', async (t) => {
  const server = await scripted();
  const peer = open(server, 'w .,4;');
  logged(server);
  peer.send('123');
  t.deepEqual(logged(server), []);
  peer.send('4');
  t.deepEqual(logged(server), ['data 0 1234']);
  peer.send('5');
  t.deepEqual(logged(server), ['data 0 5']);
});

test('want that is never satisfied gives its bytes to on_data and on_end at the end', async (t) => {
  const server = await scripted();
  const peer = open(server, 'w .,100;m 3,2;');
  logged(server);
  peer.send('abc');
  t.deepEqual(logged(server), []);
  peer.end();
  t.deepEqual(logged(server).slice(0, 2), ['data 0 abc', 'data 0 c']);
});

test('want at the end with nothing consumed gives the rest to on_end', async (t) => {
  const server = await scripted();
  const peer = open(server, 'w .,100;m 3,0;');
  logged(server);
  peer.send('abc');
  peer.end();
  t.deepEqual(logged(server), ['data 0 abc', 'end 0 abc', 'close 0 1 0']);
});

test('want that others lower gives the held bytes at once', async (t) => {
  const server = await scripted();
  const peer = open(server, 'w .,100;');
  const other = server.connect();
  peer.send('zzz');
  logged(server);
  other.send('w 0,4;');
  t.deepEqual(logged(server), ['data 1 w 0,4;', '=0']);
  other.send('w 0,3;');
  t.deepEqual(logged(server), ['data 1 w 0,3;', '=0', 'data 0 zzz']);
});

test('want after a part was consumed counts from the rest', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 3,2;e d{w .,3;}');
  logged(server);
  peer.send('abcd');
  t.deepEqual(logged(server), ['data 0 abcd', '=0']);
  peer.send('e');
  t.deepEqual(logged(server), ['data 0 cde', '=0']);
  peer.send('fg');
  t.deepEqual(logged(server), ['data 0 efg', '=0']);
});

test('want of more than a frame is refused', async (t) => {
  const server = await scripted({ policy: { maxFrameBytes: 4096 } });
  const peer = server.connect();
  t.deepEqual(statuses(server, peer, 'w .,4097;w .,-1;w .,2147483647;w .,4096;w .,0;'), [
    STATUS_LIMIT,
    STATUS_LIMIT,
    STATUS_LIMIT,
    0,
    0,
  ]);
});

test('nothing consumed of a full frame closes the connection', async (t) => {
  const server = await scripted({ policy: { maxFrameBytes: 4096 } });
  const peer = open(server, 'q;m 3,0;');
  peer.send('x'.repeat(4095));
  t.is(peer.closeReason, undefined);
  peer.send('x');
  t.is(peer.closeReason, REASON_FRAME);
  t.is(peer.state, 'ended');
  t.is(server.stats().errors.FRAME, 1);
});

test('no callback sees more than a frame, and the rest follows what it has used', async (t) => {
  const server = await scripted({ policy: { maxFrameBytes: 4096 } });
  const peer = open(server, 'q;m 1,1000000;');
  const input = 'x'.repeat(10_000);
  peer.send(input);
  t.is(peer.text(), input);
  t.is(server.stats().messages, 3);
});

test('how TCP has cut it does not decide whether a frame is too long', async (t) => {
  for (const [length, reason] of [
    [4096, undefined],
    [4097, REASON_FRAME],
  ] as const) {
    const line = `${'x'.repeat(length - 1)}\n`;
    for (const cut of [0, 1, 2000, 4095, 4096, length]) {
      const server = await scripted({ policy: { maxFrameBytes: 4096 } });
      const peer = open(server, 'q;m 2,0;');
      peer.send(line.slice(0, cut));
      peer.send(line.slice(cut));
      t.is(peer.closeReason, reason, `${length} bytes cut at ${cut}`);
      t.is(peer.text(), reason === undefined ? line : '');
    }
  }
});

test('a frame may be as long as the receive window, however it is cut', async (t) => {
  for (const policy of [{}, { maxFrameBytes: 1 << 20 }]) {
    const length = policy.maxFrameBytes ?? 128 << 10;
    const line = `${'x'.repeat(length - 1)}\n`;
    for (const cut of [0, 1, 70_000, length - 1]) {
      const server = await scripted({ policy });
      const peer = open(server, 'q;m 2,0;');
      peer.send(line.slice(0, cut));
      peer.send(line.slice(cut));
      t.is(peer.text().length, length, `cut at ${cut}`);
      peer.send(`x${line}`);
      t.is(peer.closeReason, REASON_FRAME);
    }
  }
});

test('a full frame that is wanted and then consumed is fine', async (t) => {
  const server = await scripted({ policy: { maxFrameBytes: 4096 } });
  const peer = open(server, 'q;m 1,4096;w .,4096;');
  peer.send('x'.repeat(2000));
  t.is(peer.text(), '');
  peer.send('x'.repeat(2096));
  t.is(peer.text().length, 4096);
});

test('a frame that does not get on is closed after frameTimeoutMs', async (t) => {
  for (const setup of ['m 3,0;', 'w .,50;']) {
    const server = await scripted({ policy: { frameTimeoutMs: 1000 } });
    const peer = open(server, setup);
    server.advance(5000);
    peer.send('a');
    server.advance(600);
    peer.send('b');
    server.advance(399);
    t.is(peer.closeReason, undefined, setup);
    server.advance(1);
    t.is(peer.closeReason, REASON_FRAME_TIMEOUT, setup);
  }
});

test('consuming a part starts the frame timeout anew', async (t) => {
  const server = await scripted({ policy: { frameTimeoutMs: 1000 } });
  const peer = open(server, 'm 2,0;');
  peer.send('a');
  server.advance(900);
  peer.send('\nb');
  server.advance(999);
  t.is(peer.closeReason, undefined);
  server.advance(1);
  t.is(peer.closeReason, REASON_FRAME_TIMEOUT);
});

test('input held by the guest itself has no timeout until it resumes', async (t) => {
  const server = await scripted({ policy: { frameTimeoutMs: 1000 } });
  const peer = open(server, 'm 2,0;');
  const other = server.connect();
  peer.send('a');
  other.send('P 0;');
  server.advance(10_000);
  t.is(peer.closeReason, undefined);
  other.send('R 0;');
  server.advance(999);
  t.is(peer.closeReason, undefined);
  server.advance(1);
  t.is(peer.closeReason, REASON_FRAME_TIMEOUT);
});

test('on_end that keeps leaves the connection open until the guest closes it', async (t) => {
  const server = await scripted();
  const peer = open(server, 'e e{k 1;t .,500;}e t{s .,late;x .,0;}');
  peer.end();
  t.is(peer.state, 'open');
  server.advance(500);
  t.is(peer.text(), 'late');
  t.is(peer.state, 'ended');
  t.is(peer.closeReason, REASON_GUEST);
});

test('on_end that does not keep sends its output before the FIN', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 2,0;e e{E;s .,+end;}', 2);
  peer.send('a\nrest');
  peer.end();
  t.is(peer.text(), 'a\nrest+end');
  t.is(peer.state, 'ended');
  t.is(peer.closeReason, REASON_PEER);
});

test('pause delays on_end, and resume delivers', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 2,0;e d{P .;}');
  const other = server.connect();
  peer.send('a\nb\n');
  peer.end();
  logged(server);
  server.advance(100_000);
  t.deepEqual(logged(server), []);
  other.send('R 0;');
  t.deepEqual(logged(server).slice(2), ['data 0 b\\x0a', '=0']);
  t.is(peer.state, 'open');
  other.send('R 0;');
  t.deepEqual(logged(server).slice(2), ['end 0', 'close 0 1 0']);
  t.is(peer.text(), 'a\nb\n');
});

test('pause holds what was received with it and reads nothing more', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 2,0;e d{P .;}');
  peer.send('a\nb\n');
  const before = server.stats().bytesIn;
  peer.send('c\n');
  t.is(server.stats().bytesIn, before);
  t.is(peer.text(), 'a\n');
  server.connect().send('R 0;');
  t.is(peer.text(), 'b\n');
});

test('resume and pause in one callback pause, pause and resume do not', async (t) => {
  const server = await scripted();
  const [a, b] = [server.connect(), server.connect()];
  a.send('R .;P .;');
  b.send('P .;R .;');
  a.send('s .,paused;');
  b.send('s .,not paused;');
  t.is(a.text(), '');
  t.is(b.text(), 'not paused');
});

test('a guest without on_end closes when the peer has', async (t) => {
  const server = await echo();
  const peer = server.connect();
  peer.send('bye');
  peer.end();
  t.is(peer.text(), 'bye');
  t.is(peer.state, 'ended');
  t.is(peer.closeReason, REASON_PEER);
});

test('a window full of lines is carried over windows without loss', async (t) => {
  const policy = { receiveWindowBytes: 2048, maxFrameBytes: 1024 };
  const server = await scripted({ policy });
  const peer = open(server, 'q;m 2,0;');
  const lines = numbered(2000);
  peer.send(lines);
  t.is(peer.text(), lines);
});

test('consuming one byte a call of a window works at any window size', async (t) => {
  const policy = { receiveWindowBytes: 2048, maxFrameBytes: 1024, callbacksPerTurn: 5 };
  const server = await scripted({ policy });
  const peer = open(server, 'q;m 1,1;');
  const text = numbered(1000);
  peer.send(text);
  t.is(peer.text(), text);
});

test('a guest that takes nothing of a whole frame and pauses keeps the connection until it resumes', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 3,0;e d{P .;}');
  const other = server.connect();
  peer.send('x'.repeat(200_000));
  t.is(peer.state, 'open');
  t.is(server.inspect(peer.connection)?.heldBytes, 128 * 1024);
  // It is asked again, and pauses again.
  other.send('R 0;');
  t.is(peer.state, 'open');
  t.deepEqual(server.traps, []);
});
