// When a callback counts as hung: samples and a virtual clock, no thread.

import test from 'ava';
import { Watchdog } from '../../host/threads/seat/watchdog.ts';

const LIMIT = 1000;

/** Gives a sample at each time. @returns the times at which it said hung */
function hungAt(
  watchdog: Watchdog,
  sequence: number,
  times: readonly number[],
  ran = (now: number) => now,
): number[] {
  return times.filter((now) => watchdog.hung(sequence, now, ran(now)));
}

const every = (interval: number, count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, index) => from + index * interval);

test('it wants four samples in a limit, and never less than a millisecond between them', (t) => {
  t.is(new Watchdog(LIMIT).intervalMs, 250);
  t.is(new Watchdog(10).intervalMs, 2);
  t.is(new Watchdog(1).intervalMs, 1);
});

test('a callback is hung at the limit, and not a millisecond before', (t) => {
  t.deepEqual(hungAt(new Watchdog(LIMIT), 1, [0, 250, 500, 750, 999]), []);
  t.deepEqual(hungAt(new Watchdog(LIMIT), 1, [0, 250, 500, 750, 1000]), [1000]);
});

test('whenever a callback begins between two samples, it is found within 1.25 times the limit', (t) => {
  for (let begun = 0; begun < 250; begun += 1) {
    const watchdog = new Watchdog(LIMIT);
    const samples = every(250, 10);
    const found = samples.filter((now) => watchdog.hung(now < begun ? 0 : 1, now, now))[0]!;
    t.true(found - begun >= LIMIT && found - begun <= 1.25 * LIMIT, `${begun}: ${found}`);
  }
});

test('a machine that was suspended proves nothing until four more samples were taken', (t) => {
  const watchdog = new Watchdog(LIMIT);
  t.false(watchdog.hung(1, 0, 0));
  const hours = 3_600_000;
  t.deepEqual(hungAt(watchdog, 1, every(250, 6, hours)), [hours + 750, hours + 1000, hours + 1250]);
});

test('a supervisor that was late itself does not make a callback hung by one sample', (t) => {
  const watchdog = new Watchdog(LIMIT);
  t.false(watchdog.hung(7, 0, 0));
  t.false(watchdog.hung(7, 5000, 5000));
  t.false(watchdog.hung(9, 5001, 5001), 'the callback had returned meanwhile, and this is another');
});

test('another callback starts anew', (t) => {
  const watchdog = new Watchdog(LIMIT);
  for (let callback = 1; callback < 99; callback += 2) {
    t.deepEqual(hungAt(watchdog, callback, every(249, 4, callback * 1000)), []);
  }
});

test('a callback whose thread had to wait for a processor is given up at four times the limit', (t) => {
  const samples = every(250, 18);
  t.deepEqual(
    hungAt(new Watchdog(LIMIT), 1, samples, () => 9),
    [4000, 4250],
  );
  t.deepEqual(hungAt(new Watchdog(LIMIT), 1, samples, (now) => 0.49 * now)[0], 1250);
});

test('one that ran for half of the limit is given up at the limit, and also if nobody knows', (t) => {
  const samples = every(250, 5);
  t.deepEqual(
    hungAt(new Watchdog(LIMIT), 1, samples, (now) => 7 + now / 2),
    [1000],
  );
  t.deepEqual(
    hungAt(new Watchdog(LIMIT), 1, samples, () => NaN),
    [1000],
  );
});

test('outside the guest nothing is hung, however long it lasts', (t) => {
  t.deepEqual(hungAt(new Watchdog(LIMIT), 8, every(250, 100)), []);
  t.deepEqual(hungAt(new Watchdog(LIMIT), 0, every(250, 100)), []);
});

test('the time outside does not count for the callback that follows', (t) => {
  const watchdog = new Watchdog(LIMIT);
  t.deepEqual(hungAt(watchdog, 8, every(250, 100)), []);
  t.deepEqual(hungAt(watchdog, 9, every(250, 4, 25_000)), []);
  t.true(watchdog.hung(9, 26_000, 26_000));
});

test('the number after which the sequence starts over is a callback like any other', (t) => {
  const watchdog = new Watchdog(LIMIT);
  t.deepEqual(hungAt(watchdog, 0x3fff_ffff, every(250, 4)), []);
  t.deepEqual(hungAt(watchdog, 1, every(250, 5, 1000)), [2000]);
  t.deepEqual(hungAt(watchdog, 0x4000_0000, every(250, 9, 3000)), []);
});

test('one that was given up is not given up again', (t) => {
  const watchdog = new Watchdog(LIMIT);
  t.deepEqual(hungAt(watchdog, -2, every(250, 9)), []);
});

test('a successor has its whole limit, though its callback has the number of the one that hung', (t) => {
  const watchdog = new Watchdog(LIMIT);
  t.deepEqual(hungAt(watchdog, 7, every(250, 5)), [1000]);
  watchdog.reset();
  t.deepEqual(hungAt(watchdog, 7, every(250, 5, 1001)), [2001]);
});
