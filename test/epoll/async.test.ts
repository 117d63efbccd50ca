// Epoll in an event loop: pollAsync and for await, alone and several at once, closed, aborted,
// collected, and in threads that end.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { EPOLLET, EPOLLIN, Epoll, type EpollEvent } from '../../host/epoll/epoll.ts';
import * as sockets from '../../host/epoll/socket.ts';
import { native } from '../../host/kernel/native.ts';
import type { EpollMode } from '../helpers/epoll-worker.ts';
import { collect, descriptors, owned } from '../helpers/native.ts';

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
const closed = { code: 'ERR_EPOLL_CLOSED' };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A set, closed with the test, and an eventfd in it with the count `initial`. */
function watched(t: ExecutionContext, initial: number): [Epoll, number] {
  const epoll = new Epoll();
  t.teardown(() => epoll.close());
  const event = owned(t, sockets.eventfd(initial));
  epoll.register(event, EPOLLIN);
  return [epoll, event];
}

const reset = (event: number) => sockets.read(event, new Uint8Array(8));

test('pollAsync answers when there are events, with what poll would', async (t) => {
  const [epoll, event] = watched(t, 0);
  const answer = epoll.pollAsync();
  let isAnswered = false;
  void answer.then(() => {
    isAnswered = true;
  });
  for (let i = 0; i < 5; i += 1) await turn();
  t.false(isAnswered);
  sockets.write(event, ONE);
  t.deepEqual(await answer, [[event, EPOLLIN]]);
  t.deepEqual(await epoll.pollAsync(10, 1), [[event, EPOLLIN]]);
});

test('without events it answers with none when the time is over', async (t) => {
  const [epoll] = watched(t, 0);
  t.deepEqual(await epoll.pollAsync(0), []);
  t.deepEqual(await epoll.pollAsync(-0.0005), []);
  t.deepEqual(await epoll.pollAsync(0.002), []);
  const [ready, event] = watched(t, 1);
  t.deepEqual(await ready.pollAsync(0), [[event, EPOLLIN]]);
});

test('a loop of calls with events gives way to all else', async (t) => {
  for (const timeout of [null, 0]) {
    const [epoll] = watched(t, 1);
    let turns = 0;
    setImmediate(function again() {
      turns += 1;
      if (turns < 3) setImmediate(again);
    });
    for (let rounds = 0; turns < 3; rounds += 1) {
      if (rounds > 10_000) return t.fail('starved');
      await epoll.pollAsync(timeout);
    }
  }
  t.pass();
});

test('arguments that are wrong reject, and nothing is thrown', async (t) => {
  const [epoll] = watched(t, 1);
  const rejected = (values: unknown[]) =>
    t.throwsAsync(() => Reflect.apply(epoll.pollAsync, epoll, values) as Promise<unknown>);
  t.true((await rejected(['x'])) instanceof TypeError);
  t.true((await rejected([Number.NaN])) instanceof RangeError);
  t.true((await rejected([0, 0])) instanceof RangeError);
  t.true((await rejected([0, -1, null])) instanceof TypeError);
  for (const signal of [null, 1, {}, Object.create(AbortSignal.prototype)]) {
    t.true((await rejected([0, -1, { signal }])) instanceof TypeError);
  }
  const thrown = new Proxy({}, { get: () => { throw new Error('get'); } }); // biome-ignore format: short
  t.true((await rejected([0, -1, thrown])) instanceof TypeError);
});

test('several calls are answered in their order, one a turn', async (t) => {
  const [epoll, event] = watched(t, 0);
  const order: number[] = [];
  const calls = [1, 2, 3].map(async (number) => {
    await epoll.pollAsync();
    order.push(number);
    // Dealt with before the next one looks.
    if (number === 2) reset(event);
  });
  sockets.write(event, ONE);
  await calls[0];
  await calls[1];
  for (let i = 0; i < 5; i += 1) await turn();
  t.deepEqual(order, [1, 2]);
  sockets.write(event, ONE);
  await calls[2];
  t.deepEqual(order, [1, 2, 3]);
});

test('an edge is told to one of several calls', async (t) => {
  const [epoll, event] = watched(t, 0);
  epoll.modify(event, EPOLLIN | EPOLLET);
  const [first, second] = [epoll.pollAsync(), epoll.pollAsync()];
  sockets.write(event, ONE);
  t.deepEqual(await first, [[event, EPOLLIN]]);
  for (let i = 0; i < 5; i += 1) await turn();
  epoll.close();
  await t.throwsAsync(second, closed);
});

