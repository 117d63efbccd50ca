// Attackers by the thousand that hold little each: who is aborted when the pool runs low.

import test from 'ava';
import {
  type Attack,
  hold,
  insist,
  little,
  outlives,
  play,
  startsCold,
  thin,
  trickle,
  usual,
} from '../helpers/pool-attacks.ts';

// The last number says how many of the others are lost when all come at once.
const attacks: readonly Attack[] = [
  ['hold 1,025 bytes each', 1_000, hold(1_025), usual, 0],
  ['hold 1,025 bytes and send one every 100 ms', 1_000, trickle(1_025), usual, 0],
  ['hold 257 bytes, of which 15 of 16 leave', 1_000, thin(257, 16), little, 0],
  ['hold 1,025 bytes, of which 3 of 4 leave', 1_000, thin(1_025, 4), usual, 0],
  ['hold 257 bytes, and come back', 1_000, insist(257), little, 0],
  ['hold 1,025 bytes, and come back', 1_000, insist(1_025), usual, 0],
];

for (const attack of attacks) {
  const [what, count, , scene, cold] = attack;
  test(`${count} clients ${what}: those that get on outlive them`, outlives, attack);
  test(
    `${count} clients ${what}, all at once: ${cold} of ${scene.honest} others are lost`,
    startsCold,
    attack,
  );
}

test('4,000 clients that hold a byte each fill a pool of 64 pages, and cost nobody else anything', async (t) => {
  const outcome = await play(little, hold(1), 4_000, 0);
  t.is(outcome.lost, 0);
  t.true(outcome.aborted > 20, `${outcome.aborted} aborted`);
});

test('1,100 clients that hold a byte each take 18 pages, and 500 others are left alone', async (t) => {
  const outcome = await play({ pages: 4_096, honest: 500, ms: 300 }, hold(1), 1_100, 1_000);
  t.is(outcome.pagesBefore, 18);
  t.is(outcome.aborted, 0);
  t.is(outcome.lost, 0);
  t.true(outcome.frames > 500);
});
