// The words that a worker and its supervisor share: one object on each side of one buffer.

import { Worker } from 'node:worker_threads';
import test from 'ava';
import {
  ControlWords,
  IN_ON_START,
  IN_ON_TICK,
  IN_START_UP,
  ON_DATA,
  ON_MISSED,
  START_UP,
} from '../../host/memory/control-words.ts';
import { settings } from '../../host/policy.ts';
import { until } from '../helpers/proc.ts';

const SEQUENCE = 0;
const RING_WORDS = 4096;

function sides(): { worker: ControlWords; supervisor: ControlWords; words: Int32Array } {
  const buffer = new SharedArrayBuffer(ControlWords.bytes);
  return {
    worker: new ControlWords(buffer),
    supervisor: new ControlWords(buffer),
    words: new Int32Array(buffer),
  };
}

test('descriptors come out in the order in which they were handed over', (t) => {
  const { worker, supervisor } = sides();
  t.is(worker.take(), -1);
  for (const fd of [7, 8, 9]) t.true(supervisor.hand(fd));
  t.is(supervisor.pending, 3);
  t.deepEqual([worker.take(), worker.take(), worker.take(), worker.take()], [7, 8, 9, -1]);
  t.is(supervisor.pending, 0);
});

test('a full ring refuses, and takes again when one was taken out', (t) => {
  const { worker, supervisor } = sides();
  for (let fd = 0; fd < RING_WORDS; fd += 1) t.true(supervisor.hand(fd));
  t.false(supervisor.hand(5000));
  t.is(worker.take(), 0);
  t.true(supervisor.hand(5001));
  t.false(supervisor.hand(5002));
});