test('a time that is over answers whatever stands before it', async (t) => {
  const [epoll, event] = watched(t, 0);
  const first = epoll.pollAsync();
  t.deepEqual(await epoll.pollAsync(0), []);
  t.deepEqual(await epoll.pollAsync(0.001), []);
  sockets.write(event, ONE);
  t.deepEqual(await first, [[event, EPOLLIN]]);
});

test('closing rejects all calls that wait', async (t) => {
  const [epoll] = watched(t, 0);
  const calls = [epoll.pollAsync(), epoll.pollAsync(1000), epoll.pollAsync(0)];
  epoll.close();
  for (const call of calls) await t.throwsAsync(call, closed);
});

test('closing while events are there rejects too', async (t) => {
  const [epoll] = watched(t, 1);
  const call = epoll.pollAsync();
  epoll.close();
  await t.throwsAsync(call, closed);
});

test('an abort rejects its call with the reason, and takes no event', async (t) => {
  const [epoll, event] = watched(t, 0);
  epoll.modify(event, EPOLLIN | EPOLLET);
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error('enough');
  const aborted = [epoll.pollAsync(null, -1, { signal }), epoll.pollAsync(5, -1, { signal })];
  const other = epoll.pollAsync();
  sockets.write(event, ONE);
  controller.abort(reason);
  for (const call of aborted) t.is(await t.throwsAsync(call), reason);
  t.deepEqual(await other, [[event, EPOLLIN]]);
  t.is(await t.throwsAsync(epoll.pollAsync(0, -1, { signal })), reason);
  const options = { signal: AbortSignal.abort() };
  await t.throwsAsync(epoll.pollAsync(0, -1, options), { any: true, name: 'AbortError' });
});

test('a signal that outlives its calls keeps nothing of them', async (t) => {
  const [epoll] = watched(t, 1);
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = (...values: unknown[]) => {
    listeners += 1;
    Reflect.apply(add, signal, values);
  };
  signal.removeEventListener = (...values: unknown[]) => {
    listeners -= 1;
    Reflect.apply(remove, signal, values);
  };
  await epoll.pollAsync(null, 1, { signal });
  await epoll.pollAsync(0, 1, { signal });
  const call = epoll.pollAsync(null, 1, { signal });
  t.is(listeners, 1);
  epoll.close();
  await t.throwsAsync(call, closed);
  t.is(listeners, 0);
});

test('for await goes on until close, from within', async (t) => {
  const [epoll, event] = watched(t, 1);
  const rounds: EpollEvent[][] = [];
  for await (const events of epoll) {
    rounds.push(events);
    if (rounds.length === 3) epoll.close();
  }
  t.deepEqual(rounds, Array(3).fill([[event, EPOLLIN]]));
});

test('for await goes on until close, from outside while it waits', async (t) => {
  const [epoll, event] = watched(t, 1);
  let rounds = 0;
  const loop = (async () => {
    for await (const _ of epoll) {
      rounds += 1;
      reset(event);
    }
  })();
  while (rounds === 0) await turn();
  for (let i = 0; i < 3; i += 1) await turn();
  epoll.close();
  await t.notThrowsAsync(loop);
  t.is(rounds, 1);
});

test('leaving for await leaves the object open', async (t) => {
  const [epoll, event] = watched(t, 1);
  for await (const _ of epoll) break;
  t.false(epoll.closed);
  t.deepEqual(epoll.poll(0), [[event, EPOLLIN]]);
});

test('errors of the descriptor are thrown in the loop', async (t) => {
  const epoll = Epoll.fromfd(owned(t, sockets.eventfd(0)));
  await t.throwsAsync(async () => {
    for await (const _ of epoll) t.fail();
  }, { code: 'EINVAL' }); // biome-ignore format: short
});

test('what is not of epoll rejects at once, though it would never be readable', async (t) => {
  const epoll = Epoll.fromfd(owned(t, sockets.eventfd(0)));
  await t.throwsAsync(epoll.pollAsync(), { code: 'EINVAL', message: /^epoll_wait / });
  await t.throwsAsync(Epoll.fromfd(2 ** 31 - 1).pollAsync(), { code: 'EBADF' });
  const good = Epoll.fromfd(native.dup(watched(t, 1)[0].fileno(), 0));
  t.teardown(() => good.close());
  t.is((await good.pollAsync()).length, 1);
});

