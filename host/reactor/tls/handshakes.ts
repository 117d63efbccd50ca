// Handshakes: the connections of TLS that have not agreed with their peers yet: how each begins, how many there
// are, which has waited longest, and how much of a round they may take. What a step does is not its matter.

import { REASON_SHUTDOWN, REASON_TLS } from '../../../assembly/abi.ts';
import { TLS_AT_ONCE } from '../../kernel/tls/tls-access.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Deadlines } from '../deadlines.ts';
import type { Parts } from '../parts.ts';

const { BUSY, CLOSING, COLUMNS, DOOMED, FLAGS, HANDLE, HANDSHAKING, KNOWN, LINGER_UNTIL } = Numbers;
const { HEADER_BYTES, LISTENER, OPEN, OUTBOUND, OVER, TIMES, TLS } = Numbers;

// As many as one wait brings.
const MOST_POSTPONED = 256;

/** Whoever performs the steps of handshakes. */
interface Performer {
  receive(slot: number): boolean;
}

export class Handshakes {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #tls: Parts['tls'];
  readonly #headers: Parts['headers'];
  readonly #directory: Parts['outbound']['directory'];
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  readonly #most: number;
  /** Handles in the order in which they began; some may be done. */
  readonly #queue: Int32Array;
  #queued = 0;
  #count = 0;
  readonly #mostSteps: number;
  /** The thread's processor time at the end of the last steps. */
  #restedMs = 0;
  /** Steps are performed, not put off. */
  shaking = false;
  /** Slots that have something for a step, in this round. */
  readonly #later: Int32Array;
  #postponed = 0;

