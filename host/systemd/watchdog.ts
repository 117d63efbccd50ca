// Watchdog: a sign of life for a service manager, for as long as everything turns. It does not know how that is
// found out, nor how the sign is sent.

// systemd wants one in WATCHDOG_USEC; sd_watchdog_enabled(3) advises half of it.
const SIGNS = 3;
const US_PER_MS = 1000;

/**
 * Takes the manager's wish out of the environment.
 * @returns how long it waits for a sign, in milliseconds; null when it wants none of this process
 */
export function takeWatchdog(env: NodeJS.ProcessEnv, pid: number): number | null {
  const { WATCHDOG_USEC: us = '', WATCHDOG_PID: whose = `${pid}` } = env;
  delete env.WATCHDOG_USEC;
  delete env.WATCHDOG_PID;
  const ms = /^\d{1,15}$/.test(us) ? Math.floor(Number(us) / US_PER_MS) : 0;
  return ms > 0 && whose === `${pid}` ? ms : null;
}

export class Watchdog {
  readonly #turns: (withinMs: number) => Promise<boolean>;
  readonly #sign: () => void;
  readonly #limitMs: number;
  readonly #timer: NodeJS.Timeout;
  #asking = false;

  /**
   * @param limitMs how long the manager waits for a sign
   * @param turns whether everything does
   * @param sign gives the sign
   */
  constructor(limitMs: number, turns: (withinMs: number) => Promise<boolean>, sign: () => void) {
    this.#limitMs = limitMs;
    this.#turns = turns;
    this.#sign = sign;
    const every = Math.max(1, Math.floor(limitMs / SIGNS));
    this.#timer = setInterval(() => void this.#look(), every).unref();
    sign();
  }

  // While an answer is due nobody is asked again: who hangs for ever is waited for once.
  async #look(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      if (await this.#turns(this.#limitMs)) this.#sign();
    } finally {
      this.#asking = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