test('the ring goes on when its counters pass 2^31', (t) => {
  const { worker, supervisor, words } = sides();
  words[4] = words[5] = 2 ** 31 - 2;
  for (let fd = 0; fd < 10; fd += 1) t.true(supervisor.hand(fd));
  t.is(supervisor.pending, 10);
  t.deepEqual(
    Array.from({ length: 10 }, () => worker.take()),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  words[4] = words[5] = -2;
  for (let fd = 0; fd < 4; fd += 1) t.true(supervisor.hand(fd));
  t.deepEqual([worker.take(), worker.take(), worker.take(), worker.take()], [0, 1, 2, 3]);
});

test('inside the guest the sequence is odd, and every callback has a number of its own', (t) => {
  const { worker, supervisor } = sides();
  const seen = new Set<number>();
  t.false(supervisor.inside);
  for (let slot = 0; slot < 100; slot += 1) {
    worker.enter(slot, ON_DATA);
    t.true(supervisor.inside);
    t.is(supervisor.slot, slot);
    seen.add(supervisor.sequence);
    worker.leave();
    t.false(supervisor.inside);
  }
  t.is(seen.size, 100);
  t.is(supervisor.callbacks, 100);
});

test('who watches reads where the worker is and what it was entered for, whatever the slot', (t) => {
  const { worker, supervisor } = sides();
  for (const slot of [
    0,
    1,
    settings.maxConnections.max - 1,
    IN_START_UP,
    IN_ON_START,
    IN_ON_TICK,
  ]) {
    for (const [callback, name] of [
      [START_UP, 'start-up'],
      [ON_DATA, 'on_data'],
      [ON_MISSED, 'on_missed'],
    ] as const) {
      worker.enter(slot, callback);
      t.deepEqual([supervisor.slot, supervisor.callback], [slot, name]);
      worker.leave();
    }
  }
  t.is(supervisor.callbacks, 9);
});

test('start-up is inside, for no slot, and counts as no callback', (t) => {
  const { worker, supervisor } = sides();
  worker.enter(-1, ON_DATA);
  t.true(supervisor.inside);
  t.is(supervisor.slot, -1);
  worker.leave();
  t.is(supervisor.callbacks, 0);
});

test('the sequence starts over without a callback that looks like being outside', (t) => {
  const { words } = sides();
  words[SEQUENCE] = 0x3fff_fffe;
  const worker = new ControlWords(words.buffer);
  for (let round = 0; round < 4; round += 1) {
    worker.enter(1, ON_DATA);
    t.is(worker.sequence % 2, 1);
    worker.leave();
    t.is(worker.sequence % 2, 0);
  }
});

test('who was seen in one callback cannot be given up in the next, or outside', (t) => {
  const { worker, supervisor } = sides();
  worker.enter(3, ON_DATA);
  const seen = supervisor.sequence;
  worker.leave();
  t.false(supervisor.condemn(seen));
  worker.enter(4, ON_DATA);
  t.false(supervisor.condemn(seen));
  worker.leave();
  t.is(supervisor.callbacks, 2);
});

test('who was given up counts as inside, in the slot that it was in, until it is replaced', (t) => {
  const { worker, supervisor } = sides();
  worker.enter(3, ON_DATA);
  t.true(supervisor.condemn(supervisor.sequence));
  t.true(supervisor.inside);
  t.is(supervisor.slot, 3);
  t.false(supervisor.condemn(1), 'once');
  supervisor.reset();
  t.false(supervisor.inside);
  const successor = new ControlWords(supervisor.buffer);
  successor.enter(5, ON_DATA);
  t.is(supervisor.slot, 5);
  successor.leave();
  t.is(supervisor.callbacks, 1);
});

test('a thread that leaves the guest after it was given up stays there and touches nothing', async (t) => {
  const { supervisor, words } = sides();
  const go = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(
    `import { workerData, parentPort } from 'node:worker_threads';
     const { ControlWords } = await import(workerData.control);
     const control = new ControlWords(workerData.buffer);
     control.enter(11, 1);
     parentPort.postMessage('inside');
     Atomics.wait(workerData.go, 0, 0);
     control.leave();
     parentPort.postMessage('left');`,
    {
      eval: true,
      execArgv: ['--input-type=module'],
      workerData: {
        buffer: supervisor.buffer,
        go,
        control: new URL('../../host/memory/control-words.js', import.meta.url).href,
      },
    },
  );
  const messages: string[] = [];
  thread.on('message', (message: string) => messages.push(message));
  t.teardown(() => thread.terminate());
  await until(() => messages.length > 0);
  t.true(supervisor.condemn(supervisor.sequence));
  Atomics.store(go, 0, 1);
  Atomics.notify(go, 0);
  // It waits where nobody will wake it; a wake from here shows that it does, and it waits again.
  await until(() => Atomics.notify(words, SEQUENCE) === 1);
  await until(() => Atomics.notify(words, SEQUENCE) === 1);
  t.is(supervisor.callbacks, 0);
  await thread.terminate();
  t.deepEqual(messages, ['inside']);
});

test('a descriptor that was taken is known until it is placed', (t) => {
  const { worker, supervisor } = sides();
  t.is(supervisor.taken, -1);
  for (const fd of [0, 8]) supervisor.hand(fd);
  t.is(worker.take(), 0);
  t.is(supervisor.taken, 0);
  worker.placed();
  t.is(supervisor.taken, -1);
});

test('a descriptor that was noted and is still in the ring was not taken', (t) => {
  const { supervisor, worker, words } = sides();
  supervisor.hand(7);
  supervisor.hand(8);
  t.is(worker.take(), 7);
  // As a thread leaves it that ended between the note and the step that follows.
  words[4] = 0;
  t.is(supervisor.taken, -1);
  t.is(worker.take(), 7);
});

test('what is closed is counted anew from what was taken and what is open', (t) => {
  const { supervisor, worker } = sides();
  for (let fd = 3; fd < 13; fd += 1) supervisor.hand(fd);
  for (let count = 0; count < 8; count += 1) worker.take();
  worker.finished();
  worker.recount(5);
  t.is(supervisor.finishedCount, 3);
});

test('a successor says when it has noted whom the end before it has cost', (t) => {
  const { supervisor, worker } = sides();
  t.false(supervisor.hasRecovered);
  worker.recovered();
  t.true(supervisor.hasRecovered);
  supervisor.reset();
  t.false(supervisor.hasRecovered);
});
