// The addon's calls for vectors, positions, folders, clocks and single waits.

import { constants, mkdirSync, openSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { READY } from '../../host/kernel/rows.ts';
import { loosely, owned, socketpair } from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';
import { arrived, sendAll } from '../helpers/wasi-host.ts';

const { EAGAIN, EBADF, EFAULT, ELOOP, ENOENT, ENOTDIR, EPIPE, ESPIPE, EXDEV } = native.constants;
const { EPOLLHUP, EPOLLIN, EPOLLOUT } = native.constants;
const ALL = 2 ** 31;

/** 64 bytes: pieces from 32 on, which divide what is before. */
function pieces(...list: readonly (readonly [offset: number, length: number])[]): Uint8Array {
  const view = new Uint8Array(64);
  new Uint32Array(view.buffer, 32).set(list.flat());
  return view;
}

const written = (view: Uint8Array): string => Buffer.from(view.subarray(0, 16)).toString('latin1');

test('vectors are sent and received over sockets, a part of them if so wanted', (t) => {
  const [a, b] = socketpair(t);
  const out = pieces([4, 4], [0, 0], [0, 4]);
  out.set(Buffer.from('abcdefgh'));
  t.is(native.sendv(a, out, 32, 3, 0, ALL), 8);
  t.is(native.sendv(a, out, 32, 3, 3, 2), 2);
  const into = pieces([8, 3], [0, 8]);
  t.is(native.peekv(b, into, 32, 1, 0, ALL), 3);
  t.is(native.recvv(b, into, 32, 2, 0, ALL), 10);
  t.is(written(into), 'habcdha\0efg\0\0\0\0\0');
  t.is(native.recvv(b, into, 32, 2, 0, ALL), -EAGAIN);
  native.shutdown(a, native.constants.SHUT_RDWR);
  t.is(native.recvv(b, into, 32, 2, 0, ALL), 0);
  t.is(native.sendv(b, out, 32, 1, 0, ALL), -EPIPE);
});

test('a socket in blocking mode is not waited for', (t) => {
  const [a] = socketpair(t);
  native.setFlags(a, native.getFlags(a) & ~constants.O_NONBLOCK);
  t.is(native.recvv(a, pieces([0, 4]), 32, 1, 0, ALL), -EAGAIN);
});

test('vectors are read and written at a position, or where the file stands', (t) => {
  const file = path.join(temporary(t), 'file');
  const fd = owned(t, openSync(file, 'w+'));
  const out = pieces([0, 2], [2, 2]);
  out.set(Buffer.from('abcd'));
  t.is(native.writev(fd, out, 32, 2, 0, ALL), 4);
  t.is(native.pwritev(fd, out, 32, 1, 0, ALL, 8), 2);
  t.is(native.seek(fd, 0, 1), 4);
  t.is(native.seek(fd, -2, 2), 8);
  t.is(native.seek(fd, -11, 2), -native.constants.EINVAL);
  const into = pieces([0, 16]);
  t.is(native.readv(fd, into, 32, 1, 0, ALL), 2);
  t.is(native.preadv(fd, into, 32, 1, 0, ALL, 1), 9);
  t.is(written(into).slice(0, 9), 'bcd\0\0\0\0ab');
  const [a] = socketpair(t);
  t.is(native.seek(a, 0, 1), -ESPIPE);
  t.is(native.preadv(a, into, 32, 1, 0, ALL, 0), -ESPIPE);
});

test('a piece or a pair that leaves the view is EFAULT, and nothing is moved', (t) => {
  const [a, b] = socketpair(t);
  sendAll(b, 'x');
  const max = 2 ** 32 - 1;
  for (const bad of [
    [64, 1],
    [63, 2],
    [0, 65],
    [max, 1],
    [1, max],
    [max, max],
    [65, 0],
  ] as const) {
    t.is(native.recvv(a, pieces([0, 4], bad), 32, 2, 0, ALL), -EFAULT, String(bad));
  }
  for (const [at, count] of [
    [32, 5],
    [57, 1],
    [64, 1],
    [65, 0],
    [2 ** 40, 1],
    [0, max],
  ] as const) {
    t.is(native.recvv(a, new Uint8Array(64), at, count, 0, ALL), -EFAULT, `${at} ${count}`);
  }
  t.is(native.recvv(a, pieces([0, 4]), 32, 1, 0, ALL), 1);
});

test('wrong arguments are refused before any system call', (t) => {
  const view = pieces([0, 1]);
  for (const name of ['readv', 'writev', 'recvv', 'peekv', 'sendv', 'preadv', 'pwritev'] as const) {
    const call = loosely(native[name]);
    const range = { instanceOf: RangeError, message: new RegExp(`^${name}: `) };
    t.throws(() => call(-1, view, 0, 1, 0, 1, 0), range);
    t.throws(() => call(0, view, -1, 1, 0, 1, 0), range);
    t.throws(() => call(0, view, 0, 2 ** 32, 0, 1, 0), range);
    t.throws(() => call(0, view, 0, 1, -1, 1, 0), range);
    t.throws(() => call(0, view, 0, 1, 0, 0.5, 0), range);
    t.throws(() => call(0, [], 0, 1, 0, 1, 0), { instanceOf: TypeError });
  }
  t.throws(() => native.preadv(0, view, 0, 1, 0, 1, -1), { message: /^preadv: position/ });
  t.throws(() => native.openBeneath(0, 'a\0b', 0, 0), { message: /NUL/ });
  t.throws(() => native.openBeneath(0, 'a', 0, 0o1000), { instanceOf: RangeError });
  t.throws(() => native.seek(0, 2 ** 60, 0), { instanceOf: RangeError });
  t.throws(() => native.poll(0, 2 ** 15, -1, 0), { instanceOf: RangeError });
  t.throws(() => native.poll(0, 1, -2, 0), { instanceOf: RangeError });
  t.throws(() => native.clockTime(0, new Uint32Array(1)), { message: /two elements/ });
  t.throws(() => native.setTimes('x', 0, 1e9, 0, 0), { instanceOf: RangeError });
  t.throws(() => native.epoll().waitReady(new Uint32Array(3), 0), { message: /takes 4 elements/ });
});

function folder(t: ExecutionContext): { fd: number; inside: string } {
  const outside = temporary(t);
  const inside = path.join(outside, 'inside');
  mkdirSync(inside);
  writeFileSync(path.join(outside, 'secret'), '');
  return { fd: owned(t, openSync(inside, 'r')), inside };
}

test('opening beneath a folder stays there', (t) => {
  const { fd, inside } = folder(t);
  mkdirSync(path.join(inside, 'dir'));
  symlinkSync('..', path.join(inside, 'up'));
  symlinkSync('/etc', path.join(inside, 'absolute'));
  symlinkSync('dir', path.join(inside, 'link'));
  symlinkSync('loop', path.join(inside, 'loop'));
  for (const name of ['..', 'dir/../..', 'up/secret', 'absolute/passwd', '/', '/etc/passwd']) {
    t.is(native.openBeneath(fd, name, 0, 0), -EXDEV, name);
  }
  t.is(native.openBeneath(fd, 'none', 0, 0), -ENOENT);
  t.is(native.openBeneath(fd, 'loop', 0, 0), -ELOOP);
  t.is(native.openBeneath(fd, 'link', constants.O_NOFOLLOW, 0), -ELOOP);
  const made = native.openBeneath(
    fd,
    'link/../made',
    constants.O_CREAT | constants.O_WRONLY,
    0o600,
  );
  native.close(made);
  t.is(native.openBeneath(fd, 'made/x', 0, 0), -ENOTDIR);
  t.is(statSync(path.join(inside, 'made')).mode & 0o777, 0o600);
});

test('links of /proc do not lead out either', (t) => {
  const proc = owned(t, openSync('/proc/self/fd', 'r'));
  t.true([-EXDEV, -ELOOP].includes(native.openBeneath(proc, String(proc), 0, 0)));
});

test('a wait ends with the descriptor’s events, at its time, or by the other descriptor', (t) => {
  const [a, b] = socketpair(t);
  const wake = owned(t, native.eventfd(0));
  t.is(native.poll(a, EPOLLIN, wake, 0), 0);
  t.is(native.poll(a, EPOLLIN | EPOLLOUT, -1, -1), EPOLLOUT);
  sendAll(b, 'x');
  t.is(native.poll(a, EPOLLIN, wake, -1), EPOLLIN);
  native.recv(a, Buffer.alloc(1), 0, 1);
  native.write(wake, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), 0, 8);
  t.is(native.poll(a, EPOLLIN, wake, -1), 0);
  native.shutdown(b, native.constants.SHUT_RDWR);
  t.is(native.poll(a, 0, -1, -1) & EPOLLHUP, EPOLLHUP);
});

