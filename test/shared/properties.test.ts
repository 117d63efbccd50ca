// Random programs on the twin, each step looked at by a model in plain arrays: nobody gets what he has not
// joined; there is one order; a loss is told before the next message; each request has one reply, in order;
// each key is one variable; no bound is passed; poison is given to nobody; retained messages are neither
// missed nor doubled; a successor loses nothing.

import test from 'ava';
import fc from 'fast-check';
import type { SharedLimits } from '../../host/shared/contract.ts';
import { type Expectations, Model } from '../helpers/shared-model.ts';
import { type Command, programs, Run, SEATS, type Weights } from '../helpers/shared-programs.ts';
import { roomy } from '../helpers/shared-seats.ts';
import { twinSubject } from '../helpers/twins.ts';

const everything: Weights = { topics: 4, gaps: 1, directs: 1, requests: 2, poison: 1, closes: 0 };
const onlyTopics: Weights = { ...everything, gaps: 0, requests: 0 };
const onlyKeys: Weights = { ...everything, topics: 0, gaps: 0, directs: 0, requests: 1 };
const tight: SharedLimits = { groupBytes: 4000, queueBytes: 600, storeBytes: 500, maxJoins: 4 };

const RUNS = 100;

interface Setting {
  readonly weights: Weights;
  readonly limits: SharedLimits;
  readonly expectations?: Partial<Expectations>;
}

function faultsOf(commands: readonly Command[], { limits, expectations }: Setting): string[] {
  const subject = twinSubject(limits);
  if (expectations?.routed) subject.shared.routeStore(SEATS - 1);
  const run = new Run(subject);
  const model = new Model(limits, {
    ...{ seats: SEATS, lossless: false, routed: false },
    ...expectations,
  });
  for (const step of run.steps(commands)) {
    const faults = model.look(step);
    if (faults.length > 0) return [JSON.stringify(step, withBigInts), ...faults];
  }
  for (const step of run.drain()) {
    const faults = model.look(step);
    if (faults.length > 0) return [JSON.stringify(step, withBigInts), ...faults];
  }
  return model.over();
}

const withBigInts = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);

const settings: Readonly<Record<string, Setting>> = {
  'with room for everything each member gets all that is for him, once': {
    weights: { ...onlyTopics, poison: 0 },
    limits: roomy,
    expectations: { lossless: true },
  },
  'with full queues each loss is told before the next message': {
    weights: onlyTopics,
    limits: tight,
  },
  'a seat that is closed leaves the others as they are': {
    weights: { ...everything, closes: 1 },
    limits: tight,
  },
  'each request has one reply, and each key is one variable': {
    weights: onlyKeys,
    limits: { ...roomy, storeBytes: tight.storeBytes },
    expectations: { lossless: true },
  },
  'replies are not dropped when the queue is full': {
    weights: everything,
    limits: { ...tight, queueBytes: 300 },
  },
  'requests that are answered elsewhere have one reply, in order': {
    weights: everything,
    limits: tight,
    expectations: { routed: true },
  },
};

for (const [title, setting] of Object.entries(settings)) {
  test(title, (t) => {
    fc.assert(
      fc.property(programs(setting.weights), (commands) => {
        const faults = faultsOf(commands, setting);
        if (faults.length > 0) throw new Error(faults.join('\n'));
      }),
      { numRuns: RUNS, includeErrorInReport: true },
    );
    t.pass();
  });
}
