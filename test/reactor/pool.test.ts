// Who is aborted when the pool runs low. The attacks that take longest to simulate are in hostile/pool.test.ts.

import test from 'ava';
import {
  type Attack,
  Blinker,
  Deaf,
  hold,
  little,
  type Make,
  outlives,
  play,
  Recycler,
  startsCold,
  trickle,
  usual,
} from '../helpers/pool-attacks.ts';

// The last number says how many of the others are lost when all come at once.
const attacks: readonly Attack[] = [
  ['hold 257 bytes each', 1_000, hold(257), little, 0],
  ['hold 4,097 bytes each', 300, hold(4_097), usual, 1],
  ['hold 20,000 bytes each', 300, hold(20_000), usual, 0],
  ['take none of their answers', 80, (server, number) => new Deaf(server, number), usual, 0],
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

// What holds little takes little: nobody is aborted at all. The last number is pages.
const harmless: [string, number, Make, number][] = [
  ['hold a byte each', 300, hold(1), 5],
  ['hold 257 bytes each', 300, hold(257), 19],
  ['send a byte every 100 ms', 300, trickle(1), 5],
  ['hold a byte of the next frame', 300, (server, number) => new Recycler(server, number), 5],
  ['end and begin a frame in turn', 300, (server, number) => new Blinker(server, number), 5],
];

for (const [what, count, make, pages] of harmless) {
  test(`${count} clients ${what}: they take ${pages} pages, and cost nobody anything`, async (t) => {
    const alone = await play(usual, make, 0, 0);
    for (const headStartMs of [1_000, 0]) {
      const outcome = await play(usual, make, count, headStartMs);
      t.is(outcome.lost, 0);
      t.is(outcome.frames, alone.frames);
      t.is(outcome.aborted, 0);
      if (headStartMs > 0) t.is(outcome.pagesBefore, pages);
    }
  });
}