test('clocks are read in nanoseconds, and there is no other', (t) => {
  const out = new Uint32Array(2);
  const now = (): bigint => (BigInt(out[1]!) << 32n) | BigInt(out[0]!);
  const before = process.hrtime.bigint();
  t.is(native.clockTime(1, out), 0);
  t.true(now() >= before && now() <= process.hrtime.bigint());
  t.is(native.clockResolution(1, out), 0);
  t.true(now() > 0n && now() <= 1_000_000_000n);
  t.is(native.clockTime(1000, out), -native.constants.EINVAL);
});

test('the time that a thread has run is read by its clock, and grows while it runs', (t) => {
  const out = new Uint32Array(2);
  const clock = native.threadClock();
  const now = (): number => {
    t.is(native.clockTime(clock, out), 0);
    return out[1]! * 2 ** 32 + out[0]!;
  };
  const before = now();
  while (now() < before + 1e6);
  t.true(before > 0);
});

test('times are set to the nanosecond, to now, or left', (t) => {
  const file = path.join(temporary(t), 'file');
  writeFileSync(file, '');
  const times = () => {
    const { atimeNs, mtimeNs } = statSync(file, { bigint: true });
    return [atimeNs, mtimeNs];
  };
  t.is(native.setTimes(file, 5, 7, 1_600_000_000, 123_456_789), 0);
  t.deepEqual(times(), [5_000_000_007n, 1_600_000_000_123_456_789n]);
  t.is(native.setTimes(file, 0, -2, 3, 0), 0);
  t.deepEqual(times(), [5_000_000_007n, 3_000_000_000n]);
  t.is(native.setTimes(file, 0, -1, 0, -2), 0);
  t.true(times()[0]! > 1_600_000_000_000_000_000n);
  t.is(native.setTimes('/none', 0, -1, 0, -1), -ENOENT);
});

