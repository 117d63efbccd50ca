// The same random programs on the twin and on the addon give the same results, call for call.

import test from 'ava';
import fc from 'fast-check';
import { differenceOf, type Setting, settings } from '../helpers/shared-differential.ts';
import { nativeSubject } from '../helpers/shared-native.ts';
import { add, put, roomy, Seat } from '../helpers/shared-seats.ts';
import { twinSubject } from '../helpers/twins.ts';

/** `npm run fuzz -- shared` runs as many as one has time for. */
const PROGRAMS = 100;

for (const [title, setting] of Object.entries<Setting>(settings)) {
  test(`the twin and the addon agree ${title}`, (t) => {
    fc.assert(
      fc.property(setting.programs, (commands) => {
        const difference = differenceOf(commands, setting);
        if (difference !== null) throw new Error(difference);
      }),
      { numRuns: PROGRAMS / (setting.cost ?? 1), includeErrorInReport: true },
    );
    t.pass();
  });
}

test('a difference would be found', (t) => {
  const setting = settings['with full queues'];
  const wider = { ...setting.limits, queueBytes: setting.limits.queueBytes + 1 };
  const samples = fc.sample(setting.programs, { numRuns: PROGRAMS, seed: 1 });
  t.true(samples.some((commands) => differenceOf(commands, setting, wider) !== null));
});

test('the twin and the addon read and write the same numbers', (t) => {
  const numbers = fc.oneof(
    fc.double({ min: -(2 ** 53), max: 2 ** 53, noNaN: true }),
    fc.maxSafeInteger(),
    fc.tuple(fc.maxSafeInteger(), fc.nat(30)).map(([digits, places]) => digits / 10 ** places),
  );
  const texts = fc.oneof(
    numbers.map(String),
    fc.stringMatching(/^-?[0-9]{1,12}(\.[0-9]{1,12})?(e[+-]?[0-9]{1,3})?$/),
    fc.string({ unit: fc.constantFrom(...'0123456789-+.eE '), maxLength: 33 }),
  );
  const subjects = [twinSubject(roomy), nativeSubject(roomy)];
  const [twin, addon] = subjects.map(({ shared }) => {
    shared.open(0, -1);
    return new Seat(shared.seat(0));
  }) as [Seat, Seat];
  fc.assert(
    fc.property(texts, numbers, (text, delta) => {
      const sums = (seat: Seat) => {
        seat.commit([put(1, 0, 'n', text), add(1, 0, 'n', delta), add(1, 0, 'm', delta)]);
        return seat.takeAll();
      };
      t.deepEqual(sums(addon), sums(twin));
    }),
    { numRuns: 10 * PROGRAMS },
  );
  for (const { shared } of subjects) shared.release();
});
