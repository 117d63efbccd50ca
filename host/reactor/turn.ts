// Turn: READ THIS FIRST. A turn takes what epoll reports through the guest and back to the kernel:
// events → receive → guest → what it sent. It knows when each step is due; it does not know what the
// bytes mean, who accepts, or who wakes it.
//
// The way of a byte: #event → Input.receive → Callbacks.data → (Effects) → Output.run.

import { REASON_ERROR } from '../../assembly/abi.ts';
import * as Rows from '../kernel/rows.ts';
import * as Numbers from '../memory/layout.ts';
import type { Parts } from './parts.ts';
import type { Replacement } from './replacement.ts';
import type { Works } from './wiring.ts';

const { EVENT } = Rows;
const {
  BUSY,
  CLOSING,
  COLUMNS,
  DOOMED,
  FD,
  FLAGS,
  GUEST_TIMER,
  HANDLE,
  KNOWN,
  LINGERING,
  OUTPUT_BYTES,
  REASON,
  TIMES,
  UNREAD,
} = Numbers;

// As many events as one wait brings; more wait in the kernel, which reports them in rotation.
const EVENTS = 256;
// After so many rounds, or so long, the event loop gets its turn: timers and promises of the
// program that the server is embedded in.
const ROUNDS = 8;
const TURN_MS = 10;

// Handles that no connection has, since the generation of those starts at 1.
/** The descriptor whose events are told by `signalled`. */
export const SIGNAL = 0;
/** The descriptor of the thread's event loop. */
export const LOOP = 1;

const EXCEPTIONS = UNREAD | CLOSING | DOOMED;

/** `run` and `serve` take one; `rest` ends each, and each command to the reactor. */
export class Turn {
  readonly #kernel: Parts['kernel'];
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #control: Parts['control'];
  readonly #observer: Parts['observer'];
  readonly #epoll: Parts['epoll'];
  readonly #events = new Uint32Array(EVENTS * EVENT);
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #input: Works['input'];
  readonly #lifecycle: Works['lifecycle'];
  readonly #deadlines: Works['deadlines'];
  readonly #flow: Works['flow'];
  readonly #callbacks: Works['callbacks'];
  readonly #replacement: Replacement;
  readonly #signalled: () => void;
  // Taken out of the table of constants, which is large: a look into it at each event would show.
  readonly #in: number;
  readonly #error: number;
  readonly #hangup: number;
  /** Connections served in this round. */
  #served = 0;
  /** Rounds without timers, one after the other, since more events may have waited. */
  #full = 0;
  /** What was readable in this round besides connections. */
  #signal = false;
  #loop = false;

  /** @param signalled is called in a turn in which the descriptor with the handle SIGNAL was readable */
  constructor(parts: Parts, works: Works, signalled: () => void) {
    this.#kernel = parts.kernel;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#control = parts.control;
    this.#observer = parts.observer;
    this.#epoll = parts.epoll;
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#input = works.input;
    this.#lifecycle = works.lifecycle;
    this.#deadlines = works.deadlines;
    this.#flow = works.flow;
    this.#callbacks = works.callbacks;
    this.#replacement = works.callbacks.replacement;
    this.#signalled = signalled;
    const { constants } = parts.kernel;
    this.#in = constants.EPOLLIN;
    this.#error = constants.EPOLLERR;
    this.#hangup = constants.EPOLLHUP;
  }

