// Memory under attack: what has a cap keeps to it, and who asks for little is served.
// With 5,000 clients: `npm run soak -- memory`.

import test from 'ava';
import { siege } from '../helpers/memory-attack.ts';

const MiB = 1024 * 1024;

test('a guest that hoards and clients that hoard stay under the caps, and honest ones are served', async (t) => {
  const { before, most, bound, answers, besiegers } = await siege(t, 300);
  t.log(
    `${besiegers} besiegers: ${Math.round(before / MiB)} MiB before, ${Math.round(most / MiB)} at most`,
  );
  t.true(most <= bound, `${Math.round(most / MiB)} MiB, bound ${Math.round(bound / MiB)} MiB`);
  t.is(answers, 8 * (300 / 25 + 50));
});
