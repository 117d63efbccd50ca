// Signals: what the process has been told, from its first moment on. What comes before anybody can act on
// it is kept for them. It imports nothing, so that loading it takes no time.

// signal(7), for the exit status of a process that a signal has ended.
const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

export class Signals {
  readonly #stop = new AbortController();
  #number = 0;
  #last: () => void = () => undefined;
  #reload: (() => void) | null = null;
  #hungUp = false;
  readonly #hangup = (): void => {
    this.#hungUp = true;
    this.#deliver();
  };

  #reopen: () => void = () => undefined;
  #hurry: () => boolean = () => false;

  constructor() {
    for (const name of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) {
      process.on(name, () => this.#stopped(NUMBERS[name]));
    }
    process.on('SIGHUP', this.#hangup);
    // Node would open its debugger.
    process.on('SIGUSR1', () => this.#reopen());
  }

  // A second signal ends the process at once, as a shell's ^C would, if there was nothing to hurry.
  #stopped(number: number): void {
    if (this.#number !== 0) {
      if (this.#hurry()) return;
      this.#last();
      process.exit(128 + number);
    }
    this.#number = number;
    this.#stop.abort(new Error(`stopped by signal ${number}`));
  }

  /** Aborted by the first SIGTERM or SIGINT. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** The exit status of a process that the first signal to stop has ended: 143 or 130. */
  get status(): number {
    return 128 + this.#number;
  }

  /** Calls `hurry` at another signal; what it says is whether that was all there is to do. */
  onAnother(hurry: () => boolean): void {
    this.#hurry = hurry;
  }

  /** Calls `last` before a second signal ends the process. */
  beforeExit(last: () => void): void {
    this.#last = last;
  }

  /** Calls `reload` at each SIGHUP, and soon if one has come already. */
  onHangup(reload: () => void): void {
    this.#reload = reload;
    queueMicrotask(() => this.#deliver());
  }

  /** Calls `reopen` at each SIGUSR1 from now on. */
  onReopen(reopen: () => void): void {
    this.#reopen = reopen;
  }

  #deliver(): void {
    if (!this.#hungUp || this.#reload === null) return;
    this.#hungUp = false;
    this.#reload();
  }

  /** From now on SIGHUP ends the process, as it does by default. */
  endOnHangup(): void {
    process.off('SIGHUP', this.#hangup);
    if (this.#hungUp) process.kill(process.pid, 'SIGHUP');
  }
}