  /** Serves what is ready, in several rounds and for a bounded time. */
  run(): void {
    this.#clock.refresh();
    const end = this.#clock.now + TURN_MS;
    this.#input.nextTurn();
    for (let round = 0; round < ROUNDS; round += 1) {
      const count = this.#wait(0);
      this.#round(count);
      // A lone client's next message is not there yet, and what is over its budget has to wait.
      if (count <= 1 && this.#connections.ready === 0) break;
      if (this.#served === 0) break;
      this.#clock.refresh();
      if (this.#clock.now >= end) break;
    }
  }

  /**
   * Waits for events, and serves them in one round: in a thread whose event loop is watched along with
   * the connections.
   * @param ms at most so long; −1 for ever
   * @returns true when the event loop has something to do
   */
  serve(ms: number): boolean {
    this.#loop = false;
    const count = this.#wait(ms);
    this.#clock.refresh();
    this.#input.nextTurn();
    this.#round(count);
    return this.#loop;
  }

  #wait(ms: number): number {
    const count = this.#epoll.wait(this.#events, ms);
    if (count < 0) throw new Error(`epoll_wait: ${this.#kernel.errorName(count)}`);
    return count;
  }

  #round(count: number): void {
    this.#served = 0;
    for (let event = 0; event < count; event += 1) {
      const at = event * EVENT;
      this.#event(this.#events[at]! | 0, this.#events[at + 2]!);
    }
    if (this.#signal) {
      this.#signal = false;
      this.#signalled();
    }
    this.#serveReady();
    this.rest();
    // Last, and not while more events wait: what came while this process stood still is progress, and
    // may put a timeout off. But not for ever.
    this.#full = count < EVENTS ? 0 : (this.#full + 1) % ROUNDS;
    if (this.#full === 0) this.#runTimers();
  }

  #event(handle: number, mask: number): void {
    const slot = this.#connections.current(handle);
    if (slot < 0) {
      // Or else the connection was closed earlier in this batch, and perhaps its descriptor is
      // another's now.
      if (handle === SIGNAL) this.#signal = true;
      else if (handle === LOOP) this.#loop = true;
      return;
    }
    this.#table[slot * COLUMNS + BUSY] = 1;
    this.#serve(slot, mask);
    this.#table[slot * COLUMNS + BUSY] = 0;
  }

  #serve(slot: number, mask: number): void {
    const base = slot * COLUMNS;
    // The usual case: input, and nothing stands in its way.
    if (mask === this.#in && (this.#table[base + FLAGS]! & EXCEPTIONS) === 0) {
      if (this.#input.receive(slot)) this.#served += 1;
      return;
    }
    // With output waiting any event but IN means that sending will get on, or say what is wrong.
    // Data that arrived before a reset comes first; then recv(2) tells of the reset.
    const over = (mask & (this.#error | this.#hangup)) !== 0;
    const sends = this.#table[base + OUTPUT_BYTES]! > 0 && (mask & ~this.#in) !== 0;
    if (sends && !(over && this.#flow.reading(this.#table[base + FLAGS]!))) {
      this.#served += 1;
      this.#flow.flushBacklog(slot);
    }
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return;
    if (this.#flow.reading(flags)) {
      if ((over || (mask & this.#in) !== 0) && this.#input.receive(slot)) this.#served += 1;
    } else if ((mask & this.#error) !== 0) {
      this.#stats.error('EPOLLERR');
      this.#connections.doom(slot, REASON_ERROR);
    } else if ((mask & this.#hangup) !== 0) {
      // It would be reported for ever: it is watched again when there is something to wait for.
      this.#flow.unwatch(slot);
    }
  }

  // As many as are ready now: those that become ready meanwhile wait for the next round.
  #serveReady(): void {
    for (let left = this.#connections.ready; left > 0; left -= 1) {
      const slot = this.#connections.shiftReady();
      if (slot < 0) return;
      this.#served += 1;
      this.#table[slot * COLUMNS + BUSY] = 1;
      this.#input.proceed(slot);
      this.#table[slot * COLUMNS + BUSY] = 0;
    }
  }

  #runTimers(): void {
    const deadlines = this.#deadlines;
    const { now } = this.#clock;
    if (this.#replacement.retryAt <= now) this.#replacement.restart();
    for (let slot = deadlines.shift(now); slot >= 0; slot = deadlines.shift(now)) {
      const due = this.#times[slot * TIMES + GUEST_TIMER]!;
      if (due !== 0 && due <= now) {
        const flags = this.#table[slot * COLUMNS + FLAGS]!;
        this.#table[slot * COLUMNS + BUSY] = 1;
        this.#times[slot * TIMES + GUEST_TIMER] = 0;
        if ((flags & (KNOWN | DOOMED | LINGERING)) === KNOWN) this.#callbacks.timer(slot);
        this.#table[slot * COLUMNS + BUSY] = 0;
      }
      this.#lifecycle.timeOut(slot);
      deadlines.schedule(slot);
    }
    this.rest();
  }

  /** Brings everything to rest: nothing queued, nothing staged, no closing that could go on. */
  rest(): void {
    for (;;) {
      this.#flow.flush();
      const slot = this.#connections.shiftClosing();
      if (slot < 0) return;
      const base = slot * COLUMNS;
      this.#table[base + BUSY] = 1;
      if (this.#lifecycle.advance(slot)) this.#closed(slot);
      this.#table[base + BUSY] = 0;
    }
  }

  // The guest is told, once; a connection whose descriptor is gone gives its slot back.
  #closed(slot: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & KNOWN) !== 0) {
      this.#observer.close?.(this.#table[base + HANDLE]!, this.#table[base + REASON]!);
      this.#callbacks.close(slot);
    }
    if (this.#table[base + FD]! >= 0) return;
    this.#flow.flush();
    this.#connections.release(slot);
    this.#control.finished();
  }
}
