// Link: keeps one session with a server open: tries until it is there, and again when it is lost, waiting
// longer each time. It knows no protocol; the session does.

import { messageOf } from '../errors.ts';
import type { EngineState, EngineWatch } from './contract.ts';

export interface Session {
  /** Resolves once it can be used; rejects when it cannot be had. */
  readonly ready: Promise<void>;
  /** Ends it, at once and whatever it is doing. Idempotent. */
  close(): void;
}

/** Begins a session; `lost` is called when it has ended by itself, or must end. */
export type Dial<S extends Session> = (lost: (why: string) => void) => S;

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;

export class Link<S extends Session> {
  readonly #dial: Dial<S>;
  readonly #limitMs: number;
  readonly #watch: EngineWatch;
  #session: S | null = null;
  #connected = false;
  #reconnects = -1;
  #waitMs = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** @param limitMs how long a session may take to be ready */
  constructor(dial: Dial<S>, limitMs: number, watch: EngineWatch) {
    this.#dial = dial;
    this.#limitMs = limitMs;
    this.#watch = watch;
  }

  /** The session that can be used now, or null. */
  get session(): S | null {
    return this.#connected ? this.#session : null;
  }

  get state(): EngineState {
    return { connected: this.#connected, reconnects: Math.max(0, this.#reconnects) };
  }

  /** Resolves when the first attempt is over, whatever came of it. */
  async start(): Promise<void> {
    if (this.#closed || this.#session !== null) return;
    let session: S | null = null;
    try {
      session = this.#dial((why) => this.#lost(session, why));
      this.#session = session;
      await this.#within(session);
    } catch (error) {
      this.#lost(session, messageOf(error));
      return;
    }
    if (this.#session !== session) return;
    this.#connected = true;
    this.#reconnects += 1;
    this.#waitMs = FIRST_WAIT_MS;
    this.#watch.up();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#end();
  }

  async #within(session: S): Promise<void> {
    let timer: NodeJS.Timeout | null = null;
    const late = new Promise<never>((_, reject) => {
      const why = `no answer within ${this.#limitMs} ms`;
      timer = setTimeout(() => reject(new Error(why)), this.#limitMs);
    });
    try {
      await Promise.race([session.ready, late]);
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
  }

  // A session that is over may say so more than once, and late.
  #lost(session: S | null, why: string): void {
    if (this.#closed || this.#session !== session) return;
    this.#end();
    this.#timer = setTimeout(() => void this.start(), this.#nextWait());
    this.#watch.down(why);
  }

  #end(): void {
    const session = this.#session;
    this.#session = null;
    this.#connected = false;
    session?.close();
  }

  // With jitter, so that many processes do not come back at the same instant.
  #nextWait(): number {
    const ms = this.#waitMs;
    this.#waitMs = Math.min(LONGEST_WAIT_MS, ms * 2);
    return ms * (0.75 + Math.random() / 2);
  }
}
