// A guest that does anything, and 200 connections in the same instance that must not notice.
// For minutes: `npm run soak -- chaos`.

import test from 'ava';
import { chaos } from '../helpers/chaos.ts';

for (const seed of [1, 2]) {
  test(`arbitrary host calls and traps cost no other connection a byte or its state, ${seed}`, async (t) => {
    const report = await chaos(seed, (round) => round < 1500);
    t.deepEqual(report.faults, []);
    t.true(report.traps > 200, `${report.traps} traps`);
    t.log(`${report.rounds} programs, ${report.traps} traps, ${report.bytes} bytes compared`);
  });
}
