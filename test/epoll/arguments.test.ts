// Hostile arguments for every method of Epoll and every function of wasmpoll/socket: TypeError or
// RangeError before any system call, no descriptor made or lost.

import test, { type ExecutionContext } from 'ava';
import { Epoll } from '../../host/epoll/epoll.ts';
import * as sockets from '../../host/epoll/socket.ts';
import { descriptors, loosely } from '../helpers/native.ts';

const NO_FD = 2 ** 31 - 1;

const throws = () => {
  throw new Error('from the caller');
};
const trapped = () => new Proxy({}, { get: throws, has: throws, getPrototypeOf: throws });
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** What no number can be. */
const NO_NUMBERS: unknown[] = [
  ...[null, '', '1', 'x', Symbol('x'), 1n, 2n ** 70n, true, false, [], [1], new Map()],
  ...[() => 1, new Number(1), new Proxy({}, {}), new Proxy([], {}), trapped(), revoked()],
  ...[new Proxy(() => 1, {}), new Proxy(new Number(1), {})],
  { valueOf: () => 1, toString: () => '1', [Symbol.toPrimitive]: () => 1 },
];

/** Numbers that are no integer of any sort. */
const NO_INTEGERS = [-0, Number.NaN, Infinity, -Infinity, 1.5, 2 ** 53, -(2 ** 53), 1e300, 5e-324];

/** Objects that pretend to have a descriptor. */
const LIARS: unknown[] = [
  ...[...NO_NUMBERS, ...NO_INTEGERS, undefined, -1, 2 ** 31].flatMap((lie) => [
    { fileno: () => lie },
    ...(typeof lie === 'function' ? [] : [{ fd: lie }]),
  ]),
  { fileno: throws },
  { fileno: 5 },
  Object.defineProperty({}, 'fileno', { get: throws }),
  Object.defineProperty({}, 'fd', { get: throws }),
  new Proxy(new Epoll(), {}),
  Object.create(Epoll.prototype),
  { fileno: Epoll.prototype.fileno },
  { fileno: class {} },
  { fileno: () => Promise.resolve(1) },
];

const BAD_FDS = [...NO_NUMBERS, ...NO_INTEGERS, ...LIARS, undefined, -1, 2 ** 31];

type Sort = 'fd' | 'u32' | 'optional u32' | 'count' | 'size' | 'flags' | 'seconds' | 'natural';
type Call = (value: unknown) => unknown;

/** What each sort of argument must refuse. */
const BAD: Record<Sort | 'options' | 'buffer' | 'text', unknown[]> = {
  fd: BAD_FDS,
  u32: [...NO_NUMBERS, ...NO_INTEGERS, undefined, -1, 2 ** 32, -(2 ** 31) - 1],
  'optional u32': [...NO_NUMBERS, ...NO_INTEGERS, -1, 2 ** 32, -(2 ** 31) - 1],
  count: [...NO_NUMBERS, ...NO_INTEGERS, 0, -2, 2 ** 31, -(2 ** 31)],
  size: [...NO_NUMBERS, ...NO_INTEGERS, 0, -2, 2 ** 31],
  flags: [...NO_NUMBERS, ...NO_INTEGERS, -1, 2 ** 31],
  seconds: [
    ...NO_NUMBERS.filter((value) => value !== null),
    ...[Number.NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, -(2 ** 53), 1e300, -1e300],
  ],
  natural: [...NO_NUMBERS, ...NO_INTEGERS, -1],
  options: [null, 1, 'x', Symbol('x'), 1n, true, trapped(), revoked()],
  buffer: [
    ...[...NO_NUMBERS, undefined, 1, new ArrayBuffer(8), new DataView(new ArrayBuffer(8))],
    ...[new Int8Array(8), new Uint8ClampedArray(8), new Proxy(new Uint8Array(8), {})],
    Object.create(Uint8Array.prototype),
  ],
  text: [...NO_NUMBERS.filter((value) => typeof value !== 'string'), undefined, 1, '', '\0', 'x\0'],
};

