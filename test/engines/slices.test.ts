// What is lost all at once is settled in slices, in order, with turns of the event loop in between.

import test from 'ava';
import { Fifo } from '../../host/engines/fifo.ts';
import { SLICE, Slices } from '../../host/engines/slices.ts';

test('so many are settled in a turn, the first ones at once, and all in order', async (t) => {
  const settled: number[] = [];
  const slices = new Slices<number>((item) => settled.push(item));
  for (let item = 0; item < SLICE * 2 + 10; item += 1) slices.add(item);
  const lengths = [settled.length];
  while (settled.length < SLICE * 2 + 10) {
    await new Promise(setImmediate);
    lengths.push(settled.length);
  }
  t.deepEqual([...new Set(lengths)], [SLICE, SLICE * 2, SLICE * 2 + 10]);
  t.true(settled.every((item, at) => item === at));
});

test('what is settled may add more', async (t) => {
  const settled: number[] = [];
  const slices: Slices<number> = new Slices((item) => {
    settled.push(item);
    if (item < SLICE + 5) slices.add(item + 1);
  });
  slices.add(0);
  t.is(settled.length, SLICE);
  while (settled.length < SLICE + 6) await new Promise(setImmediate);
  t.true(settled.every((item, at) => item === at));
});

test('a queue gives what came first, whatever was taken before', (t) => {
  const fifo = new Fifo<number>();
  let [added, taken] = [0, 0];
  for (let round = 0; round < 50; round += 1) {
    for (let count = 0; count < 200; count += 1) fifo.push(added++);
    for (let count = 0; count < 150; count += 1) t.is(fifo.shift(), taken++);
    t.deepEqual([fifo.size, fifo.oldest], [added - taken, taken]);
  }
  fifo.clear();
  t.deepEqual([fifo.size, fifo.oldest, fifo.shift()], [0, undefined, undefined]);
});