  constructor(parts: Parts, deadlines: Deadlines) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#tls = parts.tls;
    this.#headers = parts.headers;
    this.#directory = parts.outbound.directory;
    this.#deadlines = deadlines;
    this.#timeoutMs = parts.policy.handshakeTimeoutMs;
    this.#most = parts.policy.maxHandshakes;
    this.#mostSteps = parts.policy.handshakesPerTurn;
    this.#later = new Int32Array(parts.tls === null ? 0 : MOST_POSTPONED);
    // When it is full, at least half of it is done: it is compacted once in so many handshakes.
    this.#queue = new Int32Array(parts.tls === null ? 0 : 2 * this.#most + 1);
  }

  /** Whether connections that come by this listener begin with one. */
  awaits(listener: number): boolean {
    return ((this.#tls?.modes[listener] ?? 0) & TLS_AT_ONCE) !== 0;
  }

  /** The slot's begins, whose row has the flags for it. With too many, the one that began first is given up. */
  begin(slot: number): void {
    this.#await(slot);
    if (!this.#open(slot)) this.giveUp(slot, 'TLS');
  }

  #open(slot: number): boolean {
    const base = slot * COLUMNS;
    const [handle, number] = [this.#table[base + HANDLE]!, this.#table[base + LISTENER]!];
    if (this.#tls === null) return false;
    const { seat } = this.#tls;
    if ((this.#table[base + FLAGS]! & OUTBOUND) === 0) return seat.open(slot, handle, number);
    const added = this.#headers.text(slot, this.#table[base + HEADER_BYTES]!);
    if (!seat.dial(slot, handle, number, this.#directory?.host(number, added) ?? '')) return false;
    // Nothing comes before a hello has gone.
    this.#table[base + FLAGS]! |= OVER;
    this.#connections.pushReady(slot);
    return true;
  }

  /** A connection in clear begins its own; nothing of it may be queued. */
  start(slot: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & (CLOSING | DOOMED)) !== 0) return;
    const busy = this.#table[base + BUSY]!;
    this.#table[base + BUSY] = 1;
    this.#table[base + FLAGS]! |= TLS | HANDSHAKING;
    this.begin(slot);
    this.#table[base + BUSY] = busy;
  }

  /** Bytes that came before the session's first receive belong to it. */
  feed(slot: number, view: Uint8Array, offset: number, length: number): void {
    this.#tls?.seat.feed(slot, view, offset, length);
    this.#table[slot * COLUMNS + FLAGS]! |= OVER;
    this.#connections.pushReady(slot);
  }

  /** A step takes as long as a hundred messages: it comes behind the other events of the round. */
  postpone(slot: number): void {
    if (this.#postponed < MOST_POSTPONED) this.#later[this.#postponed++] = slot;
    else this.#leave(slot);
  }

  // What is in the socket is reported again; what was fed to the session is not.
  #leave(slot: number): void {
    const flags = this.#table[slot * COLUMNS + FLAGS]! & (OVER | HANDSHAKING);
    if (flags === (OVER | HANDSHAKING)) this.#connections.pushReady(slot);
  }

  /**
   * Performs steps that were put off: one at least, and more for as long as the round has spent on others. So
   * a flood of handshakes takes half of the time at most, and no message waits for more than that, or for one step.
   * It is the processor's time: others that stood still on a busy machine have not spent any.
   * @returns how many
   */
  shake(performer: Performer): number {
    const count = Math.min(this.#postponed, this.#mostSteps);
    if (this.#postponed === 0) return 0;
    const seat = this.#tls?.seat;
    const begun = seat?.processorMs() ?? 0;
    const others = Math.min(this.#clock.passed, begun - this.#restedMs);
    let spent = 0;
    this.shaking = true;
    let next = 0;
    for (; next < count; next += 1) {
      // The next one is likely to take what the others took.
      if (next > 0 && spent + spent / next > others) break;
      this.#step(this.#later[next]!, performer);
      spent = (seat?.processorMs() ?? 0) - begun;
    }
    this.shaking = false;
    this.#restedMs = begun + spent;
    for (let left = next; left < this.#postponed; left += 1) this.#leave(this.#later[left]!);
    this.#postponed = 0;
    return next;
  }

  #step(slot: number, performer: Performer): void {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]! & (OPEN | HANDSHAKING | CLOSING | DOOMED);
    if (flags !== (OPEN | HANDSHAKING)) return;
    this.#table[base + BUSY] = 1;
    performer.receive(slot);
    this.#table[base + BUSY] = 0;
  }

  #await(slot: number): void {
    this.#times[slot * TIMES + LINGER_UNTIL] = this.#clock.now + this.#timeoutMs;
    this.#deadlines.schedule(slot);
    this.#enter(slot);
    if (this.#count <= this.#most) return;
    const oldest = this.#shift();
    if (oldest >= 0) this.giveUp(oldest, 'TLS_HANDSHAKES');
  }

  #enter(slot: number): void {
    if (this.#queued === this.#queue.length) this.#compact();
    this.#queue[this.#queued++] = this.#table[slot * COLUMNS + HANDLE]!;
    this.#count += 1;
  }

  #compact(): void {
    let kept = 0;
    for (let index = 0; index < this.#queued; index += 1) {
      const handle = this.#queue[index]!;
      if (this.#waiting(handle) >= 0) this.#queue[kept++] = handle;
    }
    this.#queued = kept;
  }

  // The slot of a handle, or −1 when its handshake is over.
  #waiting(handle: number): number {
    const slot = this.#connections.current(handle);
    if (slot < 0) return -1;
    const flags = this.#table[slot * COLUMNS + FLAGS]! & (OPEN | HANDSHAKING | DOOMED);
    return flags === (OPEN | HANDSHAKING) ? slot : -1;
  }

  #shift(): number {
    for (let index = 0; index < this.#queued; index += 1) {
      const slot = this.#waiting(this.#queue[index]!);
      if (slot < 0) continue;
      this.#queue.copyWithin(0, index + 1, this.#queued);
      this.#queued -= index + 1;
      return slot;
    }
    this.#queued = 0;
    return -1;
  }

  /** There is no time, room or certificate for it. */
  giveUp(slot: number, kind: 'TLS' | 'TLS_TIMEOUT' | 'TLS_HANDSHAKES'): void {
    this.#stats.error(kind);
    this.#refuse(slot);
    this.#connections.doom(slot, REASON_TLS);
  }

  /** The server ends, and the peer says nothing: nobody's mistake. */
  cutShort(slot: number): void {
    this.#refuse(slot);
    this.#connections.doom(slot, REASON_SHUTDOWN);
  }

  /** It came to nothing. */
  fail(slot: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & HANDSHAKING) !== 0) this.#refuse(slot);
    this.end(slot);
  }

  // Nobody was told of the connection, unless it was in clear before.
  #refuse(slot: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & KNOWN) === 0) this.#stats.refused();
  }

  /** The slot's is over, however it went. */
  end(slot: number): void {
    const at = slot * COLUMNS + FLAGS;
    if ((this.#table[at]! & HANDSHAKING) === 0) return;
    this.#table[at]! &= ~HANDSHAKING;
    this.#times[slot * TIMES + LINGER_UNTIL] = 0;
    this.#count -= 1;
  }

  /** Counts anew, after another thread has left the table. */
  recover(): void {
    const { end } = this.#connections;
    const waiting: number[] = [];
    for (let slot = 0; slot < end; slot += 1) {
      const flags = this.#table[slot * COLUMNS + FLAGS]! & (OPEN | HANDSHAKING);
      if (flags === (OPEN | HANDSHAKING)) waiting.push(slot);
    }
    const since = (slot: number): number => this.#times[slot * TIMES + LINGER_UNTIL]!;
    waiting.sort((one, other) => since(one) - since(other));
    for (const slot of waiting) this.#enter(slot);
  }
}
