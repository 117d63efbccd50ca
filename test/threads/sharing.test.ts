// Random programs of topics and keys, with traps, hangs, resets and swaps, over real workers and against the model.
// `npm run fuzz -- shared` has more of them.

import test from 'ava';
import { programsOverWorkers } from '../helpers/sharing-over-workers.ts';

for (const workers of [1, 2]) {
  test(`what peers hear over ${workers} workers is what the model says, whatever traps, hangs and is swapped`, async (t) => {
    t.is(await programsOverWorkers({ programs: 2, seed: 7, workers }), null);
  });
}
