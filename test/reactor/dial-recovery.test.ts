// A thread that ends at any statement while connections to upstreams are asked for, made, linked and spliced: what another
// finds, and what it goes on with.

import test from 'ava';
import { random } from '../helpers/bytes.ts';
import { liveOutward } from '../helpers/dial-deaths.ts';
import { bundledModule } from '../helpers/guests.ts';
import { hostOfDeaths, type Outcome } from '../helpers/thread-deaths.ts';

const host = await hostOfDeaths(`dial-recovery-${process.pid}`, bundledModule('proxy'));
const whole = liveOutward(host, []);
const secured = liveOutward(host, [], true);

const faults = (outcomes: readonly (readonly [string, Outcome])[]): string[] =>
  outcomes
    .flatMap(([where, outcome]) => outcome.faults.map((fault) => `${where}: ${fault}`))
    .slice(0, 10);

test('with upstreams: without a death the afternoon goes as it should', (t) => {
  t.deepEqual(whole.faults, []);
  t.true(whole.steps > 3000, `${whole.steps} steps`);
});

test('with upstreams: ending at any statement costs only connections that were being changed, and those linked to them', (t) => {
  const outcomes: [string, Outcome][] = [];
  for (let step = 1; step <= whole.steps; step += 61) {
    outcomes.push([`step ${step}`, liveOutward(host, [step])]);
  }
  t.deepEqual(faults(outcomes), []);
  t.true(outcomes.every(([, { deaths }]) => deaths === 1));
  t.log(`${outcomes.length} deaths`);
});

test('with upstreams: ending again while the remains are taken up loses nothing more', (t) => {
  const next = random(5);
  const outcomes: [string, Outcome][] = [];
  for (let round = 0; round < 60; round += 1) {
    const deaths = [next() * whole.steps, next() * 1500, next() * 1500].map(Math.ceil);
    outcomes.push([`steps ${deaths.join(', ')}`, liveOutward(host, deaths)]);
  }
  t.deepEqual(faults(outcomes), []);
});

test('with upstreams by TLS: without a death the afternoon goes as it should', (t) => {
  t.deepEqual(secured.faults, []);
  t.true(secured.steps > 3000, `${secured.steps} steps`);
});

test('with upstreams by TLS: ending at any statement costs only connections that were being changed, and those linked to them', (t) => {
  const outcomes: [string, Outcome][] = [];
  for (let step = 1; step <= secured.steps; step += 97) {
    outcomes.push([`step ${step}`, liveOutward(host, [step], true)]);
  }
  t.deepEqual(faults(outcomes), []);
  t.true(outcomes.every(([, { deaths }]) => deaths === 1));
  t.log(`${outcomes.length} deaths`);
});
