// The same program on the twin and on the addon: kinds of programs, and the first step that differs.

import type fc from 'fast-check';
import type { SharedLimits } from '../../host/shared/contract.ts';
import { COUNT_KEYS, COUNT_STORE_BYTES } from '../../host/shared/records.ts';
import { nativeSubject } from './shared-native.ts';
import {
  type Command,
  crowds,
  type Observed,
  programs,
  Run,
  SEATS,
  type Subject,
  type Weights,
} from './shared-programs.ts';
import { roomy } from './shared-seats.ts';
import { twinSubject } from './twins.ts';

export interface Setting {
  readonly programs: fc.Arbitrary<Command[]>;
  readonly limits: SharedLimits;
  readonly route?: (subject: Subject) => void;
  /** Of this many programs that a test can afford of another kind, it affords one. */
  readonly cost?: number;
}

const everything: Weights = { topics: 4, gaps: 1, directs: 1, requests: 2, poison: 1, closes: 1 };
const tight: SharedLimits = { groupBytes: 4000, queueBytes: 600, storeBytes: 500, maxJoins: 4 };
const crowded: SharedLimits = { ...roomy, queueBytes: 500, groupBytes: 200_000 };

export const settings = {
  'with room for everything': { programs: programs(everything), limits: roomy },
  'with full queues': { programs: programs(everything), limits: tight },
  'with very full queues': {
    programs: programs(everything),
    limits: { ...tight, queueBytes: 200 },
  },
  'with members who share': {
    programs: programs({ ...everything, topics: 3, requests: 0, shares: 12 }),
    limits: roomy,
  },
  'with members who share, and full queues': {
    programs: programs({ ...everything, topics: 3, requests: 0, shares: 12 }),
    limits: tight,
  },
  'with retained messages that end': {
    programs: programs({ ...everything, topics: 2, requests: 1, ends: 8 }),
    limits: roomy,
  },
  'with retained messages that end, and full queues': {
    programs: programs({ ...everything, topics: 2, requests: 1, ends: 8 }),
    limits: { ...tight, groupBytes: 2500 },
  },
  'with topics alone': { programs: programs({ ...everything, requests: 0 }), limits: tight },
  'with keys alone': {
    programs: programs({ ...everything, topics: 0, gaps: 0, directs: 0 }),
    limits: tight,
  },
  'with a seat that answers requests and hears what is published': {
    programs: programs(everything),
    limits: tight,
    route({ shared }) {
      shared.routeStore(SEATS - 1);
      shared.routePublishes(SEATS - 1);
    },
  },
  'with requests for a seat that is not there': {
    programs: programs(everything),
    limits: tight,
    route: ({ shared }) => shared.routeStore(SEATS),
  },
  'with large rooms': { programs: crowds(), limits: roomy, cost: 5 },
  'with large rooms and full queues': { programs: crowds(), limits: crowded, cost: 5 },
} satisfies Readonly<Record<string, Setting>>;

/** Why the program shows a difference, or null. */
export function differenceOf(
  commands: readonly Command[],
  { limits, route }: Setting,
  limitsOfTwin = limits,
): string | null {
  const expected = outcome(twinSubject(limitsOfTwin), commands, route).map(textOf);
  const actual = outcome(nativeSubject(limits), commands, route).map(textOf);
  const at = expected.findIndex((step, index) => step !== actual[index]);
  return at < 0 ? null : `step ${at}\ntwin:  ${expected[at]}\naddon: ${actual[at]}`;
}

function outcome(
  subject: Subject,
  commands: readonly Command[],
  route: Setting['route'],
): readonly Observed[] {
  try {
    const run = new Run(subject);
    route?.(subject);
    return [...run.steps(commands), ...run.drain()];
  } finally {
    for (let seat = 0; seat < SEATS; seat += 1) subject.shared.close(seat);
    subject.shared.release();
  }
}

function textOf({ counts, ...step }: Observed): string {
  // What has expired may be counted or not.
  const same = counts.filter((_, at) => at !== COUNT_KEYS && at !== COUNT_STORE_BYTES);
  return JSON.stringify({ ...step, counts: same }, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}