test('what is ready is told with its descriptor and the bytes that wait', (t) => {
  const [a, b] = socketpair(t);
  const waiting = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  owned(t, native.connectTcp('127.0.0.1', port));
  arrived(waiting);
  sendAll(b, 'five!');
  const epoll = native.epoll();
  t.teardown(() => epoll.close());
  epoll.add(a, EPOLLIN, a, 7);
  epoll.add(waiting, EPOLLIN, waiting, 8);
  const events = new Uint32Array(READY * 4);
  t.is(epoll.waitReady(events, -1), 2);
  const rows = [events.subarray(0, 4), events.subarray(4, 8)].map((row) => [...row]);
  t.deepEqual(
    rows.sort((x, y) => x[1]! - y[1]!),
    [
      [a, 7, EPOLLIN, 5],
      [waiting, 8, EPOLLIN, 0],
    ],
  );
  epoll.close();
  t.is(epoll.waitReady(events, 0), -EBADF);
});

test('flags of an open file are read and set', (t) => {
  const fd = owned(t, openSync(path.join(temporary(t), 'file'), 'a'));
  t.is(native.getFlags(fd) & constants.O_APPEND, constants.O_APPEND);
  t.is(native.setFlags(fd, native.getFlags(fd) & ~constants.O_APPEND), 0);
  t.is(native.getFlags(fd) & constants.O_APPEND, 0);
  t.is(native.getFlags(1_000_000), -EBADF);
});
