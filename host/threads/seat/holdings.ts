// Seat holdings: what a seat has while threads come and go: the epoll with its registrations, the control
// words, the segment, and the descriptors on their way. It knows no thread, and no module.

import { REASON_ERROR, REASON_HUNG, REASON_TRAP } from '../../../assembly/abi.ts';
import { CallRecord } from '../../guest/call-record.ts';
import { factsOf } from '../../guest/facts.ts';
import { Recorder } from '../../guest/recording/recorder.ts';
import { makeEventFd, ringEventFd } from '../../kernel/event-fd.ts';
import type { Native, NativeEpoll } from '../../kernel/native.ts';
import { ControlWords, IN_START_UP } from '../../memory/control-words.ts';
import { Metrics } from '../../memory/counts/metrics.ts';
import { Stats } from '../../memory/counts/stats.ts';
import { COLUMNS, DOOMED, FD, FLAGS, HANDLE, LOST, MASK, REASON } from '../../memory/layout.ts';
import { headerBytes, type Policy } from '../../policy.ts';
import type { SeatCalls } from '../../upstreams/dialer.ts';
import {
  bitsOf,
  type Common,
  type Failure,
  type Interests,
  interestsOf,
  type Receiver,
} from '../engine.ts';

import { awaitedRows, isAwaited, isOpen, isThere, openRows } from './open-rows.ts';

export type { Failure } from '../engine.ts';

const NOBODY = { slot: IN_START_UP, reason: REASON_TRAP };

/** Where a thread was when it ended. */
export interface End {
  /** In the guest: in a callback, or starting an instance. */
  readonly inside: boolean;
  readonly inCallback: boolean;
  /** It has returned from a callback. */
  readonly returned: boolean;
  /** The callback that it was in, and whom it served there. */
  readonly serving: Pick<Failure, 'callback' | 'connection' | 'peer' | 'crash'>;
}

export class SeatHoldings {
  /** Of the seat in shared state. */
  readonly number: number;
  readonly policy: Policy;
  readonly control: ControlWords;
  readonly stats: Stats;
  /** What its thread's callbacks are given; null if nothing is noted. */
  readonly record: CallRecord | null;
  /** And all that its instance is given; null if nothing is noted. */
  readonly #recorder: Recorder | null;
  readonly metrics = new Metrics(new SharedArrayBuffer(Metrics.bytes));
  /** Null before the first thread serves. */
  segment: SharedArrayBuffer | null = null;
  /** What its guests have asked for; null where there are no upstreams. */
  readonly calls: SeatCalls | null;
  /** In whose callback a thread ended, as long as no successor has taken note of it. */
  lost = NOBODY;
  readonly #native: Native;
  readonly #common: Common;
  readonly #epoll: NativeEpoll;
  readonly #eventFd: number;
  readonly #headers: SharedArrayBuffer;
  #handed = 0;
  #callbacksAtStart = 0;

