// A thread that ends at any statement of a delivery: its connection is lost, or the message is delivered by
// its successor; nobody gets it twice, and nobody misses it without a word. `npm run soak -- kills` does
// this for every statement; here it is a part of them.

import test from 'ava';
import { random } from '../helpers/bytes.ts';
import { crowd, evening, type RoomOutcome, sharingHost } from '../helpers/delivery-deaths.ts';
import { compiledGuest } from '../helpers/guests.ts';

const host = await sharingHost(`delivery-${process.pid}`, compiledGuest('sharing-together'));
const gathering = await sharingHost(`gathering-${process.pid}`, compiledGuest('roster'), 256);

const whole = evening(host, []);

function faults(outcomes: Iterable<readonly [string, RoomOutcome]>): string[] {
  const found: string[] = [];
  for (const [where, outcome] of outcomes) {
    found.push(...outcome.faults.map((fault) => `${where}: ${fault}`));
  }
  return found.slice(0, 10);
}

test('without a death everybody gets every message, and each who has asked a reply', (t) => {
  t.deepEqual(whole.faults, []);
  t.is(whole.lost, 0);
  t.true(whole.steps > 1000, `${whole.steps} steps`);
});

test('a thread that ends at any statement of a delivery costs what it was serving', (t) => {
  const outcomes: [string, RoomOutcome][] = [];
  for (let step = 1; step <= whole.steps; step += 5) {
    outcomes.push([`step ${step}`, evening(host, [step])]);
  }
  t.deepEqual(faults(outcomes), []);
  t.true(outcomes.every(([, { deaths }]) => deaths === 1));
  const lost = outcomes.reduce((sum, [, outcome]) => sum + outcome.lost, 0);
  t.log(`${outcomes.length} deaths, ${lost} connections lost`);
  t.true(lost > 0 && lost < outcomes.length);
});

test('ending again while another takes over loses nothing more', (t) => {
  const next = random(9);
  const outcomes: [string, RoomOutcome][] = [];
  for (let round = 0; round < 150; round += 1) {
    const deaths = [next() * whole.steps, next() * 1500, next() * 1500].map(Math.ceil);
    outcomes.push([`steps ${deaths.join(', ')}`, evening(host, deaths)]);
  }
  t.deepEqual(faults(outcomes), []);
});

test('a thread that ends at any statement while members are sent to together costs what it was serving', (t) => {
  const together = crowd(gathering, []);
  t.deepEqual(together.faults, []);
  t.is(together.lost, 0);
  const outcomes: [string, RoomOutcome][] = [];
  for (let step = 1; step <= together.steps; step += 53) {
    outcomes.push([`step ${step}`, crowd(gathering, [step])]);
  }
  t.deepEqual(faults(outcomes), []);
  t.true(outcomes.every(([, { deaths }]) => deaths === 1));
  const lost = outcomes.reduce((sum, [, outcome]) => sum + outcome.lost, 0);
  t.log(`${outcomes.length} deaths at ${together.steps} statements, ${lost} connections lost`);
  t.true(lost > 0 && lost < outcomes.length);
});

test('ending again while what members were sent is taken over loses nothing more', (t) => {
  const next = random(7);
  const outcomes: [string, RoomOutcome][] = [];
  for (let round = 0; round < 40; round += 1) {
    const deaths = [next() * 3000, next() * 800, next() * 800].map(Math.ceil);
    outcomes.push([`steps ${deaths.join(', ')}`, crowd(gathering, deaths)]);
  }
  t.deepEqual(faults(outcomes), []);
});
