// Arguments of the addon: what each call refuses before it makes any system call.

import test from 'ava';
import type { Epoll as EpollSet } from '../../host/kernel/contract.ts';
import { native } from '../../host/kernel/native.ts';
import * as kernel from '../../host/kernel/rows.ts';
import { descriptors, events, loosely, NO_FD, outOfRange, wrongType } from '../helpers/native.ts';

const { constants } = native;

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
  ['acceptFrom fd', 'fd', (x) => loosely(native.acceptFrom)(x, new Uint8Array(18))],
  ['closeOnExec fd', 'fd', (x) => loosely(native.closeOnExec)(x)],
  ['enterPeer fd', 'fd', (x) => loosely(native.enterPeer)(1, x, new Uint8Array(16), 0)],
  ['connectTcp port', 'small', (x) => loosely(native.connectTcp)('127.0.0.1', x)],
  ['connected fd', 'fd', (x) => loosely(native.connected)(x)],
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
  ['makeFor owner', 'fd', (x) => loosely(native.makeFor)(x)],
  ['disown fd', 'fd', (x) => loosely(native.disown)(x)],
  ['identify fd', 'fd', (x) => loosely(native.identify)(x)],
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
  const listening = ['acceptFrom', 'closeOnExec', 'enterPeer', 'userId', 'groupId'];
  const rest = ['send', 'read', 'write', 'eventfd', 'errorName', 'systemError'];
  for (const name of [...bare, ...more, ...listening, ...rest]) {
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
  const Epoll = spare.constructor as new (fd?: number) => EpollSet;
  t.throws(() => loosely(Epoll)(), { instanceOf: TypeError });
  class Named extends Epoll {}
  const named = new Named();
  t.true(named.fd > 2);
  t.is(named.wait(events(), 0), 0);
  named.close();
  t.throws(() => new Named(-1), { instanceOf: RangeError });
});
