// Flow: which way bytes may go: what epoll watches, when a backlog is too long to read on, and whether
// input may go to the guest. It moves no bytes itself, and ends no connection.

import * as Numbers from '../memory/layout.ts';
import type { Deadlines } from './deadlines.ts';
import type { Output } from './output.ts';
import type { Parts } from './parts.ts';

const { BLOCKED, CLOSING, COLUMNS, CONNECTING, DECLINED, DOOMED, DRAINED, ENDED, FD } = Numbers;
const { FIN_DUE, FLAGS, HANDLE, HELD_BYTES, HELD_SINCE, MASK, OUTPUT_BYTES, PARTNER } = Numbers;
const { PAUSED, SLOTS, SPLICED, TIES, TIMES, UNREAD, WANT, WITHHELD } = Numbers;

const UNDELIVERABLE = WITHHELD | DECLINED;

export class Flow {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #ties: Int32Array;
  readonly #epoll: Parts['epoll'];
  readonly #clock: Parts['clock'];
  readonly #policy: Parts['policy'];
  readonly #output: Output;
  readonly #deadlines: Deadlines;
  readonly #in: number;
  readonly #out: number;

  constructor(parts: Parts, output: Output, deadlines: Deadlines) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#ties = parts.connections.segment.ties;
    this.#epoll = parts.epoll;
    this.#clock = parts.clock;
    this.#policy = parts.policy;
    this.#output = output;
    this.#deadlines = deadlines;
    this.#in = parts.kernel.constants.EPOLLIN;
    this.#out = parts.kernel.constants.EPOLLOUT;
  }

  /** Whether a connection with these flags is to be received from. */
  reading(flags: number): boolean {
    // Closing, it is read to the end whatever was paused: unread input would make close(2) a reset.
    if ((flags & CLOSING) !== 0) return (flags & ENDED) === 0;
    // What keeps a spliced one back is its partner's backlog, and not its own.
    return (flags & ((flags & SPLICED) === 0 ? UNREAD : PAUSED | ENDED)) === 0;
  }

  /** Whether `bytes` of input, held or in the window, may go to a guest that waits for `want`. */
  deliverable(flags: number, bytes: number, want: number): boolean {
    if (bytes === 0 || (flags & UNDELIVERABLE) !== 0) return false;
    return want <= bytes || (flags & ENDED) !== 0;
  }

  /** Whether what is held of the connection's input may go to the guest now. */
  heldDeliverable(slot: number): boolean {
    const table = this.#table;
    const base = (slot & SLOTS) * COLUMNS;
    const held = table[base + HELD_BYTES]!;
    return this.deliverable(table[base + FLAGS]!, held, table[base + WANT]!);
  }

  /** Has epoll report what the connection can use now, and nothing else. */
  watch(slot: number): void {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & (DOOMED | CONNECTING)) !== 0) return;
    const mask =
      (this.reading(flags) ? this.#in : 0) |
      (this.#table[base + OUTPUT_BYTES]! > 0 ? this.#out : 0);
    const current = this.#table[base + MASK]!;
    if (mask === current || (current < 0 && mask === 0)) return;
    const [fd, handle] = [this.#table[base + FD]!, this.#table[base + HANDLE]!];
    const add = (): number => this.#epoll.add(fd, mask, handle, 0);
    const modify = (): number => this.#epoll.modify(fd, mask, handle, 0);
    const result = current < 0 ? add() : modify();
    // A thread that ended between the call and this note has left the note behind the kernel.
    const again = result < 0 ? (current < 0 ? modify() : add()) : result;
    if (again < 0) this.#output.fail(slot, result);
    else this.#table[base + MASK] = mask;
  }

  /** Stops watching; `watch` starts again when there is something to wait for. */
  unwatch(slot: number): void {
    const base = slot * COLUMNS;
    if (this.#table[base + MASK]! < 0) return;
    this.#epoll.remove(this.#table[base + FD]!);
    this.#table[base + MASK] = -1;
  }

  /** Performs what is queued, and does what follows from it. */
  flush(): void {
    this.#output.run();
    this.reviewTouched();
  }

  /** Offers the kernel what callbacks have put into the outbox, and does what follows from it. */
  post(): void {
    this.#output.post();
    this.reviewTouched();
  }

  /** As `post`; what the batch holds from `mark` on, which could not be put there, goes out behind it. */
  postBefore(mark: number): void {
    this.#output.post();
    this.#output.postpone(mark);
    this.reviewTouched();
  }

  /** Performs what is queued, and then offers the connection's backlog to the kernel. */
  flushBacklog(slot: number): void {
    this.flush();
    this.#output.flushBacklog(slot);
    this.reviewTouched();
  }

  /** Looks at every connection whose backlog has changed. */
  reviewTouched(): void {
    const connections = this.#connections;
    for (let slot = connections.takeTouched(); slot >= 0; slot = connections.takeTouched()) {
      this.#review(slot);
    }
  }

  #review(slot: number): void {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return;
    const bytes = this.#table[base + OUTPUT_BYTES]!;
    if ((flags & BLOCKED) === 0) {
      if (bytes > this.#policy.highWaterBytes) {
        this.#table[base + FLAGS]! |= BLOCKED;
        if ((flags & SPLICED) !== 0) this.#holdPartner(slot, true);
      }
    } else if (bytes <= this.#policy.lowWaterBytes) {
      this.#table[base + FLAGS]! = (flags & ~BLOCKED) | DRAINED;
      this.unblocked(slot);
      if ((flags & SPLICED) !== 0) this.#holdPartner(slot, false);
    }
    if (bytes === 0 && (flags & FIN_DUE) !== 0) this.#connections.pushClosing(slot);
    this.watch(slot);
    this.#deadlines.schedule(slot);
  }

  // Whose bytes go to this one is read again when those that wait here are few.
  #holdPartner(slot: number, held: boolean): void {
    const partner = this.#connections.current(this.#ties[slot * TIES + PARTNER]!);
    if (partner < 0) return;
    const at = partner * COLUMNS + FLAGS;
    if (held) this.#table[at]! |= PAUSED;
    else {
      this.#table[at]! &= ~PAUSED;
      this.#connections.pushReady(partner);
    }
    this.watch(partner);
  }

  /** Input may be delivered again: its timeout starts now, and what is held gets its turn. */
  unblocked(slot: number): void {
    const base = slot * COLUMNS;
    if (this.#table[base + HELD_BYTES]! > 0) {
      this.#times[slot * TIMES + HELD_SINCE] = this.#clock.now;
      this.#deadlines.schedule(slot);
    }
    this.#connections.pushReady(slot);
  }

  /** Takes up a connection that another thread has left: what is due for it becomes due again. */
  revive(slot: number): void {
    const flags = this.#table[slot * COLUMNS + FLAGS]!;
    this.#review(slot);
    this.#connections.pushReady(slot);
    if ((flags & (DOOMED | FIN_DUE)) !== 0) this.#connections.pushClosing(slot);
  }
}
