// Turn: READ THIS FIRST. A turn takes what epoll reports through the guest and back to the kernel:
// events → receive → guest → what it sent. It knows when each step is due; it does not know what the
// bytes mean, who accepts, or who wakes it.
//
// The way of a byte: #event → Input.receive → Callbacks.data → (Effects) → Output.run.

import { REASON_ERROR } from '../../assembly/abi.ts';
import * as Rows from '../kernel/rows.ts';
import * as Numbers from '../memory/layout.ts';
import { Expiry } from './expiry.ts';
import type { Parts } from './parts.ts';
import type { Works } from './wiring.ts';

const { EVENT } = Rows;
const { AWAITING, BUSY, COLUMNS, DOOMED, EXCEPTIONS, FLAGS } = Numbers;
const { OUTPUT_BYTES, OVER, SLOTS, TLS } = Numbers;

// As many events as one wait brings; more wait in the kernel, which reports them in rotation.
const EVENTS = 256;
// After so many rounds, if the budget does not end the turn before, the event loop gets its own.
const ROUNDS = 8;

// Handles that no connection has, since the generation of those starts at 1.
/** The descriptor whose events are told by `signalled`. */
export const SIGNAL = 0;
/** The descriptor of the thread's event loop. */
export const LOOP = 1;

/** `run` and `serve` take one; `rest` ends each, and each command to the reactor. */
export class Turn {
  readonly #kernel: Parts['kernel'];
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #epoll: Parts['epoll'];
  readonly #events = new Uint32Array(EVENTS * EVENT);
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #input: Works['input'];
  readonly #secure: Works['secure'];
  readonly #lifecycle: Works['lifecycle'];
  readonly #flow: Works['flow'];
  readonly #parting: Works['parting'];
  readonly #delivery: Works['delivery'];
  readonly #preface: Works['preface'];
  readonly #expiry: Expiry;
  readonly #signalled: () => void;
  // Taken out of the table of constants, which is large: a look into it at each event would show.
  readonly #in: number;
  readonly #error: number;
  readonly #hangup: number;
  /** How many events the last wait brought, and the first of them that is not served yet. */
  #count = 0;
  #next = 0;
  /** The time was over before those that were ready had their turn: they are first in the next round. */
  #readyFirst = false;
  /** The budget has ended this round. */
  #cut = false;
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
    this.#epoll = parts.epoll;
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#input = works.input;
    this.#secure = works.secure;
    this.#lifecycle = works.lifecycle;
    this.#flow = works.flow;
    this.#parting = works.parting;
    this.#delivery = works.delivery;
    this.#preface = works.preface;
    this.#expiry = new Expiry(parts, works);
    this.#signalled = signalled;
    const { constants } = parts.kernel;
    this.#in = constants.EPOLLIN;
    this.#error = constants.EPOLLERR;
    this.#hangup = constants.EPOLLHUP;
  }

  /** Whether something was left over that no wait would report. */
  get pending(): boolean {
    return this.#next < this.#count || this.#signal || this.#delivery.due;
  }

  /** `signalled` is to be called again in the next round. */
  signalAgain(): void {
    this.#signal = true;
  }

  /** Serves what is ready, in several rounds and for a bounded time. */
  run(): void {
    this.#clock.refresh();
    this.#clock.begin();
    this.#input.nextTurn();
    for (let round = 0; round < ROUNDS; round += 1) {
      this.#wait(0);
      this.#round();
      // A lone client's next message is not there yet, and what is over its budget has to wait.
      if (this.#count <= 1 && this.#connections.ready === 0) break;
      if (this.#served === 0 || this.#cut) break;
      if (this.#clock.ends()) break;
    }
  }

  /**
   * Waits for events, and serves them in one round: in a thread whose event loop is watched along with
   * the connections.
   * @param ms at most so long; −1 for ever
   * @returns true when the event loop has something to do, or was kept from it for a whole budget
   */
  serve(ms: number): boolean {
    this.#loop = false;
    this.#wait(ms);
    this.#clock.refresh();
    this.#clock.begin();
    this.#input.nextTurn();
    this.#round();
    return this.#loop || this.#cut;
  }

  // Those whom the last budget did not reach come first. The kernel would report them behind those that
  // were served, and cannot be asked for the other two descriptors alone: they count as readable.
  #wait(ms: number): void {
    if (this.#next < this.#count) {
      this.#signal = true;
      this.#loop = true;
      return;
    }
    const count = this.#epoll.wait(this.#events, ms);
    if (count < 0) throw new Error(`epoll_wait: ${this.#kernel.errorName(count)}`);
    this.#count = count;
    this.#next = 0;
  }

  #round(): void {
    this.#served = 0;
    const readyFirst = this.#readyFirst;
    const deliveryFirst = this.#delivery.first;
    if (deliveryFirst) this.#delivery.run();
    if (readyFirst) this.#serveReady();
    if (!((readyFirst || deliveryFirst) && this.#clock.spent())) this.#serveEvents();
    if (this.#signal) {
      this.#signal = false;
      this.#delivery.signalled();
      this.#signalled();
    }
    if (this.#delivery.due && !deliveryFirst && !this.#clock.over) this.#delivery.run();
    const serves = !readyFirst && this.#connections.ready > 0 && !this.#clock.spent();
    if (serves) this.#serveReady();
    this.#served += this.#secure.shake();
    this.rest();
    this.#cut = this.#clock.over;
    this.#readyFirst = this.#cut && !readyFirst && this.#next === this.#count;
    this.#delivery.first = this.#cut && !deliveryFirst && this.#delivery.due;
    // Last, and not while more events wait: what came while this process stood still is progress, and
    // may put a timeout off. But not for ever.
    this.#full = this.#count < EVENTS && !this.#cut ? 0 : (this.#full + 1) % ROUNDS;
    if (this.#full === 0) this.#expire();
  }

  #serveEvents(): void {
    const events = this.#events;
    const count = this.#count;
    let event = this.#next;
    while (event < count) {
      const at = event * EVENT;
      event += 1;
      this.#event(events[at]! | 0, events[at + 2]!);
      if (event < count && this.#clock.spent()) break;
    }
    this.#next = event;
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
    const at = (slot & SLOTS) * COLUMNS + BUSY;
    this.#table[at] = 1;
    this.#serve(slot, mask);
    this.#table[at] = 0;
  }

  #serve(slot: number, mask: number): void {
    // The usual case: input, and nothing stands in its way.
    if (mask === this.#in && (this.#table[(slot & SLOTS) * COLUMNS + FLAGS]! & EXCEPTIONS) === 0) {
      if (this.#input.receive(slot)) this.#served += 1;
    } else this.#serveOther(slot, mask);
  }

  // A method of its own, since what is inlined in `#event` should be what happens for each message.
  #serveOther(slot: number, mask: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & AWAITING) !== 0) {
      if (this.#preface.receive(slot)) this.#served += 1;
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
      const way = (flags & TLS) === 0 ? this.#input : this.#secure;
      if ((over || (mask & this.#in) !== 0) && way.receive(slot)) this.#served += 1;
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
      this.#delivery.catchUp(slot);
      this.#input.proceed(slot);
      if ((this.#table[slot * COLUMNS + FLAGS]! & OVER) !== 0) this.#secure.tell(slot);
      this.#table[slot * COLUMNS + BUSY] = 0;
      if (left > 1 && this.#clock.spent()) return;
    }
  }

  #expire(): void {
    // Under an attack no other time would be left for it.
    if (this.#cut) this.#clock.extend();
    this.#expiry.run();
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
      if (this.#lifecycle.advance(slot)) this.#parting.run(slot);
      this.#table[base + BUSY] = 0;
    }
  }
}
