// Timers: those of engines, on the harness's virtual clock. It knows the time only as it is told.

import type { Timers } from '../../engines/timers.ts';

interface Planned {
  readonly at: number;
  readonly call: () => void;
}

export class VirtualTimers implements Timers {
  readonly now: () => number;
  #planned: Planned[] = [];
  #soon: (() => void)[] = [];

  constructor(now: () => number) {
    this.now = now;
  }

  /** When the next one is due; Infinity if there is none. */
  get deadline(): number {
    return this.#planned.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
  }

  /** Something was asked to be called soon. */
  get waits(): boolean {
    return this.#soon.length > 0;
  }

  after(ms: number, call: () => void): () => void {
    const planned = { at: this.now() + ms, call };
    this.#planned.push(planned);
    return () => {
      this.#planned = this.#planned.filter((each) => each !== planned);
    };
  }

  soon(call: () => void): void {
    this.#soon.push(call);
  }

  /** Calls what is due. @returns whether there was anything */
  turn(): boolean {
    const due = this.#planned.filter(({ at }) => at <= this.now()).sort((a, b) => a.at - b.at);
    this.#planned = this.#planned.filter(({ at }) => at > this.now());
    const calls = [...this.#soon.splice(0), ...due.map(({ call }) => call)];
    for (const call of calls) call();
    return calls.length > 0;
  }
}
