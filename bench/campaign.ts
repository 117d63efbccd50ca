// A campaign: every case, every contender, round by round. In a round each contender has its turn
// once, and the order rotates, so that what else the machine does meets all of them alike.

import type { Case } from './cases.ts';
import { BenchError } from './child.ts';
import { type Contender, type Found, REFERENCE } from './contenders.ts';
import { type Load, measure, type Sample, type Server, startServer } from './measure.ts';

export interface Entry {
  readonly contender: Contender;
  readonly found: Found;
}

export interface Result {
  readonly contender: string;
  /** One a round, in order. */
  readonly samples: readonly Sample[];
  /** Why it has no samples: it is missing, or failed. */
  readonly failure: string | null;
}

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
}

interface Runner {
  readonly contender: string;
  readonly server: Server;
  readonly samples: Sample[];
  failure: string | null;
}

export const takesPart = (contender: Contender, what: Case): boolean =>
  what.guest === undefined || contender.guest === true || contender.name === REFERENCE;

/** Measures one case. A contender that fails is left out from then on, and says why. */
export async function runCase(
  what: Case,
  entries: readonly Entry[],
  plan: Plan,
  progress: (text: string) => void,
): Promise<CaseResult> {
  const runners: Runner[] = [];
  const absent: Result[] = [];
  for (const { contender, found } of entries) {
    const name = contender.name;
    if ('missing' in found) {
      absent.push({ contender: name, samples: [], failure: `missing: ${found.missing}` });
      continue;
    }
    const server = await startServer(found.command, plan.pin);
    runners.push({ contender: name, server, samples: [], failure: null });
  }
  try {
    progress('warming up');
    const heat = { ...plan.load, seconds: plan.heatSeconds, warmup: 0 };
    for (const runner of runners) await attempt(runner, () => measure(heat, runner.server, what));
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const at of runners.keys()) {
        const runner = runners[(at + round) % runners.length]!;
        progress(`round ${round + 1} of ${plan.rounds}: ${runner.contender}`);
        const sample = await attempt(runner, () => measure(plan.load, runner.server, what));
        if (sample !== null) runner.samples.push(sample);
      }
    }
  } finally {
    await Promise.all(runners.map(({ server }) => server.child.stop()));
  }
  const measured = runners.map(({ contender, samples, failure }) => ({
    contender,
    samples: failure === null ? samples : [],
    failure,
  }));
  return { name: what.name, results: [...measured, ...absent] };
}

async function attempt<T>(runner: Runner, act: () => Promise<T>): Promise<T | null> {
  if (runner.failure !== null) return null;
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    runner.failure = error.message;
    return null;
  }
}
