// Lifecycle: from accepted to closed. It decides what epoll watches, when a connection may end, and
// which deadline comes next. It never enters the guest; the reactor does that between its steps.

import {
  REASON_FRAME_TIMEOUT,
  REASON_IDLE,
  REASON_SHUTDOWN,
  REASON_WRITE_TIMEOUT,
} from '../../assembly/abi.ts';
import * as Numbers from '../memory/layout.ts';
import type { Deadlines } from './deadlines.ts';
import type { Output } from './output.ts';
import type { Parts } from './parts.ts';

const {
  BLOCKED,
  BUSY,
  CLOSING,
  COLUMNS,
  DECLINED,
  DOOMED,
  DRAINED,
  ENDED,
  FD,
  FIN_DUE,
  FIN_SENT,
  FLAGS,
  HANDLE,
  HELD,
  HELD_BYTES,
  HELD_SINCE,
  KNOWN,
  LAST_PROGRESS,
  LINGERING,
  LINGER_UNTIL,
  MASK,
  OUTPUT_BYTES,
  PAUSED,
  REASON,
  TIMES,
  WANT,
} = Numbers;

export class Lifecycle {
  readonly #deadlines: Deadlines;
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #output: Output;
  readonly #pages: Parts['pages'];
  readonly #kernel: Parts['kernel'];
  readonly #epoll: Parts['epoll'];
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #policy: Parts['policy'];
  readonly #in: number;
  readonly #out: number;

