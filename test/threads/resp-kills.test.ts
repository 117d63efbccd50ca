// Keys of `resp` while its threads are ended and its guest traps and hangs: no key is lost, no answer is wrong, and
// whoever did it loses its connection alone. Thousands of rounds: `npm run soak -- kills`.

import test from 'ava';
import { respStorm } from '../helpers/resp-storm.ts';

for (const workers of [1, 2]) {
  test.serial(`threads that end cost no key and no answer, with workers: ${workers}`, async (t) => {
    const options = { rounds: 12, clients: 8, workers, seed: workers, kinds: ['end'] } as const;
    const { commands, lost, faults } = await respStorm(options);
    t.log(`${commands} commands compared, ${lost} connections lost`);
    t.deepEqual(faults, []);
    // The one that is served, and one whose bytes go out with the same call.
    t.true(lost <= 2 * options.rounds, `${lost}`);
  });
}

test.serial(
  'clients that make the guest trap and hang cost others neither key nor connection',
  async (t) => {
    const kinds = ['trap', 'hang', 'trap'] as const;
    const { commands, lost, faults } = await respStorm({
      rounds: 12,
      clients: 8,
      workers: 1,
      seed: 3,
      kinds,
    });
    t.log(`${commands} commands compared`);
    t.deepEqual(faults, []);
    t.is(lost, 0);
  },
);
