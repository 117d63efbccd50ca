// A thread that ends at any statement of a turn: what another finds, and what it goes on with.
// `npm run soak -- kills` does this for every statement; here it is a part of them, another each third.

import test from 'ava';
import { random } from '../helpers/bytes.ts';
import { scriptedModule } from '../helpers/guests.ts';
import { hostOfDeaths, live, type Outcome } from '../helpers/thread-deaths.ts';

const host = await hostOfDeaths(`recovery-${process.pid}`, scriptedModule);

function faults(outcomes: Iterable<readonly [string, Outcome]>): string[] {
  const found: string[] = [];
  for (const [where, outcome] of outcomes) {
    found.push(...outcome.faults.map((fault) => `${where}: ${fault}`));
  }
  return found.slice(0, 10);
}

for (const secured of [false, true]) {
  const how = secured ? 'by TLS' : 'in clear';
  const whole = live(host, [], secured);
  // Handshakes that are given up, with and without a death.
  const given = secured ? 3 : 0;

  test(`${how}: without a death the afternoon goes as it should`, (t) => {
    t.deepEqual(whole.faults, []);
    t.is(whole.lost, given);
    t.true(whole.steps > (secured ? 30_000 : 10_000), 'the steps are in');
  });

  test(`${how}: ending at any statement costs only connections that were being changed`, (t) => {
    const outcomes: [string, Outcome][] = [];
    for (let step = 1; step <= whole.steps; step += 23) {
      outcomes.push([`step ${step}`, live(host, [step], secured)]);
    }
    t.deepEqual(faults(outcomes), []);
    t.true(outcomes.every(([, { deaths }]) => deaths === 1));
    // A message for two listeners that was on its way takes them and its speaker with it.
    t.true(Math.max(...outcomes.map(([, { lost }]) => lost)) <= 4 + given);
    const lost = outcomes.reduce((sum, [, outcome]) => sum + outcome.lost - given, 0);
    t.log(`${outcomes.length} deaths, ${lost} connections lost`);
  });

  test(`${how}: ending again while the remains are taken up loses nothing more`, (t) => {
    const next = random(5);
    const outcomes: [string, Outcome][] = [];
    for (let round = 0; round < 150; round += 1) {
      const deaths = [next() * whole.steps, next() * 2500, next() * 2500].map(Math.ceil);
      outcomes.push([`steps ${deaths.join(', ')}`, live(host, deaths, secured)]);
    }
    t.deepEqual(faults(outcomes), []);
  });
}
