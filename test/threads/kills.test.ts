// Real threads that hang or end at random moments while clients stream through them.
// Thousands of rounds: `npm run soak -- kills`.

import test from 'ava';
import { type StormReport, storm } from '../helpers/kills-under-load.ts';

function figures(report: StormReport): string {
  const worst = (times: number[]): string => `${Math.round(Math.max(...times))} ms at most`;
  return (
    `${report.rounds} rounds, ${report.bytes} bytes, ${report.lost} streams lost, ` +
    `told after ${worst(report.detectedMs)}, resumed after ${worst(report.resumedMs)}`
  );
}

test.serial('callbacks that hang again and again cost no other stream a byte', async (t) => {
  const report = await storm({ kind: 'hang', rounds: 10, clients: 12, seed: 1 });
  t.log(figures(report));
  t.deepEqual(report.faults, []);
  t.is(report.lost, 0);
  t.like(report.stats, { errors: { HUNG: 10 }, workers: { restarts: 10 } });
});

test.serial(
  'a thread that ends at any moment costs what it was changing, and no byte',
  async (t) => {
    const report = await storm({ kind: 'end', rounds: 25, clients: 12, seed: 2 });
    t.log(figures(report));
    t.deepEqual(report.faults, []);
    // The one that is served, and one whose bytes go out with the same call.
    t.true(report.lost <= 2 * 25, `${report.lost}`);
    t.like(report.stats, { errors: { WORKER: 25 }, workers: { restarts: 25 } });
  },
);

test.serial('with two workers the other one is not touched', async (t) => {
  const report = await storm({ kind: 'end', rounds: 10, clients: 12, seed: 3, workers: 2 });
  t.deepEqual(report.faults, []);
  t.true(report.lost <= 2 * 10, `${report.lost}`);
  t.is(report.stats.workers.restarts, 10);
});
