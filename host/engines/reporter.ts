// Reporter: one line when an engine is lost, one when it is there again, and not more than that when it
// comes and goes.

import { printable } from '../text.ts';
import type { EngineWatch } from './contract.ts';

export interface EngineLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

const QUIET_MS = 10_000;

export class Reporter implements EngineWatch {
  readonly #option: string;
  readonly #engine: string;
  readonly #effect: string;
  readonly #log: EngineLog;
  readonly #now: () => number;
  #told = false;
  #quietUntil = Number.NEGATIVE_INFINITY;

  /**
   * @param option `store` or `topics`
   * @param engine its address, without user and password
   * @param effect what it means that it is lost
   */
  constructor(
    option: string,
    engine: string,
    effect: string,
    log: EngineLog,
    now: () => number = () => performance.now(),
  ) {
    this.#option = option;
    this.#engine = engine;
    this.#effect = effect;
    this.#log = log;
    this.#now = now;
  }

  /** Called for each attempt that fails, so that a line that was left out comes later. */
  down(why: string): void {
    if (this.#told || this.#now() < this.#quietUntil) return;
    this.#told = true;
    this.#quietUntil = this.#now() + QUIET_MS;
    const fields = { engine: this.#engine, reason: printable(why) };
    this.#log.warn(fields, `${this.#option}: not connected, ${this.#effect}`);
  }

  up(): void {
    if (!this.#told) return;
    this.#told = false;
    this.#log.info({ engine: this.#engine }, `${this.#option}: connected again`);
  }
}