  constructor(parts: Parts, output: Output, deadlines: Deadlines) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#output = output;
    this.#pages = parts.pages;
    this.#kernel = parts.kernel;
    this.#epoll = parts.epoll;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#policy = parts.policy;
    this.#in = parts.kernel.constants.EPOLLIN;
    this.#out = parts.kernel.constants.EPOLLOUT;
    this.#deadlines = deadlines;
  }

  /**
   * Takes a descriptor into the table, busy, and has it watched.
   * @returns −1 when it cannot: the descriptor stays the caller's
   */
  open(fd: number): number {
    const slot = this.#connections.take(fd);
    if (slot < 0) return -1;
    const base = slot * COLUMNS;
    const result = this.#epoll.add(fd, this.#in, this.#table[base + HANDLE]!, 0);
    if (result < 0) {
      this.#stats.errno(result);
      this.#connections.release(slot);
      return -1;
    }
    this.#table[base + MASK] = this.#in;
    this.#table[base + BUSY] = 1;
    this.#table[base + FLAGS]! |= KNOWN;
    this.#times[slot * TIMES + LAST_PROGRESS] = this.#clock.now;
    this.#deadlines.schedule(slot);
    return slot;
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

  /** Has epoll report what the connection can use now, and nothing else. */
  watch(slot: number): void {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return;
    // Closing, it is read to the end whatever was paused: unread input would make close(2) a reset.
    const held = (flags & CLOSING) === 0 ? PAUSED | BLOCKED | ENDED : ENDED;
    const reading = (flags & held) === 0 ? this.#in : 0;
    const mask = reading | (this.#table[base + OUTPUT_BYTES]! > 0 ? this.#out : 0);
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

  /** Takes up a connection that another thread has left: what is due for it becomes due again. */
  revive(slot: number): void {
    const flags = this.#table[slot * COLUMNS + FLAGS]!;
    this.#review(slot);
    this.#connections.pushReady(slot);
    if ((flags & (DOOMED | FIN_DUE)) !== 0) this.#connections.pushClosing(slot);
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

  /** Looks at every connection whose backlog has changed. */
  reviewTouched(): void {
    for (
      let slot = this.#connections.takeTouched();
      slot >= 0;
      slot = this.#connections.takeTouched()
    ) {
      this.#review(slot);
    }
  }

  #review(slot: number): void {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return;
    const bytes = this.#table[base + OUTPUT_BYTES]!;
    if ((flags & BLOCKED) === 0) {
      if (bytes > this.#policy.highWaterBytes) this.#table[base + FLAGS]! |= BLOCKED;
    } else if (bytes <= this.#policy.lowWaterBytes) {
      this.#table[base + FLAGS]! = (flags & ~BLOCKED) | DRAINED;
      this.unblocked(slot);
    }
    if (bytes === 0 && (flags & FIN_DUE) !== 0) this.#connections.pushClosing(slot);
    this.watch(slot);
    this.#deadlines.schedule(slot);
  }

  /** Whether held input may go to the guest now. */
  deliverable(slot: number): boolean {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    const held = this.#table[base + HELD_BYTES]!;
    if (held === 0 || (flags & (PAUSED | BLOCKED | CLOSING | DOOMED | DECLINED)) !== 0)
      return false;
    return this.#table[base + WANT]! <= held || (flags & ENDED) !== 0;
  }

  /** Ends the connection gracefully: all output, FIN, what the peer still sends discarded, close. */
  finish(slot: number, reason: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & (CLOSING | DOOMED)) !== 0) return;
    this.#table[base + REASON] = reason;
    this.#table[base + FLAGS]! |= CLOSING | FIN_DUE;
    this.#pages.clear(base + HELD);
    this.watch(slot);
    this.#deadlines.schedule(slot);
    this.#connections.pushClosing(slot);
  }

  /**
   * Takes the closing of a connection as far as it can go now; nothing may be queued.
   * @returns true when the guest is to be told that the connection is over
   */
  advance(slot: number): boolean {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return this.#hangUp(slot, true);
    if (this.#table[base + OUTPUT_BYTES]! > 0) return false;
    const over = (flags & (CLOSING | ENDED)) === (CLOSING | ENDED);
    if (over) return this.#hangUp(slot, false);
    if ((flags & (FIN_DUE | FIN_SENT)) === FIN_DUE) {
      this.#table[base + FLAGS]! |= FIN_SENT;
      const result = this.#kernel.shutdown(this.#table[base + FD]!, this.#kernel.constants.SHUT_WR);
      if (result < 0) {
        this.#output.fail(slot, result);
        return false;
      }
    }
    if ((flags & CLOSING) === 0 || (flags & LINGERING) !== 0) return false;
    this.#table[base + FLAGS]! |= LINGERING;
    this.#times[slot * TIMES + LINGER_UNTIL] = this.#clock.now + this.#policy.lingerMs;
    this.#deadlines.schedule(slot);
    return true;
  }

  #hangUp(slot: number, abort: boolean): boolean {
    const base = slot * COLUMNS;
    const fd = this.#table[base + FD]!;
    // Removed before it is closed: with a duplicate open somewhere its events would go on.
    this.unwatch(slot);
    // Forgotten first: whoever takes over the table must not close a number that is another's by then.
    this.#table[base + FLAGS]! |= DOOMED;
    this.#table[base + FD] = -1;
    if (fd < 0) {
      // The thread before had closed it, and told nobody.
    } else if (abort) this.#kernel.reset(fd);
    else this.#kernel.close(fd);
    this.#output.drop(slot);
    this.#deadlines.forget(slot);
    return true;
  }

  /** Applies the host's own timeouts to a connection whose deadline has come. */
  timeOut(slot: number): void {
    const { now } = this.#clock;
    const [base, times] = [slot * COLUMNS, slot * TIMES];
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return;
    if ((flags & LINGERING) !== 0) {
      if (this.#times[times + LINGER_UNTIL]! > now) return;
      this.#table[base + FLAGS]! |= ENDED;
      this.#connections.pushClosing(slot);
    } else if (this.#deadlines.write(slot) <= now) {
      this.#stats.error('WRITE_TIMEOUT');
      this.#connections.doom(slot, REASON_WRITE_TIMEOUT);
    } else if ((flags & CLOSING) !== 0) {
      return;
    } else if (this.#deadlines.frame(slot) <= now) {
      this.#stats.error('FRAME_TIMEOUT');
      this.finish(slot, REASON_FRAME_TIMEOUT);
    } else if (this.#deadlines.idle(slot) <= now) {
      this.#stats.error('IDLE');
      // A peer that takes nothing gives a graceful end nothing to wait for.
      if (this.#table[base + OUTPUT_BYTES]! > 0) this.#connections.doom(slot, REASON_IDLE);
      else this.finish(slot, REASON_IDLE);
    } else if (this.#deadlines.quiet(slot) <= now) this.finish(slot, REASON_SHUTDOWN);
  }

  /** The peer's address as text, or '' when it is gone. */
  peerAddress(slot: number): string {
    const address = this.#kernel.peerAddress(this.#table[slot * COLUMNS + FD]!);
    return typeof address === 'string' ? address : '';
  }
}