const open = new Epoll();
const closed = new Epoll();
closed.close();
const bytes = new Uint8Array(8);
const { recv, send, read, write } = sockets;
const transfers = { recv, send, read, write };

/** Each argument of each method; the others are right, but for descriptors that are not open. */
const METHODS: [name: string, sort: keyof typeof BAD, call: Call][] = [open, closed].flatMap(
  (epoll): [string, keyof typeof BAD, Call][] => {
    const on = epoll === open ? '' : ' on a closed object';
    return [
      [`register fd${on}`, 'fd', (x) => loosely(epoll.register.bind(epoll))(x, 1)],
      [`register mask${on}`, 'optional u32', (x) => loosely(epoll.register.bind(epoll))(NO_FD, x)],
      [`modify fd${on}`, 'fd', (x) => loosely(epoll.modify.bind(epoll))(x, 1)],
      [`modify mask${on}`, 'u32', (x) => loosely(epoll.modify.bind(epoll))(NO_FD, x)],
      [`unregister fd${on}`, 'fd', (x) => loosely(epoll.unregister.bind(epoll))(x)],
    ];
  },
);

const FUNCTIONS: typeof METHODS = [
  ['new Epoll sizehint', 'size', (x) => Reflect.construct(Epoll, [x])],
  ['new Epoll flags', 'flags', (x) => Reflect.construct(Epoll, [-1, x])],
  ['fromfd', 'fd', (x) => loosely(Epoll.fromfd)(x)],
  ['poll timeout', 'seconds', (x) => loosely(open.poll.bind(open))(x)],
  ['poll maxevents', 'count', (x) => loosely(open.poll.bind(open))(0, x)],
  ['listenTcp address', 'text', (x) => loosely(sockets.listenTcp)(x, 0)],
  ['listenTcp port', 'natural', (x) => loosely(sockets.listenTcp)('127.0.0.1', x)],
  ['listenTcp options', 'options', (x) => loosely(sockets.listenTcp)('127.0.0.1', 0, x)],
  ['listenTcp backlog', 'natural', (backlog) => listen('127.0.0.1', 0, { backlog })],
  ['listenUnix path', 'text', (x) => loosely(sockets.listenUnix)(x)],
  ['listenUnix options', 'options', (x) => loosely(sockets.listenUnix)('/nowhere/x', x)],
  ['listenUnix mode', 'natural', (mode) => loosely(sockets.listenUnix)('/nowhere/x', { mode })],
  ['accept', 'fd', (x) => loosely(sockets.accept)(x)],
  ['connectTcp address', 'text', (x) => loosely(sockets.connectTcp)(x, 1)],
  ['connectTcp port', 'natural', (x) => loosely(sockets.connectTcp)('127.0.0.1', x)],
  ['connectUnix', 'text', (x) => loosely(sockets.connectUnix)(x)],
  ['shutdown fd', 'fd', (x) => loosely(sockets.shutdown)(x, 1)],
  ['shutdown how', 'natural', (x) => loosely(sockets.shutdown)(NO_FD, x)],
  ['close', 'fd', (x) => loosely(sockets.close)(x)],
  ['reset', 'fd', (x) => loosely(sockets.reset)(x)],
  ['eventfd', 'flags', (x) => loosely(sockets.eventfd)(x === 2 ** 31 ? 2 ** 32 : x)],
  ['setsockopt fd', 'fd', (x) => loosely(sockets.setsockopt)(x, 1, 1, 1)],
  ['setsockopt level', 'natural', (x) => loosely(sockets.setsockopt)(NO_FD, x, 1, 1)],
  ['setsockopt option', 'natural', (x) => loosely(sockets.setsockopt)(NO_FD, 1, x, 1)],
  ['getsockopt fd', 'fd', (x) => loosely(sockets.getsockopt)(x, 1, 1)],
  ['getsockopt level', 'natural', (x) => loosely(sockets.getsockopt)(NO_FD, x, 1)],
  ['getsockopt option', 'natural', (x) => loosely(sockets.getsockopt)(NO_FD, 1, x)],
  ['localAddress', 'fd', (x) => loosely(sockets.localAddress)(x)],
  ['peerAddress', 'fd', (x) => loosely(sockets.peerAddress)(x)],
  ...Object.entries(transfers).flatMap(([name, call]): typeof METHODS => [
    [`${name} fd`, 'fd', (x) => loosely(call)(x, bytes)],
    [`${name} buffer`, 'buffer', (x) => loosely(call)(NO_FD, x)],
    [`${name} offset`, 'natural', (x) => loosely(call)(NO_FD, bytes, x, 1)],
    [`${name} length`, 'natural', (x) => loosely(call)(NO_FD, bytes, 0, x)],
  ]),
];

