// Deadlines: when each of the host's timeouts, and the guest's timer, is due for a connection, and which
// connection is due next. It reads the table and the policy, and does nothing about what is due.

import * as Numbers from '../memory/layout.ts';
import { Timers } from '../memory/timers.ts';
import type { Outgoing } from './outbound/outgoing.ts';
import type { Parts } from './parts.ts';

const { AWAITING, BLOCKED, CHILD, CHILD_NEXT, CLOSING, COLUMNS, CONNECTING, DOOMED } = Numbers;
const { ENDED, FLAGS, GUEST_TIMER, HANDSHAKING, HELD_BYTES, HELD_SINCE, LAST_PROGRESS } = Numbers;
const { LINGERING, LINGER_UNTIL, LINKED, OUTBOUND, OUTPUT_BYTES, OUTPUT_SINCE, PARENT } = Numbers;
const { PARTNER, PAUSED, REQUESTS, SPLICED, TIED, TIES, TIMES } = Numbers;

const RELATED = OUTBOUND | LINKED | TIED | SPLICED;

// After the second failure of on_tick in a row: each costs a restart, and callbackTimeoutMs if it hangs.
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;

/** All in monotonic milliseconds; Infinity where none holds. */
export class Deadlines {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #policy: Parts['policy'];
  readonly #clock: Parts['clock'];
  readonly #outgoing: Pick<Outgoing, 'count'>;
  readonly #ties: Int32Array;
  readonly #timers: Timers;
  readonly #control: Parts['control'];
  /** Connections are closed when they fall quiet. */
  #draining = false;
  /** When on_tick is due next. */
  #tick: number;

  constructor({ connections, control, policy, clock }: Parts, outgoing: Outgoing) {
    this.#clock = clock;
    this.#outgoing = outgoing;
    this.#ties = connections.segment.ties;
    this.#control = control;
    this.#connections = connections;
    this.#table = connections.table;
    this.#times = connections.segment.times;
    this.#policy = policy;
    this.#timers = new Timers(connections.segment.connections);
    this.#tick = policy.tickMs === 0 ? Infinity : clock.now + this.#tickDelay();
  }

  /** When a connection is to be looked at, or on_tick is due, whichever is first. */
  get earliest(): number {
    return Math.min(this.#timers.next, this.#tick);
  }

  /** Whether on_tick is due by now, once each time. Those that were missed are not made up for. */
  takeTick(now: number): boolean {
    if (this.#tick > now) return false;
    const { tickMs } = this.#policy;
    this.#tick = this.#tick + tickMs > now ? this.#tick + tickMs : now + tickMs;
    return true;
  }

  /** on_tick has failed: what fails each time is called less and less often. */
  putTickOff(now: number): void {
    this.#tick = Math.max(this.#tick, now + this.#tickDelay());
  }

  /** Another module has an on_tick of its own, which has not failed. */
  tickAnew(now: number): void {
    const { tickMs } = this.#policy;
    this.#control.tickEnds();
    if (tickMs !== 0) this.#tick = Math.min(this.#tick, now + tickMs);
  }

  #tickDelay(): number {
    const { tickMs } = this.#policy;
    const again = this.#control.ticksFailed - 2;
    if (again < 0) return tickMs;
    return Math.max(tickMs, Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** again));
  }

  /** Takes a connection that is to be looked at by now; −1 when there is none. */
  shift(now: number): number {
    return this.#timers.shift(now);
  }

  /** Sees to it that the connection is looked at when its next deadline comes. */
  schedule(slot: number): void {
    this.#timers.atLatest(slot, this.#next(slot));
  }

  /** The connection is over. */
  forget(slot: number): void {
    this.#timers.remove(slot);
  }

  /** From now on a connection is closed when it falls quiet. */
  drain(): void {
    this.#draining = true;
    this.reschedule();
  }

  /** Timeouts may be shorter than they were. */
  reschedule(): void {
    this.#connections.each((slot) => this.schedule(slot));
  }

