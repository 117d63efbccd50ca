// Clock: the virtual clock of the guest, which stands until somebody moves it on, or has it run. It knows no timer but
// the next one.

import { byId, make, write } from '../../admin/page/dom.ts';
import { clock, span } from './times.ts';

const STEPS = [10, 100, 1000, 10_000, 60_000];
/** How often a running clock is moved on. */
const TICK_MS = 100;
const STANDS = 'virtual: it stands until it is moved';

export class Clock {
  readonly #advance: (ms: number) => void;
  readonly #mayTick: () => boolean;
  readonly #buttons: readonly HTMLButtonElement[];
  readonly #next = stepButton('To the next timer');
  readonly #run = stepButton('Run');
  #now = 0;
  #timer: number | null = null;
  #ticking: number | null = null;
  #tickedAt = 0;

  /**
   * @param advance moves the clock on
   * @param mayTick whether nothing else is being done: a clock that runs waits for it
   */
  constructor(advance: (ms: number) => void, mayTick: () => boolean) {
    this.#advance = advance;
    this.#mayTick = mayTick;
    const steps = STEPS.map((ms) => {
      const element = stepButton(`+${span(ms)}`);
      element.addEventListener('click', () => advance(ms));
      return element;
    });
    this.#run.id = 'run';
    this.#run.setAttribute('aria-pressed', 'false');
    this.#next.addEventListener('click', () => advance((this.#timer ?? this.#now) - this.#now));
    this.#run.addEventListener('click', () => this.#toggle());
    this.#buttons = [...steps, this.#run];
    byId('steps').append(...steps, this.#next, this.#run);
    this.allow(false);
  }

  /** @param timer when the next timer of a connection is due; null without one */
  update(now: number, timer: number | null): void {
    this.#now = now;
    this.#timer = timer;
    write(byId('now'), clock(now));
    const note = timer === null ? STANDS : `next timer in ${span(timer - now)}`;
    write(byId('clock-note'), note);
    this.#next.disabled = timer === null;
  }

  /** @param isThere a guest runs, whose clock this is */
  allow(isThere: boolean): void {
    for (const element of this.#buttons) element.disabled = !isThere;
    if (isThere) return;
    this.update(0, null);
    if (this.#ticking !== null) this.#toggle();
  }

  #toggle(): void {
    const runs = this.#ticking === null;
    this.#run.setAttribute('aria-pressed', String(runs));
    write(this.#run, runs ? 'Stop' : 'Run');
    if (this.#ticking !== null) window.clearInterval(this.#ticking);
    this.#tickedAt = performance.now();
    this.#ticking = runs ? window.setInterval(() => this.#tick(), TICK_MS) : null;
  }

  #tick(): void {
    if (!this.#mayTick()) return;
    const passed = Math.floor(performance.now() - this.#tickedAt);
    this.#tickedAt += passed;
    this.#advance(passed);
  }
}

function stepButton(text: string): HTMLButtonElement {
  const element = make('button', 'small', text);
  element.type = 'button';
  return element;
}
