// Epoll where nothing waits: constants, registration, polling, closing. What Python does in each
// case is compared by differential.test.ts.

import { spawnSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import test from 'ava';
import { toTimeoutMs } from '../../host/epoll/arguments.ts';
import * as epolls from '../../host/epoll/epoll.ts';
import * as sockets from '../../host/epoll/socket.ts';
import * as main from '../../host/index.ts';
import { native } from '../../host/kernel/native.ts';
import { hasPython } from '../helpers/epoll-differential.ts';
import { collect, descriptors, owned, socketpair } from '../helpers/native.ts';
import { Running } from '../helpers/process.ts';
import { traced } from '../helpers/strace.ts';

const { Epoll, EPOLLET, EPOLLIN, EPOLLOUT, EPOLLPRI } = epolls;
const NO_FD = 2 ** 31 - 1;

const closed = { code: 'ERR_EPOLL_CLOSED', message: 'I/O operation on closed epoll object' };

test('the package offers the class and the constants at an entry of their own, and there only', async (t) => {
  const byName = (await import('wasmpoll/epoll')) as typeof epolls;
  t.is(byName.Epoll, Epoll);
  t.is(byName.EPOLLET, 2 ** 31);
  for (const name of Object.keys(epolls)) t.false(name in main, name);
  const socketsByName = (await import('wasmpoll/socket')) as typeof sockets;
  t.is(socketsByName.recv, sockets.recv);
});

test('constants are unsigned and those of the headers', (t) => {
  const names = Object.keys(native.constants).filter((name) => name.startsWith('EPOLL'));
  const offered = Object.entries(epolls).filter(([name]) => name.startsWith('EPOLL'));
  t.deepEqual(offered.map(([name]) => name).sort(), names.sort());
  t.is(names.length, 16);
  for (const [name, value] of offered) {
    t.is(value, native.constants[name as 'EPOLLIN'], name);
    t.true((value as number) > 0, name);
  }
});

test('constants are those of Python, as far as it has them', (t) => {
  if (!hasPython()) return t.pass('there is no python3');
  const script =
    'import json, select; print(json.dumps({n: getattr(select, n) for n in dir(select) if n[:5] == "EPOLL"}))';
  const { stdout } = spawnSync('python3', ['-c', script], { encoding: 'utf8' });
  const python = JSON.parse(stdout) as Record<string, number>;
  t.true(Object.keys(python).length >= 15);
  for (const [name, value] of Object.entries(python)) {
    t.is((epolls as Record<string, unknown>)[name], value, name);
  }
});

test('what is registered is reported with its number and its mask', (t) => {
  using epoll = new Epoll();
  const [a, b] = socketpair(t);
  epoll.register(a, EPOLLIN);
  epoll.register(b, EPOLLIN | EPOLLOUT);
  t.deepEqual(epoll.poll(0), [[b, EPOLLOUT]]);
  sockets.send(b, Buffer.from('x'));
  t.deepEqual(epoll.poll(), [
    [b, EPOLLOUT],
    [a, EPOLLIN],
  ]);
  epoll.modify(b, 0);
  t.deepEqual(epoll.poll(null, 1), [[a, EPOLLIN]]);
  epoll.unregister(a);
  t.deepEqual(epoll.poll(0), []);
});

test('the default mask is for reading, writing and exceptions', (t) => {
  using epoll = new Epoll();
  using watching = new Epoll();
  const [a, b] = socketpair(t);
  for (const set of [epoll, watching]) set.register(a, set === epoll ? undefined : EPOLLPRI);
  sockets.send(b, Buffer.from('x'));
  t.deepEqual(epoll.poll(0), [[a, EPOLLIN | EPOLLOUT]]);
  t.deepEqual(watching.poll(0), []);
});

test('a mask may be what | makes of EPOLLET, but not what ~ makes', (t) => {
  using epoll = new Epoll();
  const event = owned(t, sockets.eventfd(1));
  t.true((EPOLLIN | EPOLLET) < 0);
  epoll.register(event, EPOLLIN | EPOLLET);
  t.deepEqual(epoll.poll(0), [[event, EPOLLIN]]);
  t.deepEqual(epoll.poll(0), []);
  epoll.modify(event, EPOLLET);
  epoll.modify(event, 2 ** 32 - 1 - epolls.EPOLLEXCLUSIVE);
  for (const mask of [~EPOLLOUT, -1, -(2 ** 31) - 1, 2 ** 32]) {
    t.throws(() => epoll.modify(event, mask), { instanceOf: RangeError, code: 'ERR_OUT_OF_RANGE' });
  }
});

test('objects stand for their descriptor', async (t) => {
  using epoll = new Epoll();
  using other = new Epoll();
  const event = owned(t, sockets.eventfd(1));
  const holders = [{ fd: event }, { fileno: () => event }, { fileno: () => event, fd: -1 }];
  for (const holder of holders) {
    epoll.register(holder, EPOLLIN);
    t.deepEqual(epoll.poll(0), [[event, EPOLLIN]]);
    epoll.modify(holder, EPOLLIN);
    epoll.unregister(holder);
  }
  epoll.register(other);
  other.register(event);
  t.deepEqual(epoll.poll(0), [[other.fileno(), EPOLLIN]]);
  const file = await open('/dev/null');
  t.throws(() => epoll.register(file), { code: 'EPERM', message: /\(fd \d+\)$/ });
  await file.close();
  t.throws(() => epoll.register(file), { instanceOf: RangeError });
  other.close();
  t.throws(() => epoll.register(other), closed);
});

test('what the kernel refuses has code, errno and syscall', (t) => {
  using epoll = new Epoll();
  const event = owned(t, sockets.eventfd(0));
  epoll.register(event);
  const error = t.throws(() => epoll.register(event), { code: 'EEXIST' });
  t.like(error, { errno: -native.constants.EEXIST, syscall: 'epoll_ctl' });
  t.is(error?.message, `epoll_ctl EEXIST: file already exists (fd ${event})`);
  t.throws(() => epoll.modify(NO_FD, 0), { code: 'EBADF' });
  t.throws(() => epoll.unregister(NO_FD), { code: 'EBADF' });
  t.throws(() => new Epoll(-1, 1), { code: 'EINVAL', message: /^epoll_create1 EINVAL/ });
  using borrowed = Epoll.fromfd(NO_FD);
  const poll = t.throws(() => borrowed.poll(0), { code: 'EBADF' });
  t.like(poll, { syscall: 'epoll_wait' });
});

test('after close everything but close and closed throws', async (t) => {
  const epoll = new Epoll();
  t.false(epoll.closed);
  const event = owned(t, sockets.eventfd(0));
  epoll.register(event, EPOLLIN);
  const fd = epoll.fileno();
  epoll.close();
  // Whoever has the number by now, this set is not behind it: the registration is not found.
  t.true(native.epoll(fd).remove(event) < 0);
  epoll.close();
  epoll[Symbol.dispose]();
  t.true(epoll.closed);
  t.throws(() => epoll.fileno(), { ...closed, instanceOf: main.WasmpollError });
  t.throws(() => epoll.register(0), closed);
  t.throws(() => epoll.modify(0, 0), closed);
  t.throws(() => epoll.unregister(0), closed);
  t.throws(() => epoll.poll(), closed);
  await t.throwsAsync(epoll.pollAsync(), closed);
  for await (const _ of epoll) t.fail();
});

test('fileno() may close the object in whose call it is asked', (t) => {
  const epoll = new Epoll();
  const suicidal = {
    fileno: () => {
      epoll.close();
      return 0;
    },
  };
  t.throws(() => epoll.register(suicidal), closed);
});

test('fromfd shares the set, and closes what it was given', (t) => {
  const epoll = new Epoll();
  const event = owned(t, sockets.eventfd(1));
  const copy = native.dup(epoll.fileno(), 0);
  const shared = Epoll.fromfd({ fd: copy });
  t.is(shared.fileno(), copy);
  shared.register(event, EPOLLIN);
  t.deepEqual(epoll.poll(0), [[event, EPOLLIN]]);
  shared.close();
  t.is(native.close(copy), -native.constants.EBADF);
  t.deepEqual(epoll.poll(0), [[event, EPOLLIN]]);
  epoll.close();
});

test.serial(
  'an object that nobody has any more is closed, and one from fromfd is not',
  async (t) => {
    const before = descriptors().length;
    const fd = (() => {
      for (let i = 0; i < 5; i += 1) new Epoll().register(0, 0);
      const copy = native.dup(new Epoll().fileno(), 0);
      Epoll.fromfd(copy);
      return copy;
    })();
    await collect(() => descriptors().length === before + 1);
    t.is(descriptors().length, before + 1);
    t.is(native.close(fd), 0);
  },
);

test('a poll is one system call, however much is ready', async (t) => {
  const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const script = (polls: number): string => `
    import { Epoll, EPOLLIN } from ${module('../../host/epoll/epoll.js')};
    import { native } from ${module('../../host/kernel/native.js')};
    for (const ready of [1, 100, 1000]) {
      const epoll = new Epoll();
      for (let i = 0; i < ready; i += 1) epoll.register(native.eventfd(1), EPOLLIN);
      for (let poll = 0; poll < ${polls}; poll += 1) {
        for (const timeout of [0, 1, -1, null, 1e6]) {
          if (epoll.poll(timeout).length !== ready) process.exit(1);
        }
      }
    }`;
  const calls: number[] = [];
  for (const polls of [1, 3]) {
    const tracing = traced(t, 'epoll_wait,epoll_ctl', []);
    if (tracing === null) return t.pass();
    const args = ['--input-type=module', '-e', script(polls)];
    const { code } = await new Running(args, { prefix: tracing.prefix }).exited;
    t.is(code, 0);
    calls.push(tracing.calls(/^epoll_(wait|ctl)$/).length);
  }
  t.is(calls[1]! - calls[0]!, 3 * 5 * 2);
});

test('the number of events is bounded by the argument, and the others come next', (t) => {
  using epoll = new Epoll();
  for (let i = 0; i < 1500; i += 1) epoll.register(owned(t, sockets.eventfd(1)), EPOLLIN);
  t.is(epoll.poll(0).length, native.constants.FD_SETSIZE - 1);
  t.is(epoll.poll(0, 2000).length, 1500);
  t.is(epoll.poll(0, 2 ** 31 - 1).length, 1500);
  const seen = new Set<number>();
  for (let round = 0; round < 15; round += 1) {
    for (const [fd] of epoll.poll(0, 100)) seen.add(fd);
  }
  t.is(seen.size, 1500);
});

test('foreign tokens are shown as the int that Python shows', (t) => {
  const set = native.epoll();
  t.teardown(() => set.close());
  using epoll = Epoll.fromfd(native.dup(set.fd, 0));
  set.add(owned(t, sockets.eventfd(1)), EPOLLIN, 2 ** 32 - 2, 7);
  t.deepEqual(epoll.poll(0), [[-2, EPOLLIN]]);
});

test('timeouts are rounded up, and −1 ms or less is for ever', (t) => {
  const cases: [seconds: number | null | undefined, ms: number][] = [
    [undefined, -1],
    [null, -1],
    [0, 0],
    [-0, 0],
    [1e-300, 1],
    [0.001, 1],
    [0.0010000001, 2],
    [1.0005, 1001],
    [0.1, 100],
    [2147483.647, 2 ** 31 - 1],
    [-1e-300, 0],
    [-0.0005, 0],
    [-0.00099999, 0],
    [-0.0009999999999, -1],
    [-0.001, -1],
    [-2147483.648, -1],
  ];
  for (const [seconds, ms] of cases) t.is(toTimeoutMs(seconds), ms, String(seconds));
});

test('a subclass is as good as the class', (t) => {
  class Named extends Epoll {
    readonly name = 'named';
  }
  using named = new Named();
  named.register(owned(t, sockets.eventfd(1)), EPOLLIN);
  t.is(named.poll(0).length, 1);
});
