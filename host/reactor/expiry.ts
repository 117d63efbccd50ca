// Expiry: what is done when a time has come: on_tick, the guest's timers, the host's timeouts, and
// another try to start the guest. It does not know when a turn may spend time on it.

import * as Numbers from '../memory/layout.ts';
import type { Parts } from './parts.ts';
import type { Works } from './wiring.ts';

const { AWAITING, BUSY, COLUMNS, DOOMED, FLAGS, GUEST_TIMER, KNOWN, LINGERING, TIMES } = Numbers;

/** Failures in a row before the first call that was put off. */
const TOLD_AT = 2;

export class Expiry {
  readonly #clock: Parts['clock'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #preface: Works['preface'];
  readonly #lifecycle: Works['lifecycle'];
  readonly #deadlines: Works['deadlines'];
  readonly #callbacks: Works['callbacks'];
  readonly #control: Parts['control'];
  readonly #observer: Parts['observer'];

  constructor(parts: Parts, works: Works) {
    this.#clock = parts.clock;
    this.#control = parts.control;
    this.#observer = parts.observer;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#preface = works.preface;
    this.#lifecycle = works.lifecycle;
    this.#deadlines = works.deadlines;
    this.#callbacks = works.callbacks;
  }

  /** Does what is due, or as much of it as the budget allows, and one connection's in any case. */
  run(): void {
    const deadlines = this.#deadlines;
    const { replacement } = this.#callbacks;
    const { now } = this.#clock;
    if (replacement.retryAt <= now) replacement.restart();
    if (deadlines.takeTick(now) && replacement.retryAt === Infinity) this.#tick();
    for (let slot = deadlines.shift(now); slot >= 0; slot = deadlines.shift(now)) {
      const due = this.#times[slot * TIMES + GUEST_TIMER]!;
      if (due !== 0 && due <= now) {
        const flags = this.#table[slot * COLUMNS + FLAGS]!;
        this.#table[slot * COLUMNS + BUSY] = 1;
        this.#times[slot * TIMES + GUEST_TIMER] = 0;
        if ((flags & (KNOWN | DOOMED | LINGERING)) === KNOWN) this.#callbacks.timer(slot);
        this.#table[slot * COLUMNS + BUSY] = 0;
      }
      const awaits = (this.#table[slot * COLUMNS + FLAGS]! & (AWAITING | DOOMED)) === AWAITING;
      if (awaits) this.#preface.timeOut(slot);
      else this.#lifecycle.timeOut(slot);
      deadlines.schedule(slot);
      if (this.#clock.spent()) return;
    }
  }

  #tick(): void {
    if (this.#control.ticksFailed === TOLD_AT) {
      this.#observer.failure(new Error('on_tick fails each time: it is called less often'));
    }
    this.#control.tickBegins();
    if (this.#callbacks.tick()) this.#control.tickEnds();
    else this.#deadlines.putTickOff(this.#clock.now);
  }
}
