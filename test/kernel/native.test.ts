// The addon, call by call: results, errors, refusals, and what happens to descriptors and memory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants as os, tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import * as kernel from '../../host/kernel/contract.ts';
import { addonPaths, loadNative, native, packageRoot } from '../../host/kernel/native.ts';
import {
  collect,
  connection,
  descriptors,
  detach,
  drain,
  fill,
  loosely,
  owned,
  portOf,
  readable,
  results,
  rowsOf,
  socketpair,
  stuff,
  UNTOUCHED,
} from '../helpers/native.ts';
import type { WorkerMode } from '../helpers/native-worker.ts';

const { constants } = native;
const { KIND_COPY, KIND_NONE, KIND_RECV, KIND_SEND, EVENT } = kernel;
const NO_FD = 2 ** 31 - 1;

function temporary(t: ExecutionContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function outOfRange(t: ExecutionContext, call: () => unknown, message?: RegExp): void {
  const expected = { instanceOf: RangeError, code: 'ERR_OUT_OF_RANGE' };
  t.throws(call, message === undefined ? expected : { ...expected, message });
}

function wrongType(t: ExecutionContext, call: () => unknown): void {
  t.throws(call, { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' });
}

function wrongState(t: ExecutionContext, call: () => unknown): void {
  t.throws(call, { instanceOf: TypeError, code: 'ERR_INVALID_STATE' });
}

function events(room = 8): Uint32Array {
  return new Uint32Array(room * EVENT);
}

// --- loading

test('constants are those of the headers, errnos those of Node', (t) => {
  t.is(constants.EPOLLET, 2 ** 31);
  t.is(constants.EPOLLEXCLUSIVE, 2 ** 28);
  t.deepEqual([constants.EPOLLIN, constants.EPOLLOUT], [1, 4]);
  t.is(constants.SHUT_WR, 1);
  t.true(constants.SOMAXCONN >= 128);
  t.is(constants.FD_SETSIZE, 1024);
  for (const [name, value] of Object.entries(os.errno)) {
    if (name in constants) t.is(constants[name as 'EAGAIN'], value, name);
  }
  t.true(Object.values(constants).every((value) => Number.isSafeInteger(value) && value >= 0));
  t.true(Object.isFrozen(constants));
});

test('a package without an addon says what to do', (t) => {
  const root = temporary(t);
  const error = t.throws(() => loadNative(root), { code: 'ERR_ADDON' });
  t.regex(error?.message ?? '', /^no addon for linux-\w+ in .*: reinstall the package/);
});

test('an addon that is no library is refused with one line and its cause', (t) => {
  const root = temporary(t);
  mkdirSync(path.join(root, 'prebuilds', `linux-${process.arch}`), { recursive: true });
  writeFileSync(path.join(root, 'prebuilds', `linux-${process.arch}`, 'wasmpoll.node'), 'text');
  const error = t.throws(() => loadNative(root), { code: 'ERR_ADDON' });
  t.notRegex(error?.message ?? '', /\n/);
  t.true(error?.cause instanceof Error);
});

test('a checkout prefers its own build, an installed package the prebuilt addon', (t) => {
  const root = temporary(t);
  t.regex(addonPaths(root)[0] ?? '', /prebuilds\/linux-\w+\/wasmpoll\.node$/);
  mkdirSync(path.join(root, 'native'));
  writeFileSync(path.join(root, 'native', 'binding.gyp'), '{}');
  t.regex(addonPaths(root)[0] ?? '', /native\/build\/Release\/wasmpoll\.node$/);
  t.is(addonPaths(root).length, 2);
});

test('the package root is the nearest folder with a package.json', (t) => {
  const root = temporary(t);
  mkdirSync(path.join(root, 'dist', 'host'), { recursive: true });
  writeFileSync(path.join(root, 'package.json'), '{}');
  t.is(packageRoot(path.join(root, 'dist', 'host')), root);
  t.throws(() => packageRoot('/proc/self'), { code: 'ERR_ADDON' });
});

// --- arguments

const WRONG_TYPES = [undefined, null, '1', [], {}, Symbol('one'), 1n, true, () => 1];
const BAD_INTEGERS = [Number.NaN, Infinity, -Infinity, 1.5, 2 ** 32, 2 ** 53, -(2 ** 53)];

type Sort = 'fd' | 'u32' | 'small' | 'int';
/** What each sort of number refuses besides what no integer argument takes. */
const BAD: Record<Sort, number[]> = {
  fd: [-1, 2 ** 31],
  u32: [-1],
  small: [-2, 2 ** 31],
  int: [-(2 ** 31) - 1, 2 ** 31],
};

const bytes = new Uint8Array(8);
const spare = native.epoll();
const io = native.io(new Int32Array(kernel.ROW));

/** Every numeric argument of every entry point, as a call with only that argument open. */
const NUMBERS: [string, Sort, (value: unknown) => unknown][] = [
  ['Epoll add fd', 'fd', (x) => loosely(spare.add.bind(spare))(x, 1, 0, 0)],
  ['Epoll add mask', 'u32', (x) => loosely(spare.add.bind(spare))(NO_FD, x, 0, 0)],
  ['Epoll add low', 'u32', (x) => loosely(spare.add.bind(spare))(NO_FD, 1, x, 0)],
  ['Epoll add high', 'u32', (x) => loosely(spare.add.bind(spare))(NO_FD, 1, 0, x)],
  ['Epoll modify fd', 'fd', (x) => loosely(spare.modify.bind(spare))(x, 1, 0, 0)],
  ['Epoll modify mask', 'u32', (x) => loosely(spare.modify.bind(spare))(NO_FD, x, 0, 0)],
  ['Epoll remove fd', 'fd', (x) => loosely(spare.remove.bind(spare))(x)],
  ['Epoll wait timeout', 'small', (x) => loosely(spare.wait.bind(spare))(events(), x)],
  ['Io bind index', 'small', (x) => loosely(io.bind.bind(io))(x, bytes)],
  ['Io run from', 'small', (x) => loosely(io.run.bind(io))(x, 1)],
  ['Io run to', 'small', (x) => loosely(io.run.bind(io))(0, x)],
  ['Watcher fd', 'fd', (x) => new (native.Watcher as new (...v: unknown[]) => unknown)(x, () => 1)],
  ['listenTcp port', 'small', (x) => loosely(native.listenTcp)('127.0.0.1', x, false, 1)],
  ['listenTcp backlog', 'small', (x) => loosely(native.listenTcp)('127.0.0.1', 0, false, x)],
  ['listenUnix mode', 'small', (x) => loosely(native.listenUnix)('/nowhere/x', x, 1)],
  ['listenUnix backlog', 'small', (x) => loosely(native.listenUnix)('/nowhere/x', 0o600, x)],
  ['accept fd', 'fd', (x) => loosely(native.accept)(x)],
  ['connectTcp port', 'small', (x) => loosely(native.connectTcp)('127.0.0.1', x)],
  ['shutdown fd', 'fd', (x) => loosely(native.shutdown)(x, 1)],
  ['shutdown how', 'small', (x) => loosely(native.shutdown)(NO_FD, x)],
  ['close fd', 'fd', (x) => loosely(native.close)(x)],
  ['reset fd', 'fd', (x) => loosely(native.reset)(x)],
  ['localAddress fd', 'fd', (x) => loosely(native.localAddress)(x)],
  ['peerAddress fd', 'fd', (x) => loosely(native.peerAddress)(x)],
  ['setOption fd', 'fd', (x) => loosely(native.setOption)(x, 1, 1, 1)],
  ['setOption level', 'small', (x) => loosely(native.setOption)(NO_FD, x, 1, 1)],
  ['setOption option', 'small', (x) => loosely(native.setOption)(NO_FD, 1, x, 1)],
  ['setOption value', 'int', (x) => loosely(native.setOption)(NO_FD, 1, 1, x)],
  ['getOption fd', 'fd', (x) => loosely(native.getOption)(x, 1, 1)],
  ['getOption level', 'small', (x) => loosely(native.getOption)(NO_FD, x, 1)],
  ['getOption option', 'small', (x) => loosely(native.getOption)(NO_FD, 1, x)],
  ['eventfd initial', 'u32', (x) => loosely(native.eventfd)(x)],
  ['dup fd', 'fd', (x) => loosely(native.dup)(x, 0)],
  ['dup lowest', 'fd', (x) => loosely(native.dup)(NO_FD, x)],
  ['dup2 fd', 'fd', (x) => loosely(native.dup2)(x, NO_FD)],
  ['dup2 target', 'fd', (x) => loosely(native.dup2)(NO_FD, x)],
  ['errorName errno', 'small', (x) => loosely(native.errorName)(x === -2 ? -4096 : x)],
  ['systemError errno', 'small', (x) => loosely(native.systemError)('x', x === -2 ? 4096 : x)],
  ...(['recv', 'send', 'read', 'write'] as const).flatMap((name): typeof NUMBERS => [
    [`${name} fd`, 'fd', (x) => loosely(native[name])(x, bytes, 0, 1)],
    [`${name} offset`, 'small', (x) => loosely(native[name])(NO_FD, bytes, x, 1)],
    [`${name} length`, 'small', (x) => loosely(native[name])(NO_FD, bytes, 0, x)],
  ]),
];

for (const [name, sort, call] of NUMBERS) {
  test(`${name} must be a number of its range`, (t) => {
    const before = descriptors();
    for (const value of WRONG_TYPES) wrongType(t, () => call(value));
    for (const value of [...BAD_INTEGERS, ...BAD[sort]]) outOfRange(t, () => call(value));
    t.deepEqual(descriptors(), before);
  });
}

test('a borrowed descriptor of a new Epoll is checked like any other', (t) => {
  for (const value of WRONG_TYPES.slice(1)) wrongType(t, () => loosely(native.epoll)(value));
  for (const value of [...BAD_INTEGERS, ...BAD.fd]) {
    outOfRange(t, () => loosely(native.epoll)(value));
  }
});

test('masks and token halves take every u32', (t) => {
  for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
    t.is(spare.add(NO_FD, value, value, value), -constants.EBADF);
  }
});

test('strings, booleans, views and callbacks of another type are TypeErrors', (t) => {
  const texts = WRONG_TYPES.filter((value) => typeof value !== 'string');
  for (const value of [...texts, 1]) {
    wrongType(t, () => loosely(native.listenTcp)(value, 0, false, 1));
    wrongType(t, () => loosely(native.listenUnix)(value, 0o600, 1));
    wrongType(t, () => loosely(native.connectTcp)(value, 1));
    wrongType(t, () => loosely(native.connectUnix)(value));
    wrongType(t, () => loosely(native.systemError)(value, 1));
    if (value !== undefined) wrongType(t, () => loosely(native.systemError)('x', 1, value));
  }
  for (const value of [...WRONG_TYPES.filter((one) => one !== true), 1]) {
    wrongType(t, () => loosely(native.listenTcp)('127.0.0.1', 0, value, 1));
  }
  const views = [...WRONG_TYPES, 1, new ArrayBuffer(8), new DataView(new ArrayBuffer(8))];
  for (const value of [...views, new Uint8ClampedArray(8), new Int8Array(8), new Float64Array(8)]) {
    wrongType(t, () => loosely(native.io)(value));
    wrongType(t, () => loosely(io.bind.bind(io))(0, value));
    wrongType(t, () => loosely(spare.wait.bind(spare))(value, 0));
    wrongType(t, () => loosely(native.recv)(NO_FD, value, 0, 1));
  }
  wrongType(t, () => loosely(native.io)(new Proxy(new Int32Array(8), {})));
  const Watcher = native.Watcher as new (...values: unknown[]) => unknown;
  for (const value of [undefined, null, '1', [], {}, Symbol('one'), 1n, true]) {
    wrongType(t, () => new Watcher(spare.fd, value));
  }
});

test('a call without arguments is a TypeError and surplus arguments are ignored', (t) => {
  const bare = ['listenTcp', 'listenUnix', 'accept', 'connectTcp', 'connectUnix', 'shutdown'];
  const more = ['close', 'reset', 'localAddress', 'peerAddress', 'setOption', 'getOption', 'recv'];
  const rest = ['send', 'read', 'write', 'eventfd', 'errorName', 'systemError'];
  for (const name of [...bare, ...more, ...rest]) {
    wrongType(t, () => loosely(native[name as 'close'])());
  }
  t.is(loosely(native.close)(NO_FD, 1, 2, 3, 4, 5, 6, 7, 8), -constants.EBADF);
});

test('the first bad argument is named with its range and with what was given', (t) => {
  t.throws(() => native.close(-1), {
    message: 'close: fd must be an integer from 0 to 2147483647, got -1',
  });
  t.throws(() => loosely(native.close)('1'), {
    message: 'close: fd must be a number, got a string',
  });
  t.throws(() => spare.add(0, 2 ** 32, -1, 0), {
    message: 'Epoll.add: mask must be an integer from 0 to 4294967295, got 4294967296',
  });
  t.throws(() => native.close(Number.NaN), { message: /got NaN$/ });
});

test('methods called on another object are TypeErrors', (t) => {
  const watcher = new native.Watcher(spare.fd, () => {});
  t.teardown(() => watcher.close());
  const ours: object[] = [spare, io, watcher];
  const others = [undefined, null, 1, 'x', {}, [], Symbol('x'), Object.create(spare), new Map()];
  for (const object of ours) {
    const prototype = Object.getPrototypeOf(object) as object;
    const foreign = [...others, prototype, ...ours.filter((one) => one !== object)];
    for (const [name, entry] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (name === 'constructor') continue;
      const method = (entry.get ?? entry.value) as () => unknown;
      for (const self of foreign) {
        const call = () => Reflect.apply(method, self, [0, 1, 2, 3]);
        t.throws(call, { instanceOf: TypeError }, name);
      }
    }
  }
});

test('classes cannot be called without new, and a subclass is as good as its parent', (t) => {
  t.throws(() => loosely(native.Watcher)(0, () => {}), { instanceOf: TypeError });
  const Epoll = spare.constructor as new (fd?: number) => kernel.Epoll;
  t.throws(() => loosely(Epoll)(), { instanceOf: TypeError });
  class Named extends Epoll {}
  const named = new Named();
  t.true(named.fd > 2);
  t.is(named.wait(events(), 0), 0);
  named.close();
  t.throws(() => new Named(-1), { instanceOf: RangeError });
});

// --- Epoll

test('wait tells token and mask, and level-triggered events come again', (t) => {
  const epoll = native.epoll();
  t.teardown(() => epoll.close());
  const [a, b] = socketpair(t);
  t.is(epoll.add(a, constants.EPOLLIN, 2 ** 32 - 1, 2 ** 31), 0);
  const list = events();
  t.is(epoll.wait(list, 0), 0);
  native.send(b, bytes, 0, 1);
  for (let round = 0; round < 2; round += 1) {
    t.is(epoll.wait(list, -1), 1);
    t.deepEqual([...list.subarray(0, 4)], [2 ** 32 - 1, 2 ** 31, constants.EPOLLIN, 0]);
  }
  t.is(epoll.modify(a, (constants.EPOLLOUT | constants.EPOLLET) >>> 0, 5, 6), 0);
  t.is(epoll.wait(list, 0), 1);
  t.deepEqual([...list.subarray(0, 3)], [5, 6, constants.EPOLLOUT]);
  t.is(epoll.wait(list, 0), 0);
  t.is(epoll.remove(a), 0);
  t.is(epoll.remove(a), -constants.ENOENT);
});

test('wait fills no more than the array has room for, and the rest comes next', (t) => {
  const epoll = native.epoll();
  t.teardown(() => epoll.close());
  for (let token = 0; token < 5; token += 1) {
    epoll.add(owned(t, native.eventfd(1)), constants.EPOLLIN, token, 0);
  }
  const list = new Uint32Array(2 * EVENT + 2).fill(9);
  t.is(epoll.wait(list, 0), 2);
  t.deepEqual([...list.subarray(2 * EVENT)], [9, 9]);
  t.is(epoll.wait(events(1000), 0), 5);
  t.is(epoll.wait(new Uint32Array(new SharedArrayBuffer(300)), 0), 5);
  for (const room of [0, 1, 2]) outOfRange(t, () => epoll.wait(new Uint32Array(room), 0));
});

test('epoll_ctl errors are returned as −errno', (t) => {
  const epoll = native.epoll();
  t.teardown(() => epoll.close());
  const fd = owned(t, native.eventfd(0));
  const { EPOLLIN, EPOLLRDHUP, EPOLLEXCLUSIVE } = constants;
  t.is(epoll.modify(fd, EPOLLIN, 0, 0), -constants.ENOENT);
  t.is(epoll.add(fd, EPOLLIN, 0, 0), 0);
  t.is(epoll.add(fd, EPOLLIN, 0, 0), -constants.EEXIST);
  t.is(epoll.add(epoll.fd, EPOLLIN, 0, 0), -constants.EINVAL);
  t.is(epoll.add(NO_FD, EPOLLIN, 0, 0), -constants.EBADF);
  const other = owned(t, native.eventfd(0));
  t.is(epoll.add(other, EPOLLEXCLUSIVE | EPOLLRDHUP, 0, 0), -constants.EINVAL);
  const nested = native.epoll();
  t.teardown(() => nested.close());
  t.is(nested.add(epoll.fd, EPOLLIN, 0, 0), 0);
  t.is(epoll.add(nested.fd, EPOLLIN, 0, 0), -constants.ELOOP);
});

test('a closed set answers −EBADF, and closing twice is fine', (t) => {
  const epoll = native.epoll();
  const fd = epoll.fd;
  epoll.close();
  epoll.close();
  t.is(epoll.fd, -1);
  t.is(epoll.wait(events(), 0), -constants.EBADF);
  t.is(epoll.add(0, 1, 0, 0), -constants.EBADF);
  t.is(epoll.remove(0), -constants.EBADF);
  const again = native.epoll(fd);
  t.is(again.wait(events(), 0), -constants.EBADF);
});

test('a borrowed set shares its registrations and is left open', (t) => {
  const epoll = native.epoll();
  t.teardown(() => epoll.close());
  epoll.add(owned(t, native.eventfd(1)), constants.EPOLLIN, 3, 4);
  const borrowed = native.epoll(epoll.fd);
  t.is(borrowed.fd, epoll.fd);
  t.is(borrowed.wait(events(), 0), 1);
  borrowed.close();
  t.is(borrowed.fd, -1);
  t.is(epoll.wait(events(), 0), 1);
});

test('signals do not cut a wait short', async (t) => {
  let signals = 0;
  const count = () => {
    signals += 1;
  };
  process.on('SIGUSR2', count);
  t.teardown(() => process.off('SIGUSR2', count));
  const epoll = native.epoll();
  t.teardown(() => epoll.close());
  const pipe = native.pipe() as [number, number];
  pipe.map((fd) => owned(t, fd));
  epoll.add(pipe[0], constants.EPOLLIN, 1, 0);
  for (const timeoutMs of [-1, 60_000]) {
    const script = `kill -USR2 ${process.pid}; kill -USR2 ${process.pid}; printf x`;
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', pipe[1], 'inherit'] });
    t.is(epoll.wait(events(), timeoutMs), 1);
    t.is(native.read(pipe[0], bytes, 0, 8), 1);
    await once(child, 'exit');
  }
  t.true(signals >= 2);
});

test.serial('the garbage collector closes a forgotten set, and not a borrowed one', async (t) => {
  const keep = native.epoll();
  t.teardown(() => keep.close());
  const before = descriptors().length;
  for (let i = 0; i < 20; i += 1) native.epoll();
  for (let i = 0; i < 20; i += 1) native.epoll(keep.fd);
  await collect(() => descriptors().length === before);
  t.is(descriptors().length, before);
  t.is(keep.wait(events(), 0), 0);
});

// --- Io

test('rows are performed in order, and other kinds are skipped', (t) => {
  const [a, b] = socketpair(t);
  const memory = new Uint8Array(64);
  memory.set([1, 2, 3, 4, 5, 6, 7, 8]);
  const rows = rowsOf([
    { kind: KIND_NONE, buffer: 99, length: -1 },
    { kind: KIND_COPY, length: 4, target: 1, targetOffset: 10 },
    { kind: 77, fd: -1 },
    { kind: KIND_SEND, fd: a, buffer: 1, offset: 10, length: 4 },
    { kind: KIND_RECV, fd: b, offset: 32, length: 16 },
    { kind: KIND_RECV, fd: b, offset: 32, length: 16 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, memory);
  subject.bind(1, new Uint8Array(16));
  t.is(subject.run(1, 1), 1);
  t.deepEqual(results(rows), Array(6).fill(UNTOUCHED));
  t.is(subject.run(0, 6), 6);
  t.deepEqual(results(rows), [UNTOUCHED, 4, UNTOUCHED, 4, 4, -constants.EAGAIN]);
  t.deepEqual([...memory.subarray(32, 37)], [1, 2, 3, 4, 0]);
});

test('a run performs only its rows', (t) => {
  const rows = rowsOf([
    { kind: KIND_COPY, length: 1 },
    { kind: KIND_COPY, length: 2 },
    { kind: KIND_COPY, length: 3 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, new Uint8Array(8));
  t.is(subject.run(1, 2), 2);
  t.deepEqual(results(rows), [UNTOUCHED, 2, UNTOUCHED]);
  t.is(subject.run(3, 3), 3);
  outOfRange(t, () => subject.run(2, 1));
  outOfRange(t, () => subject.run(0, 4));
  outOfRange(t, () => subject.run(4, 4));
  outOfRange(t, () => native.io(new Int32Array(7)));
  t.is(native.io(new Int32Array(0)).run(0, 0), 0);
});

test('a copy within one buffer may overlap', (t) => {
  const memory = Uint8Array.from([1, 2, 3, 4, 5, 0, 0]);
  const subject = native.io(rowsOf([{ kind: KIND_COPY, length: 5, targetOffset: 2 }]));
  subject.bind(0, memory);
  subject.run(0, 1);
  t.deepEqual([...memory], [1, 2, 1, 2, 3, 4, 5]);
});

test('receives report data, emptiness, the end and errors, and never stop a run', async (t) => {
  const [client, server] = await connection(t);
  const rows = rowsOf([
    { kind: KIND_RECV, fd: server, length: 8 },
    { kind: KIND_RECV, fd: NO_FD, length: 8 },
    { kind: KIND_RECV, fd: -1, length: 8 },
    { kind: KIND_COPY, length: 8 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, new Uint8Array(8));
  t.is(subject.run(0, 4), 4);
  const { EAGAIN, EBADF } = constants;
  t.deepEqual(results(rows), [-EAGAIN, -EBADF, -EBADF, 8]);
  native.shutdown(client, constants.SHUT_WR);
  await readable(server);
  subject.run(0, 1);
  t.is(results(rows)[0], 0);
});

test('a reset after data gives the data first', async (t) => {
  const listener = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const client = native.connectTcp('127.0.0.1', portOf(listener));
  await readable(listener);
  const server = owned(t, native.accept(listener));
  native.send(client, bytes, 0, 3);
  t.is(native.reset(client), 0);
  await readable(server);
  t.is(native.recv(server, bytes, 0, 8), 3);
  t.is(native.recv(server, bytes, 0, 8), -constants.ECONNRESET);
});

/** `count` rows of `small` bytes, each of another value, but row `at` of `large`. */
function unequal(fd: number, count: number, at: number, small: number, large: number) {
  const lengths = Array.from({ length: count }, (_, i) => (i === at ? large : small));
  const memory = new Uint8Array(small * (count - 1) + large);
  const list = lengths.map((length, i) => {
    const offset = lengths.slice(0, i).reduce((sum, one) => sum + one, 0);
    memory.fill(i + 1, offset, offset + length);
    return { kind: KIND_SEND, fd, offset, length };
  });
  return { memory, rows: rowsOf(list), lengths };
}

for (let at = 0; at < 6; at += 1) {
  test(`a gather that falls short at row ${at} says so and has sent exactly what stands before`, (t) => {
    const [a, b] = socketpair(t);
    native.setOption(a, constants.SOL_SOCKET, constants.SO_SNDBUF, 1);
    const { memory, rows, lengths } = unequal(a, 6, at, 37, 1 << 20);
    const subject = native.io(rows);
    subject.bind(0, memory);
    t.is(subject.run(0, 6), at);
    const got = results(rows);
    t.deepEqual(got.slice(0, at), lengths.slice(0, at));
    t.true((got[at] ?? 0) > 0 && (got[at] ?? 0) < (lengths[at] ?? 0));
    t.deepEqual(got.slice(at + 1), Array(5 - at).fill(UNTOUCHED));
    const sent = got.slice(0, at + 1).reduce((sum, one) => sum + one, 0);
    t.deepEqual(drain(b), Buffer.from(memory.subarray(0, sent)));
  });
}

test('a gather that ends exactly at a row gives the next one 0', (t) => {
  const capacity = () => {
    const [a, b] = socketpair(t);
    native.setOption(a, constants.SOL_SOCKET, constants.SO_SNDBUF, 1);
    return { a, b };
  };
  const size = native.send(capacity().a, new Uint8Array(1 << 20), 0, 1 << 20);
  const { a, b } = capacity();
  const rows = rowsOf([
    { kind: KIND_SEND, fd: a, length: size },
    { kind: KIND_SEND, fd: a, length: 1 << 20 },
    { kind: KIND_COPY, length: 1 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, new Uint8Array(1 << 20));
  t.is(subject.run(0, 3), 1);
  t.deepEqual(results(rows), [size, 0, UNTOUCHED]);
  t.is(drain(b).length, size);
});

test('a send that fails altogether puts −errno on its first row', (t) => {
  const [full] = socketpair(t);
  stuff(full);
  const [broken, peer] = socketpair(t);
  native.shutdown(peer, constants.SHUT_RDWR);
  const failures = [
    [full, -constants.EAGAIN],
    [broken, -constants.EPIPE],
    [NO_FD, -constants.EBADF],
    [-1, -constants.EBADF],
    [spare.fd, -constants.ENOTSOCK],
  ] as const;
  for (const [fd, result] of failures) {
    for (const count of [1, 3]) {
      const rows = rowsOf([
        { kind: KIND_COPY, length: 1 },
        { kind: KIND_SEND, fd, length: 0 },
        ...Array.from({ length: count }, () => ({ kind: KIND_SEND, fd, length: 4 })),
        { kind: KIND_COPY, length: 1 },
      ]);
      const subject = native.io(rows);
      subject.bind(0, new Uint8Array(8));
      t.is(subject.run(0, count + 3), 2);
      t.deepEqual(results(rows), [1, 0, result, ...Array(count).fill(UNTOUCHED)]);
    }
  }
});

test('rows for other descriptors and empty rows do not disturb a gather', (t) => {
  const [a, b] = socketpair(t);
  const [c, d] = socketpair(t);
  const lengths = [3, 0, 4, 0, 5, 1, 0, 2];
  const fds = [a, a, a, a, c, a, a, a];
  const memory = Uint8Array.from({ length: 64 }, (_, i) => i);
  const rows = rowsOf(
    lengths.map((length, i) => ({ kind: KIND_SEND, fd: fds[i] as number, offset: i * 8, length })),
  );
  const subject = native.io(rows);
  subject.bind(0, memory);
  t.is(subject.run(0, 8), 8);
  t.deepEqual(results(rows), lengths);
  t.deepEqual([...drain(b)], [0, 1, 2, 16, 17, 18, 19, 40, 56, 57]);
  t.deepEqual([...drain(d)], [32, 33, 34, 35, 36]);
});

for (const count of [63, 64, 65, 200]) {
  test(`${count} adjacent sends arrive whole and in order`, (t) => {
    const [a, b] = socketpair(t);
    const memory = Uint8Array.from({ length: count * 3 }, (_, i) => i);
    const rows = rowsOf(
      Array.from({ length: count }, (_, i) => ({
        kind: KIND_SEND,
        fd: a,
        offset: i * 3,
        length: 3,
      })),
    );
    const subject = native.io(rows);
    subject.bind(0, memory);
    t.is(subject.run(0, count), count);
    t.deepEqual(results(rows), Array(count).fill(3));
    t.deepEqual(drain(b), Buffer.from(memory));
  });
}

test('a range that leaves its buffer is refused before its row acts, and names the row', (t) => {
  const [a, b] = socketpair(t);
  native.send(b, bytes, 0, 8);
  const max = 2 ** 31 - 1;
  const min = -(2 ** 31);
  const ranges = [
    [9, 0],
    [0, 9],
    [8, 1],
    [5, 4],
    [-1, 1],
    [0, -1],
    [-1, -1],
    [max, 1],
    [1, max],
    [max, max],
    [min, min],
    [min, max],
  ] as const;
  for (const [offset, length] of ranges) {
    for (const kind of [KIND_RECV, KIND_SEND, KIND_COPY]) {
      const memory = new Uint8Array(8).fill(1);
      const rows = rowsOf([
        { kind: KIND_NONE },
        { kind: KIND_COPY, length: 2 },
        { kind, fd: a, offset, length, target: 1 },
      ]);
      const subject = native.io(rows);
      subject.bind(0, memory);
      subject.bind(1, new Uint8Array(64));
      outOfRange(t, () => subject.run(0, 3), /^Io\.run: row 2: buffer 0 has 8 bytes/);
      t.deepEqual(results(rows), [UNTOUCHED, 2, UNTOUCHED]);
      t.deepEqual(memory, new Uint8Array(8).fill(1));
    }
  }
  t.is(drain(b).length, 0);
  t.is(drain(a).length, 8);
});

test('the target of a copy is checked like its source', (t) => {
  for (const [target, targetOffset] of [
    [0, 5],
    [0, -1],
    [0, 2 ** 31 - 1],
    [1, 0],
    [-1, 0],
    [kernel.BUFFERS, 0],
  ] as const) {
    const rows = rowsOf([{ kind: KIND_COPY, length: 4, target, targetOffset }]);
    const subject = native.io(rows);
    subject.bind(0, new Uint8Array(8));
    outOfRange(t, () => subject.run(0, 1), /row 0/);
    t.deepEqual(results(rows), [UNTOUCHED]);
  }
});

test('an empty receive is refused, since its 0 would mean the end', (t) => {
  const [a] = socketpair(t);
  const subject = native.io(rowsOf([{ kind: KIND_RECV, fd: a, length: 0 }]));
  subject.bind(0, new Uint8Array(8));
  outOfRange(t, () => subject.run(0, 1), /row 0/);
});

test('a bad row in a gather is refused after the rows before it went out', (t) => {
  const [a, b] = socketpair(t);
  const rows = rowsOf([
    { kind: KIND_SEND, fd: a, length: 2 },
    { kind: KIND_SEND, fd: a, length: 3 },
    { kind: KIND_SEND, fd: a, length: 9 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, new Uint8Array(8));
  outOfRange(t, () => subject.run(0, 3), /row 2/);
  t.deepEqual(results(rows), [2, 3, UNTOUCHED]);
  t.is(drain(b).length, 5);
});

test('a buffer that is not bound is refused, and a bound one can be replaced', (t) => {
  const rows = rowsOf([{ kind: KIND_COPY, buffer: 7, length: 4, target: 7, targetOffset: 4 }]);
  const subject = native.io(rows);
  outOfRange(t, () => subject.run(0, 1), /row 0: buffer 7 is not bound/);
  subject.bind(7, new Uint8Array(4));
  outOfRange(t, () => subject.run(0, 1));
  const memory = Uint8Array.from([1, 2, 3, 4, 0, 0, 0, 0]);
  subject.bind(7, memory);
  t.is(subject.run(0, 1), 1);
  t.deepEqual([...memory], [1, 2, 3, 4, 1, 2, 3, 4]);
  outOfRange(t, () => subject.bind(kernel.BUFFERS, memory));
  fill(rows, [{ kind: KIND_COPY, buffer: -1, length: 1 }]);
  outOfRange(t, () => subject.run(0, 1));
});

test('views may be parts of shared, ordinary and guest memory, and empty ones take empty rows', (t) => {
  const guest = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const views = [
    new Uint8Array(new SharedArrayBuffer(100), 10, 50),
    new Uint8Array(new ArrayBuffer(100), 10, 50),
    new Uint8Array(guest.buffer, 100, 50),
    new Uint8Array(shared.buffer, 100, 50),
    Buffer.from('a buffer of the pool, which is itself a part of something bigger'),
  ];
  for (const view of views) {
    view.set([1, 2, 3]);
    const rows = rowsOf([
      { kind: KIND_COPY, length: 3, targetOffset: 40 },
      { kind: KIND_COPY, buffer: 1, length: 0, target: 1 },
      { kind: KIND_SEND, buffer: 1, length: 0 },
    ]);
    const subject = native.io(rows);
    subject.bind(0, view);
    subject.bind(1, new Uint8Array(0));
    t.is(subject.run(0, 3), 3);
    t.deepEqual([...view.subarray(40, 43)], [1, 2, 3]);
    outOfRange(t, () => {
      fill(rows, [{ kind: KIND_COPY, length: 1, targetOffset: view.length }]);
      subject.run(0, 1);
    });
  }
});

test('rows may lie in shared memory, as a part of it', (t) => {
  const rows = new Int32Array(new SharedArrayBuffer(128), 32, 16);
  fill(rows, [{ kind: KIND_COPY, length: 2, targetOffset: 2 }, { kind: KIND_NONE }]);
  const memory = Uint8Array.from([5, 6, 0, 0]);
  const subject = native.io(rows);
  subject.bind(0, memory);
  t.is(subject.run(0, 2), 2);
  t.deepEqual([...memory], [5, 6, 5, 6]);
  t.deepEqual(results(rows), [2, UNTOUCHED]);
});

test('a buffer whose memory is gone is never used again', (t) => {
  const guest = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const transferred = new ArrayBuffer(16);
  type Resizable = ArrayBuffer & { resize(length: number): void };
  const Sized = ArrayBuffer as unknown as new (n: number, o: object) => Resizable;
  const shrinking = new Sized(16, { maxByteLength: 32 });
  const losses: [Uint8Array, () => void][] = [
    [new Uint8Array(guest.buffer), () => guest.grow(1)],
    [new Uint8Array(transferred), () => detach(transferred)],
    [new Uint8Array(shrinking), () => shrinking.resize(8)],
  ];
  for (const [view, lose] of losses) {
    const rows = rowsOf([
      { kind: KIND_COPY, length: 1 },
      { kind: KIND_COPY, length: 1, target: 1 },
      { kind: KIND_COPY, length: 1, buffer: 1 },
    ]);
    const subject = native.io(rows);
    subject.bind(0, new Uint8Array(8));
    subject.bind(1, view);
    t.is(subject.run(0, 3), 3);
    lose();
    wrongState(t, () => subject.run(0, 2));
    wrongState(t, () => subject.run(2, 3));
    t.is(subject.run(0, 1), 1);
    subject.bind(1, new Uint8Array(8));
    t.is(subject.run(0, 3), 3);
  }
});

test('a detached view cannot be bound, and detached rows cannot be run', (t) => {
  const memory = new Uint8Array(8);
  detach(memory.buffer);
  wrongState(t, () => io.bind(0, memory));
  const rows = rowsOf([{ kind: KIND_NONE }]);
  const subject = native.io(rows);
  t.is(subject.run(0, 1), 1);
  detach(rows.buffer as ArrayBuffer);
  wrongState(t, () => subject.run(0, 1));
});

test('an Io keeps its rows and views alive', async (t) => {
  const rows = rowsOf([{ kind: KIND_COPY, length: 4, target: 1 }]);
  const subject = native.io(rows.slice());
  subject.bind(0, new Uint8Array(1 << 20).fill(7));
  const target = new Uint8Array(4);
  subject.bind(1, target);
  await collect();
  t.is(subject.run(0, 1), 1);
  t.deepEqual([...target], [7, 7, 7, 7]);
});

test('what an Io bound is collected with it', async (t) => {
  const gone: WeakRef<object>[] = [];
  (() => {
    const memory = new Uint8Array(1 << 20);
    const subject = native.io(new Int32Array(8));
    subject.bind(0, memory);
    gone.push(new WeakRef(memory), new WeakRef(subject));
  })();
  await collect(() => gone.every((one) => one.deref() === undefined));
  t.true(gone.every((one) => one.deref() === undefined));
});

// --- Watcher

test('a watcher calls once a wake while the set is readable, and not after close', async (t) => {
  const epoll = native.epoll();
  t.teardown(() => epoll.close());
  const event = owned(t, native.eventfd(0));
  epoll.add(event, constants.EPOLLIN, 1, 0);
  let calls = 0;
  const watcher = new native.Watcher(epoll.fd, () => {
    calls += 1;
    t.is(epoll.wait(events(), 0), 1);
    if (calls === 3) watcher.close();
  });
  native.write(event, new Uint8Array(new BigUint64Array([1n]).buffer), 0, 8);
  await readable(epoll.fd);
  while (calls < 3) await readable(epoll.fd);
  watcher.close();
  watcher.ref();
  watcher.unref();
  for (let turn = 0; turn < 3; turn += 1) await readable(epoll.fd);
  t.is(calls, 3);
});

test('ticks and promises run after each callback', async (t) => {
  const order: string[] = [];
  const event = owned(t, native.eventfd(1));
  await new Promise<void>((resolve) => {
    const watcher = new native.Watcher(event, () => {
      process.nextTick(() => order.push('tick'));
      Promise.resolve().then(() => order.push('promise'));
      order.push('call');
      if (order.length > 3) {
        watcher.close();
        setImmediate(resolve);
      }
    });
  });
  t.deepEqual(order, ['call', 'tick', 'promise', 'call', 'tick', 'promise']);
});

test('an open watcher survives the garbage collector', async (t) => {
  const event = owned(t, native.eventfd(0));
  const called = new Promise<void>((resolve) => {
    let watcher: kernel.Watcher | undefined = new native.Watcher(event, () => {
      watcher?.close();
      watcher = undefined;
      resolve();
    });
  });
  await collect();
  native.write(event, new Uint8Array(new BigUint64Array([1n]).buffer), 0, 8);
  await t.notThrowsAsync(called);
});

test.serial('a closed watcher gives back its descriptor and its memory', async (t) => {
  const event = owned(t, native.eventfd(0));
  const before = descriptors();
  const gone: WeakRef<object>[] = [];
  const open = () => {
    const watcher = new native.Watcher(event, () => {});
    t.is(descriptors().length, before.length + 1);
    watcher.close();
    watcher.close();
    t.deepEqual(descriptors(), before);
    gone.push(new WeakRef(watcher));
  };
  for (let i = 0; i < 10; i += 1) open();
  await collect(() => gone.every((one) => one.deref() === undefined));
  t.true(gone.every((one) => one.deref() === undefined));
});

test('closing the set under an open watcher does no harm', async (t) => {
  const epoll = native.epoll();
  const event = owned(t, native.eventfd(1));
  epoll.add(event, constants.EPOLLIN, 1, 0);
  const result = await new Promise((resolve) => {
    const watcher = new native.Watcher(epoll.fd, () => {
      watcher.close();
      resolve(epoll.wait(events(), 0));
    });
    epoll.close();
  });
  t.is(result, -constants.EBADF);
});

test('sets nested under an open watcher are refused before the loop would fail on them', async (t) => {
  const sets = Array.from({ length: 8 }, () => native.epoll());
  const event = owned(t, native.eventfd(1));
  t.teardown(() => sets.map((set) => set.close()));
  const [outer] = sets;
  const woken = readable(outer!.fd);
  const results = sets.slice(1).map((set, i) => sets[i]!.add(set.fd, constants.EPOLLIN, 0, 0));
  t.true(results.includes(-constants.ELOOP));
  outer!.add(event, constants.EPOLLIN, 0, 0);
  await t.notThrowsAsync(woken);
});

test('a descriptor that cannot be watched is refused', (t) => {
  const make = (fd: number) => new native.Watcher(fd, () => {});
  t.throws(() => make(NO_FD), { code: 'EBADF', message: /^fcntl EBADF: / });
  const name = path.join(temporary(t), 'file');
  writeFileSync(name, 'text');
  const file = owned(t, openSync(name, 'r'));
  t.throws(() => make(file), { code: 'EPERM', message: /^epoll_ctl EPERM: / });
});

function thread(t: ExecutionContext, mode: WorkerMode): Worker {
  const worker = new Worker(new URL('../helpers/native-worker.js', import.meta.url), {
    workerData: mode,
  });
  t.teardown(() => worker.terminate());
  return worker;
}

test('a thread with an open watcher can be terminated', async (t) => {
  for (const mode of ['watch', 'spin'] as const) {
    const worker = thread(t, mode);
    await once(worker, 'message');
    t.is(await worker.terminate(), 1);
  }
  t.is(spare.wait(events(), 0), 0);
});

test('a thread whose watcher is not held ends by itself', async (t) => {
  t.deepEqual(await once(thread(t, 'unref'), 'exit'), [0]);
});

test('a callback may end its thread', async (t) => {
  t.deepEqual(await once(thread(t, 'exit'), 'exit'), [3]);
});

test('what a callback throws is an uncaught exception', async (t) => {
  const [error] = (await once(thread(t, 'throw'), 'error')) as [Error];
  t.is(error.message, 'from the callback');
  t.true(error instanceof RangeError);
});

test('the addon works in this thread and in others at once', async (t) => {
  const workers = Array.from({ length: 4 }, () => thread(t, 'copy'));
  const exits = workers.map((worker) => once(worker, 'exit'));
  const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
  t.deepEqual(answers, Array(4).fill([[1, 5, 7]]));
  await Promise.all(exits);
  t.is(native.errorName(constants.EPIPE), 'EPIPE');
});

// --- sockets

test('a TCP listener accepts, and both ends know their names', async (t) => {
  const [client, server] = await connection(t);
  t.is(native.localAddress(client), native.peerAddress(server));
  t.is(native.peerAddress(client), native.localAddress(server));
  t.regex(String(native.localAddress(client)), /^127\.0\.0\.1:\d+$/);
  t.is(native.getOption(client, constants.SOL_SOCKET, constants.SO_ERROR), 0);
});

test('IPv6 addresses stand in brackets, and mapped IPv4 ones as plain IPv4', async (t) => {
  const only = owned(t, native.listenTcp('::1', 0, true, 8));
  t.is(native.localAddress(only), `[::1]:${portOf(only)}`);
  t.is(native.getOption(only, constants.IPPROTO_IPV6, constants.IPV6_V6ONLY), 1);
  const dual = owned(t, native.listenTcp('::', 0, false, 8));
  t.is(native.getOption(dual, constants.IPPROTO_IPV6, constants.IPV6_V6ONLY), 0);
  for (const [host, shown] of [
    ['127.0.0.1', /^127\.0\.0\.1:\d+$/],
    ['::1', /^\[::1\]:\d+$/],
    ['::1%lo', /^\[::1\]:\d+$/],
    ['::1%1', /^\[::1\]:\d+$/],
  ] as const) {
    const client = owned(t, native.connectTcp(host, portOf(dual)));
    await readable(dual);
    const server = owned(t, native.accept(dual));
    t.regex(String(native.peerAddress(server)), shown);
    t.is(native.peerAddress(server), native.localAddress(client));
  }
});

test('addresses that are not numeric are refused', (t) => {
  const bad = [
    '',
    'localhost',
    '127.1',
    '256.0.0.1',
    '1.2.3.4 ',
    ':::',
    '[::1]',
    '::1%',
    '::1%none',
  ];
  for (const address of [...bad, '127.0.0.1%lo', '::1%99999999999', '127.0.0.1\0', '\0']) {
    outOfRange(t, () => native.listenTcp(address, 0, false, 1));
    outOfRange(t, () => native.connectTcp(address, 1));
  }
  outOfRange(t, () => native.listenTcp('127.0.0.1', 65536, false, 1));
  outOfRange(t, () => native.connectTcp('127.0.0.1', 65536));
});

test('a listener that cannot be made throws an error in the form of Node', (t) => {
  const first = owned(t, native.listenTcp('127.0.0.1', 0, false, 1));
  const port = portOf(first);
  t.like(
    t.throws(() => native.listenTcp('127.0.0.1', port, false, 1)),
    {
      code: 'EADDRINUSE',
      errno: -constants.EADDRINUSE,
      syscall: 'listen',
      message: `listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    },
  );
  const six = owned(t, native.listenTcp('::1', 0, true, 1));
  t.throws(() => native.listenTcp('::1', portOf(six), true, 1), {
    message: `listen EADDRINUSE: address already in use [::1]:${portOf(six)}`,
  });
  t.throws(() => native.listenTcp('192.0.2.1', 80, false, 1), { code: 'EADDRNOTAVAIL' });
});

test('a port can be listened on again while old connections linger', async (t) => {
  const listener = native.listenTcp('127.0.0.1', 0, false, 8);
  const port = portOf(listener);
  const client = native.connectTcp('127.0.0.1', port);
  await readable(listener);
  const server = native.accept(listener);
  native.close(server);
  native.close(client);
  native.close(listener);
  t.notThrows(() => owned(t, native.listenTcp('127.0.0.1', port, false, 8)));
});

test('accept answers −errno', (t) => {
  const listener = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const [a] = socketpair(t);
  t.is(native.accept(listener), -constants.EAGAIN);
  t.is(native.accept(a), -constants.EINVAL);
  t.is(native.accept(spare.fd), -constants.ENOTSOCK);
  t.is(native.accept(NO_FD), -constants.EBADF);
});

test('a refused connection is told by SO_ERROR', async (t) => {
  const listener = native.listenTcp('127.0.0.1', 0, false, 1);
  const port = portOf(listener);
  native.close(listener);
  const client = owned(t, native.connectTcp('127.0.0.1', port));
  await readable(client);
  const error = native.getOption(client, constants.SOL_SOCKET, constants.SO_ERROR);
  t.is(error, constants.ECONNREFUSED);
});

test('a Unix listener has exactly its mode, whatever the umask', (t) => {
  const folder = temporary(t);
  const umask = process.umask();
  t.teardown(() => process.umask(umask));
  for (const mask of [0, 0o022, 0o777]) {
    process.umask(mask);
    for (const mode of [0o600, 0o660, 0o666, 0o777, 0]) {
      const name = path.join(folder, `${mask}-${mode}.sock`);
      owned(t, native.listenUnix(name, mode, 8));
      t.is(statSync(name).mode & 0o7777, mode);
    }
  }
});

test('Unix sockets connect, and are named by their path', async (t) => {
  const name = path.join(temporary(t), 'ünix.sock');
  const listener = owned(t, native.listenUnix(name, 0o600, 0));
  t.is(native.localAddress(listener), `unix:${name}`);
  const client = owned(t, native.connectUnix(name));
  t.is(native.peerAddress(client), `unix:${name}`);
  t.is(native.localAddress(client), 'unix:');
  const server = owned(t, native.accept(listener));
  t.is(native.peerAddress(server), 'unix:');
  t.is(native.localAddress(server), `unix:${name}`);
  owned(t, native.connectUnix(name));
  t.is(native.connectUnix(name), -constants.EAGAIN);
});

test('Unix listeners and connections fail with the errors of the kernel', (t) => {
  const folder = temporary(t);
  const name = path.join(folder, 'a.sock');
  const listener = native.listenUnix(name, 0o600, 1);
  t.throws(() => native.listenUnix(name, 0o600, 1), {
    code: 'EADDRINUSE',
    message: `listen EADDRINUSE: address already in use ${name}`,
  });
  native.close(listener);
  t.is(native.connectUnix(name), -constants.ECONNREFUSED);
  t.is(native.connectUnix(path.join(folder, 'none')), -constants.ENOENT);
  t.throws(() => native.listenUnix(path.join(folder, 'no', 'x'), 0o600, 1), { code: 'ENOENT' });
  const long = `/${'x'.repeat(106)}`;
  t.is(native.connectUnix(long), -constants.ENOENT);
  for (const bad of [`${long}x`, `/${'ü'.repeat(54)}`, '', 'a\0b']) {
    outOfRange(t, () => native.listenUnix(bad, 0o600, 1));
    outOfRange(t, () => native.connectUnix(bad));
  }
  outOfRange(t, () => native.listenUnix(name, 0o1000, 1));
});

test('a path of 107 bytes is whole', (t) => {
  const folder = temporary(t);
  const name = path.join(folder, 'x'.repeat(106 - folder.length));
  t.is(Buffer.byteLength(name), 107);
  t.is(native.localAddress(owned(t, native.listenUnix(name, 0o600, 1))), `unix:${name}`);
});

test('shutdown ends one direction', (t) => {
  const [a, b] = socketpair(t);
  t.is(native.shutdown(a, constants.SHUT_WR), 0);
  t.is(native.recv(b, bytes, 0, 8), 0);
  t.is(native.send(a, bytes, 0, 1), -constants.EPIPE);
  t.is(native.send(b, bytes, 0, 1), 1);
  const loose = owned(t, native.listenTcp('127.0.0.1', 0, false, 1));
  t.is(native.peerAddress(loose), -constants.ENOTCONN);
  t.is(native.shutdown(NO_FD, constants.SHUT_RD), -constants.EBADF);
  outOfRange(t, () => native.shutdown(a, 3));
});

test('close answers 0 once, and −EBADF after', (t) => {
  const fd = native.eventfd(0);
  t.is(native.close(fd), 0);
  t.is(native.close(fd), -constants.EBADF);
  t.is(native.reset(fd), -constants.EBADF);
});

test('reset closes what is no socket too', (t) => {
  const fd = native.eventfd(0);
  t.is(native.reset(fd), 0);
  t.is(native.close(fd), -constants.EBADF);
});

test('options are set and read', async (t) => {
  const [client] = await connection(t);
  const { SOL_SOCKET, SO_KEEPALIVE, IPPROTO_TCP, TCP_NODELAY, TCP_USER_TIMEOUT } = constants;
  t.is(native.setOption(client, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
  t.is(native.getOption(client, SOL_SOCKET, SO_KEEPALIVE), 1);
  t.is(native.setOption(client, IPPROTO_TCP, TCP_NODELAY, 1), 0);
  t.is(native.getOption(client, IPPROTO_TCP, TCP_NODELAY), 1);
  t.is(native.setOption(client, IPPROTO_TCP, TCP_USER_TIMEOUT, 60_000), 0);
  t.is(native.getOption(client, IPPROTO_TCP, TCP_USER_TIMEOUT), 60_000);
  t.is(native.setOption(client, SOL_SOCKET, 9999, 1), -constants.ENOPROTOOPT);
  t.is(native.getOption(client, SOL_SOCKET, 9999), -constants.ENOPROTOOPT);
  t.is(native.setOption(spare.fd, SOL_SOCKET, SO_KEEPALIVE, 1), -constants.ENOTSOCK);
  t.is(native.getOption(NO_FD, SOL_SOCKET, SO_KEEPALIVE), -constants.EBADF);
});

test('names of what has none are −errno', (t) => {
  const [a] = socketpair(t);
  t.is(native.localAddress(a), 'unix:');
  t.is(native.peerAddress(a), 'unix:');
  t.is(native.localAddress(spare.fd), -constants.ENOTSOCK);
  t.is(native.peerAddress(NO_FD), -constants.EBADF);
});

test('recv, send, read and write move a checked range', (t) => {
  const [a, b] = socketpair(t);
  const data = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  const into = new Uint8Array(new SharedArrayBuffer(8));
  t.is(native.send(a, data, 2, 3), 3);
  t.is(native.recv(b, into, 1, 7), 3);
  t.is(native.write(a, data, 6, 2), 2);
  t.is(native.read(b, into, 6, 2), 2);
  t.deepEqual([...into], [0, 3, 4, 5, 0, 0, 7, 8]);
  t.is(native.send(a, data, 8, 0), 0);
  for (const call of [native.recv, native.read]) {
    t.is(call(b, into, 0, 8), -constants.EAGAIN);
    t.is(call(NO_FD, into, 0, 8), -constants.EBADF);
    outOfRange(t, () => call(b, into, 0, 0));
  }
  for (const call of [native.recv, native.send, native.read, native.write]) {
    outOfRange(t, () => call(a, data, 8, 1));
    outOfRange(t, () => call(a, data, 0, 9));
    outOfRange(t, () => call(a, data, 1, Number.MAX_SAFE_INTEGER));
    outOfRange(t, () => call(a, data, Number.MAX_SAFE_INTEGER, 1));
    const lost = new Uint8Array(8);
    detach(lost.buffer);
    outOfRange(t, () => call(a, lost, 0, 1));
  }
});

test('pipes and eventfds carry bytes and wake-ups', (t) => {
  const [from, to] = native.pipe() as [number, number];
  owned(t, from);
  owned(t, to);
  t.is(native.write(to, bytes, 0, 8), 8);
  t.is(native.read(from, bytes, 0, 8), 8);
  t.is(native.write(from, bytes, 0, 1), -constants.EBADF);
  const event = owned(t, native.eventfd(2 ** 32 - 1));
  const value = new BigUint64Array(1);
  t.is(native.read(event, new Uint8Array(value.buffer), 0, 8), 8);
  t.is(value[0], 2n ** 32n - 1n);
  t.is(native.read(event, new Uint8Array(value.buffer), 0, 8), -constants.EAGAIN);
  t.is(native.write(event, bytes, 0, 1), -constants.EINVAL);
});

test('duplicates have the number that was asked for, or the next free one', (t) => {
  const event = owned(t, native.eventfd(1));
  const first = owned(t, native.dup(event, 500));
  const second = owned(t, native.dup(event, 500));
  t.deepEqual([first, second], [500, 501]);
  const other = owned(t, native.eventfd(0));
  t.is(native.dup2(other, first), first);
  const counter = new Uint8Array(8);
  t.is(native.read(first, counter, 0, 8), -constants.EAGAIN);
  t.is(native.read(second, counter, 0, 8), 8);
  t.is(native.dup2(first, first), first);
  t.is(native.dup(NO_FD, 0), -constants.EBADF);
  t.is(native.dup2(NO_FD, first), -constants.EBADF);
  t.is(native.dup2(NO_FD, NO_FD), -constants.EBADF);
});

test('every descriptor is non-blocking and closed in children', async (t) => {
  const folder = temporary(t);
  const listener = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const client = owned(t, native.connectTcp('127.0.0.1', portOf(listener)));
  await readable(listener);
  const fds = [
    listener,
    client,
    owned(t, native.accept(listener)),
    owned(t, native.listenUnix(path.join(folder, 'x'), 0o600, 1)),
    owned(t, native.connectUnix(path.join(folder, 'x'))),
    owned(t, native.eventfd(0)),
    owned(t, native.dup(listener, 0)),
    ...socketpair(t),
    ...(native.pipe() as [number, number]).map((fd) => owned(t, fd)),
  ];
  const flags = (fd: number) => {
    const line = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/flags:\s*0?(\d+)/)?.[1];
    return Number.parseInt(line ?? '0', 8);
  };
  for (const fd of fds) {
    t.is(flags(fd) & 0o2004000, 0o2004000, readlinkSync(`/proc/self/fd/${fd}`));
  }
  t.is(flags(spare.fd) & 0o2000000, 0o2000000);
});

test('errors have names with either sign, and unknown ones too', (t) => {
  t.is(native.errorName(constants.ECONNRESET), 'ECONNRESET');
  t.is(native.errorName(-constants.ECONNRESET), 'ECONNRESET');
  t.is(native.errorName(4000), 'Unknown system error -4000');
  t.is(native.errorName(0), 'Unknown system error 0');
});

test('a system error has the form of Node', (t) => {
  for (const errno of [constants.EPIPE, -constants.EPIPE]) {
    const error = native.systemError('send', errno);
    t.true(error instanceof Error);
    t.like(error, { code: 'EPIPE', errno: -constants.EPIPE, syscall: 'send' });
    t.is(error.message, 'send EPIPE: broken pipe');
  }
  t.is(native.systemError('x', 2, 'y').message, 'x ENOENT: no such file or directory y');
  t.is(native.systemError('x', 2, undefined).message, 'x ENOENT: no such file or directory');
});

test('the limit of descriptors is that of the process', (t) => {
  const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\w+)/m)?.[1];
  t.is(native.fileLimit(), line === 'unlimited' ? Infinity : Number(line));
});

test.serial('calls that fail leave no descriptor behind', (t) => {
  const folder = temporary(t);
  const name = path.join(folder, 'a.sock');
  const unix = owned(t, native.listenUnix(name, 0o600, 1));
  const tcp = owned(t, native.listenTcp('127.0.0.1', 0, false, 1));
  const readOnly = path.join(folder, 'none', 'b.sock');
  const before = descriptors();
  for (let i = 0; i < 50; i += 1) {
    t.throws(() => native.listenUnix(name, 0o600, 1), { code: 'EADDRINUSE' });
    t.throws(() => native.listenUnix(readOnly, 0o600, 1), { code: 'ENOENT' });
    t.throws(() => native.listenTcp('127.0.0.1', portOf(tcp), false, 1), { code: 'EADDRINUSE' });
    t.true(native.connectUnix(readOnly) < 0);
    t.throws(() => new native.Watcher(NO_FD, () => {}), { code: 'EBADF' });
    t.true(native.accept(unix) < 0);
  }
  t.deepEqual(descriptors(), before);
});

test('a process without free descriptors gets EMFILE everywhere', async (t) => {
  const script = `
    import { native } from ${JSON.stringify(new URL('../../host/kernel/native.js', import.meta.url).href)};
    const listener = native.listenTcp('127.0.0.1', 0, false, 8);
    const port = Number(native.localAddress(listener).split(':')[1]);
    native.connectTcp('127.0.0.1', port);
    while (native.eventfd(0) >= 0);
    const name = (call) => {
      try { const result = call(); return native.errorName(result); } catch (error) { return error.code; }
    };
    console.log(JSON.stringify([
      () => native.accept(listener), () => native.pipe(), () => native.socketpair(),
      () => native.eventfd(0), () => native.epoll(), () => native.connectTcp('127.0.0.1', port),
      () => native.listenTcp('127.0.0.1', 0, false, 1), () => native.listenUnix('/x/y', 0o600, 1),
      () => new native.Watcher(listener, () => {}),
    ].map(name)));`;
  // A report of coverage would be a file more than there can be.
  const command = 'unset NODE_V8_COVERAGE; ulimit -n 64; exec "$0" --input-type=module -e "$1"';
  const child = spawn('sh', ['-c', command, process.execPath, script]);
  const output: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => output.push(piece));
  child.stderr.on('data', (piece: Buffer) => output.push(piece));
  await once(child, 'close');
  t.is(Buffer.concat(output).toString().trim(), JSON.stringify(Array(9).fill('EMFILE')));
});