// Serial, since another test's descriptor could get the number.
test.serial('a descriptor that is closed under a call rejects it when it looks', async (t) => {
  const epoll = new Epoll();
  const event = owned(t, sockets.eventfd(0));
  epoll.register(event, EPOLLIN);
  const calls = [epoll.pollAsync(), epoll.pollAsync()];
  sockets.close(epoll);
  sockets.write(event, ONE);
  const outcomes = await Promise.allSettled(calls);
  epoll.close();
  for (const outcome of outcomes) t.like(outcome, { reason: { code: 'EBADF' } });
});

test.serial('calls leave no descriptor behind', async (t) => {
  const before = descriptors();
  const epoll = new Epoll();
  const event = sockets.eventfd(1);
  epoll.register(event, EPOLLIN);
  const busy = descriptors();
  for (let i = 0; i < 20; i += 1) await epoll.pollAsync();
  // One more while a call waits, however many wait.
  reset(event);
  const calls = [epoll.pollAsync(), epoll.pollAsync()];
  t.is(descriptors().length, busy.length + 1);
  sockets.write(event, ONE);
  await Promise.all(calls);
  await turn();
  await turn();
  t.deepEqual(descriptors(), busy);
  reset(event);
  const left = epoll.pollAsync(1000);
  epoll.close();
  sockets.close(event);
  t.deepEqual(descriptors(), before);
  await t.throwsAsync(left, closed);
});

test.serial('an object that nobody has is kept by its call, and collected after it', async (t) => {
  const event = owned(t, sockets.eventfd(0));
  const before = descriptors().length;
  const gone: WeakRef<Epoll>[] = [];
  const answer = (() => {
    const epoll = new Epoll();
    gone.push(new WeakRef(epoll));
    epoll.register(event, EPOLLIN);
    return epoll.pollAsync();
  })();
  await collect();
  t.true(gone[0]?.deref() !== undefined);
  sockets.write(event, ONE);
  t.deepEqual(await answer, [[event, EPOLLIN]]);
  await collect(() => descriptors().length === before);
  t.is(descriptors().length, before);
  t.is(gone[0]?.deref(), undefined);
});

function thread(t: ExecutionContext, mode: EpollMode): Worker {
  const worker = new Worker(new URL('../helpers/epoll-worker.js', import.meta.url), {
    workerData: mode,
  });
  t.teardown(() => worker.terminate());
  return worker;
}

test.serial('threads with calls that wait can be terminated, and leave nothing', async (t) => {
  const sets = () => descriptors().filter((one) => one.includes('[eventpoll]')).length;
  await once(thread(t, 'idle'), 'exit');
  const before = sets();
  for (const mode of ['pending', 'looping', 'blocked'] as const) {
    const worker = thread(t, mode);
    await once(worker, 'message');
    t.is(await worker.terminate(), 1, mode);
  }
  t.is(sets(), before);
});

test.serial('threads can be terminated in the midst of native calls', async (t) => {
  for (let i = 0; i < 20; i += 1) {
    const worker = thread(t, 'busy');
    await once(worker, 'message');
    t.is(await worker.terminate(), 1);
  }
});

async function run(mode: EpollMode): Promise<[code: number, output: string]> {
  const script = fileURLToPath(new URL('../helpers/epoll-worker.js', import.meta.url));
  const child = spawn(process.execPath, [script, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return [code, output];
}

test('a process in which nobody waits ends, though events are there', async (t) => {
  t.deepEqual(await run('idle'), [0, 'ready\n']);
});

test('a call that waits keeps the process alive until it is answered', async (t) => {
  t.deepEqual(await run('kept'), [0, 'answered with 1\n']);
});

test('without a descriptor to watch with a call is rejected', async (t) => {
  const script = `
    import { Epoll } from ${JSON.stringify(new URL('../../host/epoll/epoll.js', import.meta.url).href)};
    import { eventfd } from ${JSON.stringify(new URL('../../host/epoll/socket.js', import.meta.url).href)};
    const epoll = new Epoll();
    const controller = new AbortController();
    try { for (;;) eventfd(); } catch (error) { console.log(error.code); }
    const { signal } = controller;
    await epoll.pollAsync(1, 1, { signal }).catch((error) => console.log(error.code, error.syscall));
    console.log(epoll.poll(0));`;
  const command = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
  const child = spawn('sh', ['-c', command, process.execPath, script]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output += text.toString();
    });
  }
  t.deepEqual(await once(child, 'close'), [0, null]);
  t.is(output, 'EMFILE\nEMFILE fcntl\n[]\n');
});