  /** @throws a SystemError when there is no descriptor left */
  constructor(common: Common, policy: Policy) {
    const { native, shared } = common;
    this.#native = native;
    this.#common = common;
    this.policy = policy;
    this.control = new ControlWords(new SharedArrayBuffer(ControlWords.bytes));
    this.stats = new Stats(this.control.counts);
    this.record = common.records ? CallRecord.make(policy) : null;
    this.#recorder = common.recordings ? Recorder.make() : null;
    this.#headers = new SharedArrayBuffer(headerBytes(policy));
    this.#epoll = native.epoll();
    try {
      this.#eventFd = makeEventFd(native);
    } catch (error) {
      this.#epoll.close();
      throw error;
    }
    this.#epoll.add(this.#eventFd, native.constants.EPOLLIN, 0, 0);
    this.number = common.numbers.take();
    this.calls =
      common.dialer?.seat({
        give: (...given) => this.#answer(...given),
        waits: (handle) => this.#waits(handle),
        seen: () => this.control.answers.seen(),
      }) ?? null;
    // Shared state has it from here on, since other threads ring it.
    shared.open(this.number, this.#eventFd);
  }

  /** What a thread borrows. */
  get lent() {
    return {
      kind: 'seat' as const,
      policy: this.policy,
      control: this.control.buffer as SharedArrayBuffer,
      metrics: this.metrics.buffer as SharedArrayBuffer,
      histograms: this.#common.histograms,
      record: (this.record?.buffer ?? null) as SharedArrayBuffer | null,
      tape: (this.#recorder?.tape.buffer ?? null) as SharedArrayBuffer | null,
      listeners: this.#common.listeners.buffer as SharedArrayBuffer,
      headers: this.#headers,
      tls: this.#common.tls,
      upstreams: this.#common.dialer?.share ?? null,
      peers: this.#common.peers,
      epollFd: this.#epoll.fd,
      eventFd: this.#eventFd,
      shared: { id: this.#common.shared.id, seat: this.number, routed: this.#common.routed },
    };
  }

  /** What is to be told of; known to a thread before any descriptor that is handed over later. */
  get interests(): Interests {
    return interestsOf(this.control.interests);
  }

  set interests(interests: Interests) {
    this.control.interests = bitsOf(interests);
  }

  /** A thread starts. */
  started(): void {
    this.#callbacksAtStart = this.control.callbacks;
  }

  /** The thread is gone: whom it has cost is noted, and the words are made ready for the next one. */
  ended(hung: boolean): End {
    const { inside, slot, callbacks, hasRecovered } = this.control;
    const inCallback = inside && slot !== IN_START_UP;
    const serving = this.#serving(inside, slot);
    if (inCallback) this.lost = { slot, reason: hung ? REASON_HUNG : REASON_TRAP };
    else if (hasRecovered) this.lost = NOBODY;
    this.control.reset();
    this.control.answers.recount(this.calls?.waiting ?? 0);
    return { inside, inCallback, returned: callbacks !== this.#callbacksAtStart, serving };
  }

  #serving(inside: boolean, slot: number): End['serving'] {
    const callback = inside ? this.control.callback : '';
    const crash = this.#crash(callback);
    const table = this.#table;
    if (!inside || slot < 0 || table === null) {
      return { callback, connection: null, peer: '', crash };
    }
    const { listeners } = this.#common;
    const facts = factsOf(this.#native, { table }, listeners, this.#headers, this.policy);
    const connection = table[slot * COLUMNS + HANDLE]!;
    return { callback, connection, peer: facts.peerAddress(slot), crash };
  }

  // What was noted is of an earlier callback if the thread has ended elsewhere.
  #crash(callback: string): Failure['crash'] {
    const call = this.record?.read() ?? null;
    if (call === null || call.callback !== callback) return null;
    return { call, frames: [], tape: this.#recorder?.tape.read() ?? null };
  }

  /** Descriptors that are open here or on their way. */
  get load(): number {
    return (this.#handed - this.control.finishedCount) | 0;
  }

  /** @returns false when too many are on their way; the descriptor stays the caller's then */
  hand(fd: number, listener: number): boolean {
    if (!this.control.hand(fd, listener)) return false;
    this.#handed = (this.#handed + 1) | 0;
    ringEventFd(this.#native, this.#eventFd);
    return true;
  }

  #answer(handle: number, fd: number, session: number): boolean {
    const given = this.control.answers.give(handle, fd, session);
    ringEventFd(this.#native, this.#eventFd);
    return given;
  }

  // Looked for in this order: a thread notes an answer in its table before it takes it out.
  #waits(handle: number): boolean {
    if (this.control.answers.has(handle)) return false;
    const table = this.#table;
    // The first thread has asked before it said where its table is.
    return table === null || isAwaited(table, this.policy.maxConnections, handle);
  }

  // Whoever goes on with the rows asks again.
  #dropAnswers(): void {
    const { answers } = this.control;
    const placed = new Set(openRows(this.#table).map(([, fd]) => fd));
    for (; answers.look(); answers.done()) {
      if (answers.fd < 0 || placed.has(answers.fd)) continue;
      this.#common.dialer?.drop(answers.session);
      this.#native.reset(answers.fd);
    }
  }

  /**
   * Gives connections up: their peers get a reset at once. The next thread tells the guest, and frees their
   * rows. No thread may be there.
   * @param most so many at the most, those on their way and the newest first
   */
  giveUp(most: number): void {
    this.#resetStray();
    this.#dropAnswers();
    const { control } = this;
    const fds = openRows(this.#table);
    // Linux gives out the lowest number that is free: by and large, the highest are the newest.
    const doomed = [...fds].sort(([, a], [, b]) => b - a);
    let count = 0;
    for (; count < most && control.pending > 0; count += 1) {
      this.#native.reset(control.take());
      control.placed();
    }
    const rows = doomed.slice(0, most - count);
    for (const [slot, fd] of rows) this.#doom(slot, fd);
    control.recount(fds.length - rows.length + awaitedRows(this.#table));
  }

  // As Lifecycle hangs up; what is marked first stands even if the process ends here.
  #doom(slot: number, fd: number): void {
    const table = this.#table!;
    const base = slot * COLUMNS;
    this.#epoll.remove(fd);
    table[base + REASON] = REASON_ERROR;
    table[base + FLAGS]! |= DOOMED | LOST;
    table[base + MASK] = -1;
    table[base + FD] = -1;
    this.#native.reset(fd);
  }

  // The thread may have ended between taking a descriptor and placing it in the table.
  #resetStray(): void {
    const { taken } = this.control;
    if (taken < 0) return;
    if (!openRows(this.#table).some(([, fd]) => fd === taken)) this.#native.reset(taken);
    this.control.placed();
  }

  /** Whether there is a connection of this handle, whatever its state. */
  has(handle: number): boolean {
    const table = this.#table;
    return table !== null && isThere(table, this.policy.maxConnections, handle);
  }

  /** A connection that can be sent to; null if there is none of this handle. */
  find(handle: number): Receiver | null {
    const table = this.#table;
    const open = table !== null && isOpen(table, this.policy.maxConnections, handle);
    return open ? { seat: this.number, handle } : null;
  }

  get #table(): Int32Array | null {
    if (this.segment === null) return null;
    return new Int32Array(this.segment, 0, this.policy.maxConnections * COLUMNS);
  }

  /** Closes everything; connections that are left are reset. No thread may be there. */
  close(): void {
    const { control } = this;
    this.calls?.close();
    this.#resetStray();
    this.#dropAnswers();
    for (let fd = control.take(); fd >= 0; fd = control.take()) this.#native.close(fd);
    for (const [, fd] of openRows(this.#table)) this.#native.reset(fd);
    this.#epoll.close();
    this.#common.dialer?.left(this.number);
    this.#common.shared.close(this.number);
    this.#common.numbers.giveBack(this.number);
  }
}
