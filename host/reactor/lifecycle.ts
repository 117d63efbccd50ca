// Lifecycle: from accepted to closed. It decides when a connection may end, and how. It never enters the
// guest; the turn does that between its steps.

import {
  REASON_FRAME_TIMEOUT,
  REASON_IDLE,
  REASON_SHUTDOWN,
  REASON_WRITE_TIMEOUT,
} from '../../assembly/abi.ts';
import { isThere } from '../memory/handles.ts';
import * as Numbers from '../memory/layout.ts';
import type { Backlog } from './backlog.ts';
import type { Deadlines } from './deadlines.ts';
import type { Endings } from './endings.ts';
import type { Flow } from './flow.ts';
import type { Outgoing } from './outbound/outgoing.ts';
import type { Output } from './output.ts';
import type { Parts } from './parts.ts';
import type { Handshakes } from './tls/handshakes.ts';

const { BUSY, CLOSING, COLUMNS, CONNECTING, DOOMED, ENDED, FD, FIN_DUE, FIN_SENT, FLAGS } = Numbers;
const { HANDLE, HANDSHAKING, HELD, LAST_PROGRESS, LINGERING, LINGER_UNTIL, LISTENER } = Numbers;
const { MASK, NOTIFIED, OUTBOUND, OUTPUT_BYTES, REASON, SHARING, TIMES, TLS, WIRE_ENDED } = Numbers;

export class Lifecycle {
  readonly #flow: Flow;
  readonly #deadlines: Deadlines;
  readonly #handshakes: Handshakes;
  readonly #outgoing: Outgoing;
  readonly #tls: Parts['tls'];
  readonly #batch: Parts['batch'];
  readonly #endings: Endings;
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #opened: Float64Array;
  readonly #output: Output;
  readonly #backlog: Backlog;
  readonly #pages: Parts['pages'];
  readonly #kernel: Parts['kernel'];
  readonly #epoll: Parts['epoll'];
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #shared: Parts['shared'];
  readonly #policy: Parts['policy'];
  readonly #in: number;

  constructor(
    parts: Parts,
    output: Output,
    backlog: Backlog,
    flow: Flow,
    deadlines: Deadlines,
    handshakes: Handshakes,
    endings: Endings,
    outgoing: Outgoing,
  ) {
    this.#endings = endings;
    this.#outgoing = outgoing;
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#opened = parts.connections.segment.opened;
    this.#output = output;
    this.#backlog = backlog;
    this.#pages = parts.pages;
    this.#kernel = parts.kernel;
    this.#epoll = parts.epoll;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#shared = parts.shared;
    this.#policy = parts.policy;
    this.#in = parts.kernel.constants.EPOLLIN;
    this.#flow = flow;
    this.#deadlines = deadlines;
    this.#handshakes = handshakes;
    this.#tls = parts.tls;
    this.#batch = parts.batch;
  }

  /**
   * Takes a descriptor into the table, busy, and has it watched.
   * @param listener the number of the one that it came by
   * @param begins KNOWN, or the flags of what comes before the guest is told of it
   * @returns −1 when it cannot: the descriptor stays the caller's
   */
  open(fd: number, listener: number, begins: number): number {
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
    this.#table[base + LISTENER] = listener;
    this.#table[base + BUSY] = 1;
    this.#table[base + FLAGS]! |= begins;
    this.#times[slot * TIMES + LAST_PROGRESS] = this.#clock.now;
    this.#opened[slot] = this.#clock.now;
    this.#backlog.open(slot);
    this.#deadlines.schedule(slot);
    return slot;
  }

