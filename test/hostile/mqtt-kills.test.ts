// Messages of `mqtt` while its threads are ended and its guest traps and hangs: what is acknowledged comes to each
// subscriber who stays, once and in order. Thousands of rounds: `npm run soak -- kills`.

import test from 'ava';
import { mqttStorm } from '../helpers/mqtt-storm.ts';

const crowd = { publishers: 4, subscribers: 4, workers: 2 };

test.serial('threads that end cost no message that was acknowledged', async (t) => {
  const options = { ...crowd, rounds: 8, seed: 1, kinds: ['end'] } as const;
  const { acknowledged, compared, lost, told, faults } = await mqttStorm(options);
  t.log(`${acknowledged} messages acknowledged, ${compared} compared, ${lost} connections lost`);
  t.deepEqual(faults, []);
  // The one that is served, and one whose bytes go out with the same call.
  t.true(lost <= 2 * options.rounds, `${lost}`);
  t.deepEqual(told, []);
});

test.serial('clients that make the guest trap and hang cost others nothing', async (t) => {
  const options = { ...crowd, rounds: 6, seed: 2, kinds: ['trap', 'hang', 'trap'] } as const;
  const { acknowledged, compared, lost, told, faults } = await mqttStorm(options);
  t.log(`${acknowledged} messages acknowledged, ${compared} compared`);
  t.deepEqual(faults, []);
  t.deepEqual([lost, told], [0, []]);
});
