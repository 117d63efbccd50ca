// The addon's Epoll: registrations, waits, and who owns the descriptor.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import * as kernel from '../../host/kernel/rows.ts';
import {
  collect,
  descriptors,
  events,
  NO_FD,
  outOfRange,
  owned,
  socketpair,
} from '../helpers/native.ts';
import { until } from '../helpers/proc.ts';

const { constants } = native;
const { EVENT } = kernel;
const bytes = new Uint8Array(8);

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
  // Each child's two may have become one. Handlers run in a later turn of the event loop.
  await until(() => signals >= 2);
  t.pass();
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