function listen(...values: unknown[]): unknown {
  return loosely(sockets.listenTcp)(...values);
}

const CODES = {
  TypeError: 'ERR_INVALID_ARG_TYPE',
  RangeError: 'ERR_OUT_OF_RANGE',
} as const;

function refused(t: ExecutionContext, error: unknown, value: unknown): void {
  const { name, code } = error as { name: keyof typeof CODES; code: string };
  t.is(code, CODES[name], `${typeof value} ${describe(value)}`);
}

function describe(value: unknown): string {
  return typeof value === 'object' || typeof value === 'function' ? '' : String(value);
}

for (const [name, sort, call] of [...METHODS, ...FUNCTIONS]) {
  test(`${name}: what it cannot be is refused before any system call`, (t) => {
    const before = descriptors();
    for (const value of BAD[sort]) {
      const error = t.throws(() => call(value), { any: true }, describe(value));
      refused(t, error, value);
    }
    t.deepEqual(descriptors(), before);
  });
}

test('pollAsync: what they cannot be is refused before any system call', async (t) => {
  const before = descriptors();
  const pollAsync = loosely(open.pollAsync.bind(open));
  const signals = [...NO_NUMBERS, 1, {}].map((signal) => ({ signal }));
  const calls: unknown[][] = [
    ...BAD.seconds.map((value) => [value]),
    ...BAD.count.map((value) => [0, value]),
    ...[...BAD.options, ...signals].map((value) => [0, -1, value]),
  ];
  for (const values of calls) {
    const error = await t.throwsAsync(() => pollAsync(...values) as Promise<unknown>, {
      any: true,
    });
    refused(t, error, values.at(-1));
  }
  t.deepEqual(descriptors(), before);
});

test('methods called on another object are TypeErrors', async (t) => {
  const others = [undefined, null, 1, 'x', {}, Object.create(open), new Proxy(open, {}), trapped()];
  for (const [name, entry] of Object.entries(Object.getOwnPropertyDescriptors(Epoll.prototype))) {
    if (name === 'constructor') continue;
    const method = (entry.get ?? entry.value) as () => unknown;
    for (const self of others) {
      const call = async () => Reflect.apply(method, self, [1, 1]);
      await t.throwsAsync(call, { instanceOf: TypeError }, name);
    }
  }
});

test('a fileno that opens, closes or registers does no harm', (t) => {
  const before = descriptors();
  const epoll = new Epoll();
  const event = sockets.eventfd(1);
  const reentrant = {
    fileno() {
      epoll.register(event);
      epoll.poll(0);
      epoll.unregister(event);
      return event;
    },
  };
  epoll.register(reentrant);
  t.is(epoll.poll(0).length, 1);
  const closing = {
    fileno() {
      sockets.close(event);
      return event;
    },
  };
  t.throws(() => epoll.modify(closing, 1), { code: 'EBADF' });
  epoll.close();
  t.deepEqual(descriptors(), before);
});