  // The next of all that hold for the connection.
  #next(slot: number): number {
    const [base, times] = [slot * COLUMNS, slot * TIMES];
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return Infinity;
    if ((flags & (LINGERING | AWAITING)) !== 0) {
      if ((flags & AWAITING) !== 0) return Math.min(this.header(slot), this.quiet(slot));
      return (flags & ENDED) === 0 ? this.#times[times + LINGER_UNTIL]! : Infinity;
    }
    const guest = this.#times[times + GUEST_TIMER]! || Infinity;
    // Whoever makes it has a time for that.
    if ((flags & CONNECTING) !== 0) return guest;
    if ((flags & HANDSHAKING) !== 0) return Math.min(guest, this.handshake(slot));
    const write = Math.min(guest, this.write(slot));
    if ((flags & CLOSING) !== 0) return write;
    return Math.min(write, this.frame(slot), this.idle(slot), this.quiet(slot));
  }

  /** Of a connection that waits for its PROXY header: nothing that it brings is progress until then. */
  header(slot: number): number {
    return this.#times[slot * TIMES + LAST_PROGRESS]! + this.#policy.proxyTimeoutMs;
  }

  /** Of a handshake: while one goes on, a drain waits for it, but not for a peer that says nothing. */
  handshake(slot: number): number {
    const until = this.#times[slot * TIMES + LINGER_UNTIL]!;
    if (!this.#draining) return until;
    const silent = this.#times[slot * TIMES + LAST_PROGRESS]! + this.#policy.drainQuietMs;
    return Math.min(until, silent);
  }

  write(slot: number): number {
    const { writeTimeoutMs } = this.#policy;
    if (writeTimeoutMs === 0 || this.#table[slot * COLUMNS + OUTPUT_BYTES] === 0) return Infinity;
    return this.#times[slot * TIMES + OUTPUT_SINCE]! + writeTimeoutMs;
  }

  // Input that is held because of back-pressure or the guest's own pause does not count.
  frame(slot: number): number {
    const { frameTimeoutMs } = this.#policy;
    const base = slot * COLUMNS;
    if (frameTimeoutMs === 0 || this.#table[base + HELD_BYTES] === 0) return Infinity;
    if ((this.#table[base + FLAGS]! & (PAUSED | BLOCKED | SPLICED)) !== 0) return Infinity;
    return this.#times[slot * TIMES + HELD_SINCE]! + frameTimeoutMs;
  }

  idle(slot: number): number {
    const { idleTimeoutMs } = this.#policy;
    return idleTimeoutMs === 0
      ? Infinity
      : this.#times[slot * TIMES + LAST_PROGRESS]! + idleTimeoutMs;
  }

  // Whoever waits for a reply has something to say yet, most likely.
  quiet(slot: number): number {
    const base = slot * COLUMNS;
    if (!this.#draining || this.#table[base + OUTPUT_BYTES]! > 0) return Infinity;
    if (this.#table[base + REQUESTS]! > 0) return Infinity;
    const tied = (this.#table[base + FLAGS]! & RELATED) !== 0;
    const since = tied ? this.#progress(slot) : this.#times[slot * TIMES + LAST_PROGRESS]!;
    return since + this.#policy.drainQuietMs;
  }

  // When one of those to which it is tied got on last: now, as long as something of theirs is on its way. As long as
  // there are clients, others may be asked for them.
  #progress(slot: number): number {
    const { now } = this.#clock;
    const flags = this.#table[slot * COLUMNS + FLAGS]!;
    const loose = (flags & (OUTBOUND | LINKED | SPLICED)) === OUTBOUND;
    if (loose && this.#outgoing.count < this.#connections.open) return now;
    const ties = slot * TIES;
    let since = this.#times[slot * TIMES + LAST_PROGRESS]!;
    if ((flags & SPLICED) !== 0) since = Math.max(since, this.#of(this.#ties[ties + PARTNER]!));
    if ((flags & LINKED) !== 0) since = Math.max(since, this.#of(this.#ties[ties + PARENT]!));
    if ((flags & TIED) === 0) return since;
    for (let child = this.#ties[ties + CHILD]!; child !== 0; ) {
      since = Math.max(since, this.#of(child));
      child = this.#ties[(child & this.#connections.slotMask) * TIES + CHILD_NEXT]!;
    }
    return since;
  }

  #of(handle: number): number {
    const slot = this.#connections.current(handle);
    if (slot < 0) return 0;
    const base = slot * COLUMNS;
    const moving = (this.#table[base + FLAGS]! & CONNECTING) | this.#table[base + OUTPUT_BYTES]!;
    return moving === 0 ? this.#times[slot * TIMES + LAST_PROGRESS]! : this.#clock.now;
  }
}
