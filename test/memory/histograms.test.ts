// Histograms: which bucket a value is in, and which callbacks are timed.

import test from 'ava';

import { ControlWords, IN_START_UP, ON_DATA } from '../../host/memory/control-words.ts';
import { Stats } from '../../host/memory/counts/stats.ts';

import { makeControl } from '../../host/memory/timed-control.ts';

/** Callbacks that take what is asked, at times that are said. */
class Callbacks {
  now = 1;
  readonly #control: ControlWords;
  readonly #stats: Stats;

  constructor(timed = true) {
    const buffer = new SharedArrayBuffer(ControlWords.bytes);
    this.#control = makeControl(buffer, timed ? () => this.now : null);
    this.#stats = new Stats(this.#control.counts);
  }

  call(tookMs: number, slot = 0): void {
    this.#control.enter(slot, ON_DATA);
    this.now += tookMs;
    this.#control.leave();
  }

  ended(ms: number): void {
    this.#stats.ended(ms);
  }

  get histograms() {
    return this.#stats.snapshot(String).histograms;
  }
}

/** The bucket that one value alone is in; Infinity above all. */
function limitOf(record: (callbacks: Callbacks) => void, name: 'callbackMs' | 'connectionMs') {
  const callbacks = new Callbacks();
  record(callbacks);
  const { buckets, count } = callbacks.histograms![name];
  return [count, buckets.find((bucket) => bucket.count === 1)?.le ?? Infinity];
}

test('nothing is recorded unless it was asked for', (t) => {
  const callbacks = new Callbacks(false);
  callbacks.call(5);
  callbacks.ended(5);
  t.is(callbacks.histograms, null);
});

test('a callback is in the first bucket that it is not longer than', (t) => {
  const micros: [number, number][] = [
    [0.2, 1],
    [1.9, 2],
    [2.1, 4],
    [1000, 1024],
    [8_000_000, 8_388_608],
    [9_000_000, Infinity],
    [86_400_000_000, Infinity],
  ];
  for (const [took, limit] of micros) {
    const found = limitOf((callbacks) => callbacks.call(took / 1000), 'callbackMs');
    t.deepEqual(found, [1, limit / 1000], `${took} µs`);
  }
});

test('a connection is in the first bucket that it was not open longer than', (t) => {
  const times: [number, number][] = [
    [0, 1],
    [1, 1],
    [2, 4],
    [4, 4],
    [4.1, 16],
    [1_073_741_824, 1_073_741_824],
    [1_073_741_825, Infinity],
    [1e12, Infinity],
  ];
  for (const [ms, limit] of times) {
    t.deepEqual(
      limitOf((callbacks) => callbacks.ended(ms), 'connectionMs'),
      [1, limit],
      `${ms} ms`,
    );
  }
});

test('callbacks that do not follow one another closely are timed, each of them', (t) => {
  const callbacks = new Callbacks();
  for (let count = 0; count < 1000; count += 1) {
    callbacks.call(0.003);
    callbacks.now += 0.02;
  }
  const { count, sum } = callbacks.histograms!.callbackMs;
  t.is(count, 1000);
  t.true(Math.abs(sum - 3) < 1e-6, String(sum));
});

test('of very many callbacks some are timed, and count for all', (t) => {
  const callbacks = new Callbacks();
  const every = [0.0001, 0.0002, 0.0003, 0.0014];
  for (let call = 0; call < 100_000; call += 1) callbacks.call(every[call % every.length]!);
  const { count, sum, buckets } = callbacks.histograms!.callbackMs;
  t.true(count > 99_870 && count <= 100_000, String(count));
  t.true(Math.abs(sum - 50) < 5, String(sum));
  t.true(Math.abs(buckets[0]!.count - 75_000) < 5000, String(buckets[0]!.count));
});

test('when callbacks become few again, each of them is timed', (t) => {
  const callbacks = new Callbacks();
  const calm = (calls: number): void => {
    for (let call = 0; call < calls; call += 1) {
      callbacks.now += 2;
      callbacks.call(0.0001);
    }
  };
  for (let call = 0; call < 10_000; call += 1) callbacks.call(0.0001);
  calm(200);
  const { count } = callbacks.histograms!.callbackMs;
  t.is(count, 10_200);
  calm(10);
  t.is(callbacks.histograms!.callbackMs.count, count + 10);
});

test('the time of a start-up is not that of a callback', (t) => {
  const callbacks = new Callbacks();
  callbacks.call(50, IN_START_UP);
  t.is(callbacks.histograms!.callbackMs.count, 0);
  callbacks.call(50);
  t.is(callbacks.histograms!.callbackMs.count, 1);
});
