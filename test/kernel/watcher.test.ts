// The addon's Watcher: calls from the event loop, and its end with close, set or thread.

import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import type * as kernel from '../../host/kernel/contract.ts';
import { native } from '../../host/kernel/native.ts';
import { collect, descriptors, events, NO_FD, owned, readable } from '../helpers/native.ts';
import type { WorkerMode } from '../helpers/native-worker.ts';
import { temporary } from '../helpers/process.ts';

const { constants } = native;
const spare = native.epoll();

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
