// A campaign: every case, every contender, round by round. In a round each contender has its turn
// once, and the order rotates, so that what else the machine does meets all of them alike.

import { BenchError } from '../load/child.ts';
import {
  foreignShare,
  type Load,
  measure,
  type Sample,
  type Server,
  startServer,
} from '../load/measure.ts';
import { type Contender, commandOf, type Present, REFERENCE } from '../peers/contenders.ts';
import type { Case } from './cases.ts';

export interface Result {
  readonly contender: string;
  /** One a round, in order; none when it failed. */
  readonly samples: readonly Sample[];
  /** What went wrong, or MISSING. */
  readonly failure: string | null;
}

// In a quiet window others have less of a core than this.
const MOST_FOREIGN = 0.1;

/** The failure of a contender that is not installed. */
export const MISSING = 'missing';

export interface CaseResult {
  readonly name: string;
  readonly results: readonly Result[];
}

export interface Plan {
  readonly rounds: number;
  readonly load: Load;
  /** Of the first run against each server, which is not counted: it compiles. */
  readonly heatSeconds: number;
  readonly pin: readonly string[];
  /** How often a window is measured at most, until it is quiet; the least disturbed one counts. */
  readonly tries: number;
}

interface Runner {
  readonly entry: Entry;
  readonly server: Server;
  readonly samples: Sample[];
  failure: string | null;
}

export const takesPart = ({ guest, name }: Contender, what: Case): boolean =>
  what.guest === undefined || guest === true || name === REFERENCE;

/** Measures one case. A contender that fails is left out from then on, and its result says why. */
export async function runCase(
  what: Case,
  present: readonly Present[],
  guest: string,
  plan: Plan,
  progress: (text: string) => void,
): Promise<CaseResult> {
  const entries = present.map((each) => {
    return { name: each.contender.name, command: commandOf(each, guest), what };
  });
  return { name: what.name, results: await runRounds(entries, plan, progress) };
}

export interface Entry {
  /** Of its result. */
  readonly name: string;
  readonly command: readonly string[];
  readonly what: Case;
}

/** Starts a server for each, and measures them in turn. */
export async function runRounds(
  entries: readonly Entry[],
  plan: Plan,
  progress: (text: string) => void,
): Promise<Result[]> {
  const runners = await Promise.all(
    entries.map(async (entry): Promise<Runner> => {
      const server = await startServer(entry.command, plan.pin);
      return { entry, server, samples: [], failure: null };
    }),
  );
  try {
    const heat = { ...plan.load, seconds: plan.heatSeconds, warmup: 0 };
    for (const runner of runners) {
      progress(`warming up ${runner.entry.name}`);
      await attempt(runner, heat, 1);
    }
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const at of runners.keys()) {
        const runner = runners[(at + round) % runners.length]!;
        progress(`round ${round + 1} of ${plan.rounds}, ${runner.entry.name}`);
        const sample = await attempt(runner, plan.load, plan.tries);
        if (sample !== null) runner.samples.push(sample);
      }
    }
  } finally {
    await Promise.all(runners.map(({ server }) => server.child.stop()));
  }
  return runners.map(({ entry, samples, failure }) => ({
    contender: entry.name,
    samples: failure === null ? samples : [],
    failure,
  }));
}

async function attempt(runner: Runner, load: Load, most: number): Promise<Sample | null> {
  if (runner.failure !== null) return null;
  const { what } = runner.entry;
  try {
    let best = await measure(load, runner.server, what);
    for (let tries = 1; load.serverCore !== null && tries < most; tries += 1) {
      if (foreignShare(best) <= MOST_FOREIGN) break;
      const sample = await measure(load, runner.server, what);
      if (foreignShare(sample) < foreignShare(best)) best = sample;
    }
    return best;
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    runner.failure = error.message;
    return null;
  }
}