  /** Ends the connection gracefully: all output, FIN, what the peer still sends discarded, close. */
  finish(slot: number, reason: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & (CLOSING | DOOMED)) !== 0) return;
    this.#table[base + REASON] = reason;
    this.#handshakes.end(slot);
    this.#table[base + FLAGS]! |= CLOSING | FIN_DUE;
    // Behind what ends within TLS more may lie unread, which would make close(2) a reset: it is over when
    // the stream below is.
    if ((this.#table[base + FLAGS]! & (TLS | WIRE_ENDED)) === TLS) {
      this.#table[base + FLAGS]! &= ~ENDED;
    }
    this.#pages.clear(base + HELD);
    this.#flow.watch(slot);
    this.#deadlines.schedule(slot);
    this.#connections.pushClosing(slot);
  }

  /**
   * Ends the connection of a handle: gracefully, or by a reset.
   * @returns whether it is there
   */
  disconnect(handle: number, abort: boolean): boolean {
    const { table, segment } = this.#connections;
    if (!isThere(table, segment.connections, handle)) return false;
    const slot = this.#connections.current(handle);
    if (abort) this.#connections.doom(slot, REASON_SHUTDOWN);
    else this.finish(slot, REASON_SHUTDOWN);
    return true;
  }

  /** Ends all of them by a reset, and for good. */
  abort(reason: number): void {
    this.#outgoing.end();
    this.#connections.each((slot) => this.#connections.doom(slot, reason));
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
    // What is not there yet has nothing to wait for.
    if ((flags & CONNECTING) !== 0) return (flags & CLOSING) !== 0 && this.#hangUp(slot, true);
    if ((flags & (TLS | FIN_DUE | NOTIFIED)) === (TLS | FIN_DUE) && !this.#notify(slot))
      return false;
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
    this.#endings.over(slot);
    this.#part(slot);
    this.#times[slot * TIMES + LINGER_UNTIL] = this.#clock.now + this.#policy.lingerMs;
    this.#deadlines.schedule(slot);
    return true;
  }

  // @returns whether that nothing comes any more is on its way, with nothing before it
  #notify(slot: number): boolean {
    const base = slot * COLUMNS;
    this.#table[base + FLAGS]! |= NOTIFIED;
    this.#batch.tlsEnd(slot, this.#table[base + FD]!);
    this.#flow.flush();
    return this.#table[base + OUTPUT_BYTES] === 0 && (this.#table[base + FLAGS]! & DOOMED) === 0;
  }

  #hangUp(slot: number, abort: boolean): boolean {
    const base = slot * COLUMNS;
    const fd = this.#table[base + FD]!;
    this.#endings.over(slot);
    // Removed before it is closed: with a duplicate open somewhere its events would go on.
    this.#flow.unwatch(slot);
    // Forgotten first: whoever takes over the table must not close a number that is another's by then.
    this.#table[base + FLAGS]! |= DOOMED;
    this.#table[base + FD] = -1;
    if (fd < 0) {
      // The thread before had closed it, and told nobody.
    } else if (abort) this.#kernel.reset(fd);
    else this.#kernel.close(fd);
    const flags = this.#table[base + FLAGS]!;
    if ((flags & CONNECTING) === 0) this.#stats.ended(this.#clock.now - this.#opened[slot]!);
    if ((flags & OUTBOUND) !== 0) this.#outgoing.over(slot);
    if ((flags & TLS) !== 0) {
      this.#handshakes.end(slot);
      this.#tls?.seat.close(slot);
    }
    this.#backlog.drop(slot);
    this.#deadlines.forget(slot);
    this.#part(slot);
    return true;
  }

  // The guest's last callback for it comes next: what it publishes there is not for itself.
  #part(slot: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & SHARING) !== 0) this.#shared.leave(slot);
  }

  /** Applies the host's own timeouts to a connection whose deadline has come. */
  timeOut(slot: number): void {
    const { now } = this.#clock;
    const [base, times] = [slot * COLUMNS, slot * TIMES];
    const flags = this.#table[base + FLAGS]!;
    if ((flags & (DOOMED | CONNECTING)) !== 0) return;
    if ((flags & HANDSHAKING) !== 0) {
      if (this.#times[times + LINGER_UNTIL]! <= now) this.#handshakes.giveUp(slot, 'TLS_TIMEOUT');
      else if (this.#deadlines.handshake(slot) <= now) this.#handshakes.cutShort(slot);
    } else if ((flags & LINGERING) !== 0) {
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
}
