// Runs a suite: all contenders in each case, round after round, in an order that rotates. It prints nothing.

import type { Case, Contender, Pins, Running, Sample, Suite } from './suite.ts';

export interface Measured {
  readonly title: string;
  /** By case, then by round. */
  readonly cases: readonly (readonly Sample[])[];
}

export interface Outcome {
  /** The reference is the first one; none if that is missing. */
  readonly measured: readonly Measured[];
  /** Who was left out, and why. */
  readonly missing: readonly string[];
  readonly rounds: number;
}

interface Place {
  readonly contender: Contender;
  readonly running: Running;
  readonly cases: Sample[][];
}

/** @param untilMs no round begins later, by `performance.now()`, but the first two */
export async function runSuite(
  suite: Suite,
  pins: Pins,
  { rounds, untilMs }: { readonly rounds: number; readonly untilMs: number },
): Promise<Outcome> {
  const missing: string[] = [];
  const places: Place[] = [];
  for (const contender of suite.contenders) {
    const what = await contender.missing();
    if (what !== null) missing.push(`${contender.title}: ${what}`);
    else {
      const running = await contender.start(pins);
      places.push({ contender, running, cases: suite.cases.map(() => []) });
    }
  }
  let done = 0;
  // The first round compiles what V8 will compile, and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    if (round > 2 && performance.now() > untilMs) break;
    for (const [index, one] of suite.cases.entries()) {
      await everyPlace(places, round + index, one, (place, sample) => {
        if (round > 0) place.cases[index]!.push(sample);
      });
    }
    done = round;
  }
  for (const { running } of places) await running.child.stop('SIGTERM');
  const measured = places.map(({ contender, cases }) => ({ title: contender.title, cases }));
  return { measured, missing, rounds: done };

  async function everyPlace(
    all: readonly Place[],
    turn: number,
    one: Case,
    keep: (place: Place, sample: Sample) => void,
  ): Promise<void> {
    for (let at = 0; at < all.length; at += 1) {
      const place = all[(at + turn) % all.length]!;
      keep(place, await one.measure(place.running, pins));
    }
  }
}
