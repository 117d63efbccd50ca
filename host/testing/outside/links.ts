// Links: the ways from harnesses to one engine of a test's, each of which the test can cut. It knows no engine in
// particular.

import type { EngineState } from '../../engines/contract.ts';
import type { Timers } from '../../engines/timers.ts';
import { WasmpollError } from '../../errors.ts';

/** The harness that an engine is for, as far as the engine knows it. */
export interface Ground {
  /** By which a test names it. */
  readonly harness: object;
  readonly timers: Timers;
  /** Values of the policy rows of the same names. */
  readonly requestTimeoutMs: number;
  readonly queueBytes: number;
  /** Has the harness do all that it can do now. */
  settle(): void;
}

/** One of them. */
export class Link {
  readonly ground: Ground;
  #connected = true;
  #reconnects = 0;

  constructor(ground: Ground) {
    this.ground = ground;
  }

  get connected(): boolean {
    return this.#connected;
  }

  get state(): EngineState {
    return { connected: this.#connected, reconnects: this.#reconnects };
  }

  cut(): void {
    this.#connected = false;
  }

  mend(): void {
    this.#connected = true;
    this.#reconnects += 1;
  }
}

/**
 * Those that a test means: the harness's, or all.
 * @throws WasmpollError ERR_OPTION if the harness has none
 */
export function linksOf<L extends Link>(
  links: readonly L[],
  harness: object | undefined,
  method: string,
): L[] {
  const meant = links.filter(({ ground }) => harness === undefined || ground.harness === harness);
  if (meant.length > 0 || harness === undefined) return meant;
  throw new WasmpollError('ERR_OPTION', `${method}: this harness was not made with it`);
}

export function settleAll(links: Iterable<Link>): void {
  for (const { ground } of new Set(links)) ground.settle();
}
