// Contract: shared state as its users see it, types only. The addon has it in native memory, outside every
// thread;
// twin.ts is the same in TypeScript, for tests without threads. The numbers are in records.ts.
//
// A thread can be ended between two calls, never inside one: each call is done whole.

/** Bytes each of these may take; see docs/settings.md. */
export interface SharedLimits {
  /** Topics, members and retained messages. */
  readonly groupBytes: number;
  /** What waits for one seat. */
  readonly queueBytes: number;
  readonly storeBytes: number;
  readonly maxJoins: number;
}

/** Topics and keys of one server, and the seats of those who use them. */
export interface Shared {
  /** Threads find it by this number. */
  readonly id: number;
  /**
   * Makes a seat. Its eventfd is rung when something waits for it that did not before, never while a lock is
   * held, and is the seat's from here on: it is closed with its last user. −1: nobody is to be woken.
   */
  open(seat: number, eventFd: number): void;
  /** Its memberships, and what waits for it, are gone. Idempotent. */
  close(seat: number): void;
  /** Who has the seat: one thread at a time, which a successor may follow. */
  seat(seat: number): SharedSeat;
  /** Store records are not performed but queued for this seat, which answers with `reply`; −1 ends that. */
  routeStore(seat: number): void;
  /** What is published, but for FLAG_INBOUND, is queued for this seat as well; −1 ends that. */
  routePublishes(seat: number): void;
  /** Answers a store record that was routed. A reply for a seat or connection that is gone is dropped. */
  reply(seat: number, handle: number, tag: number, status: number, bytes: Uint8Array): void;
  /** Fills the columns COUNT_…. */
  count(columns: Float64Array): void;
  /** Everything is given back as soon as no seat uses it. Idempotent. */
  release(): void;
}

export interface SharedSeat {
  /** Names the buffer of records, and the block; both must stay attached. */
  bind(log: Uint8Array, block: Int32Array): void;
  /**
   * What the record at `at` of the log would meet now: STATUS_OK, or STATUS_LIMIT for a JOIN or a retained
   * PUBLISH that is over a bound. Nothing changes.
   * @param joins joins of the same connection that stand before it in the log
   */
  check(at: number, joins: number): number;
  /**
   * Performs the records in [0, length) of the log, in order, as one step.
   * @param now milliseconds, the same clock for all seats: it decides what has expired
   * @returns COMMITTED_… bits
   */
  commit(length: number, now: number): number;
  /**
   * Ends with the block before, and fills it anew with what waits: at most `length` bytes are written to
   * `target` from `offset`.
   * @returns entries (records in BLOCK_RECORDS); 0 when nothing waits, and from then on the eventfd is rung
   *   again; −1 when more may wait but this call has done its share
   */
  take(target: Uint8Array, offset: number, length: number, now: number): number;
  /** Writes the bytes of the present block again, as `take` did: they were overwritten. */
  again(target: Uint8Array, offset: number): void;
  /** The present message ended a guest: nobody else is given it, in any seat, and all who wait are told. */
  poison(): void;
  /** The connection is over: its memberships end, and replies for it are dropped when they are taken. */
  leaveAll(handle: number): void;
  /**
   * A successor takes over: what belongs to none of these handles is dropped, and the present block stays.
   * @param pending is filled with the number of requests of each handle that are not replied to
   */
  adopt(handles: Int32Array, count: number, pending: Int32Array): void;
}
