// Contract: shared state as its users see it, types only. The addon has it in native memory, outside every
// thread; twin.ts is the same in TypeScript, for tests without threads. The numbers are in records.ts, and
// what the calls have in common is at the end.
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
  /**
   * Store records are not performed but queued for this seat, whatever waits there, and it answers with
   * `reply`; −1 ends that. While the seat is not open they are replied UNAVAILABLE.
   */
  routeStore(seat: number): void;
  /**
   * What is published, but for FLAG_INBOUND, is queued for this seat as well; −1 ends that. In place of
   * records that do not fit it is given one of OP_GAP, which joins one that is the last to wait.
   */
  routePublishes(seat: number): void;
  /** Answers a store record that was routed. Dropped when its connection waits for none (any more). */
  reply(seat: number, handle: number, tag: number, status: number, bytes: Uint8Array): void;
  /** Fills the columns COUNT_…. */
  count(columns: Float64Array): void;
  /** Everything is given back as soon as no seat uses it. Idempotent. */
  release(): void;
}

export interface SharedSeat {
  /** Names the buffer of records, and the block; both must stay attached. The block keeps what it says. */
  bind(log: Uint8Array, block: Int32Array): void;
  /**
   * What the record at `at` of the log would meet now: STATUS_OK, or STATUS_LIMIT for what is over a bound:
   * a JOIN (maxJoins, groupBytes), a retained PUBLISH with data (groupBytes, and three quarters of it for all
   * that is retained), a store record that is routed (queueBytes of that seat). Nothing changes, and `commit`
   * does not look again. Joining once more costs nothing. After a JOIN as much of groupBytes must be left as
   * the connection's other memberships would be charged alone: it takes no more than it leaves. Of a retained
   * message the one that it replaces is deducted, and one that adds nothing is not refused.
   * @param joins joins of the same connection that stand before it in the log
   */
  check(at: number, joins: number): number;
  /**
   * Performs the records in [0, length) of the log, in order, as one step. On a closed seat: none.
   * @param now milliseconds, the same clock for all seats: a key, or a message that is retained, has expired
   *   when it is ≥ the time it was given at + its TTL
   * @returns COMMITTED_… bits
   */
  commit(length: number, now: number): number;
  /**
   * Ends with the block before, and fills it anew with what waits: at most `length` bytes are written to
   * `target` from `offset`. All words of the head are set, and 0 where they say nothing. A message longer
   * than `length` is missed, a reply is LIMIT without bytes.
   * @returns entries (records in BLOCK_RECORDS); 0 when nothing waits, and from then on the eventfd is rung
   *   again; −1 when more may wait but this call has done its share. BLOCK_COUNT is 0 with both
   * @throws RangeError when a record is longer than `length`
   */
  take(target: Uint8Array, offset: number, length: number, now: number): number;
  /** Writes the bytes of the present block again, as `take` did: they were overwritten. */
  again(target: Uint8Array, offset: number): void;
  /**
   * The message of the present block ended a guest: the block becomes one of BLOCK_MISSED, and so does each
   * that is taken for the message from here on, by any seat, retained or not.
   */
  poison(): void;
  /**
   * The connection is over: its memberships end, and replies for it are dropped when a take comes to them.
   * A DIRECT message for it may still be taken.
   */
  leaveAll(handle: number): void;
  /** How many messages are retained, of all seats together. */
  retained(): number;
  /**
   * A successor takes over, after `bind`: what belongs to none of these handles is dropped, and the present
   * block stays.
   * @param pending is filled with the number of requests of each handle that are not replied to, those in
   *   the present block from its position on included
   */
  adopt(handles: Int32Array, count: number, pending: Int32Array): void;
}

// Order. Joins and publishes have numbers from one counter. A message is for the members with a smaller one.
// Joined again, a member keeps his number and gets the new tag. At a seat a message goes to the members of
// the exact topic, then to those of each pattern that matches, each list by number. Patterns come in the
// order of their levels, from the first on: '#' before '+' before the level itself; 'a/#' before 'a'. Who is
// a member twice gets it twice. OTHERS leaves out all memberships of that connection.
//
// What is queued. A message, for each seat that has a member of the topic, or a member of any pattern.
// Retained messages for a JOIN, in one entry, if its topic has one, or for a pattern if there is any at all:
// they are taken one by one in the order of their numbers, up to the JOIN's own. That ends when the
// membership does, and when it is joined again, which starts anew, but not quietly. DIRECT: HANDLE is the receiver, SEAT his
// seat; its tag is 0. Replies are not for handle 0. A seat is woken if something was queued (or joined a
// gap) since a take of its own returned 0, but for the first time only; its own commit counts as the first.
//
// What does not fit. A message, or a JOIN's retained ones: instead of it a gap is queued, of the topic or of
// the one connection, if it fits into twice the bound, and else for all connections with a membership, which
// always fits. A gap joins the last entry for messages if nobody was told of that yet, and it is a gap for
// all, or one of the same topic or connection, which then has the newer number. OP_GAP queues one for all at
// each seat with members. A gap's members are those of a message, with OTHERS forgotten; a gap for all goes
// to the connections in ascending order of handles. Tags are those of members, and 0 in the last two kinds.
// DIRECT: only COMMITTED_REFUSED. A reply of more than REPLY_ALWAYS bytes becomes LIMIT without bytes.
//
// What is taken. Replies, messages and records take turns, beginning with replies; after one that was taken
// from, or that −1 was said for, the next is looked at first. In REPLIES the bytes of each begin at a
// multiple of 8, with zeros between; ENTRY_OFFSET counts from the first byte written, and is 0 where the
// length is. BLOCK_DATA is the length of all that was written but for the topic, in RECORDS too. Of a record
// only SEAT differs from what was committed. An entry for 256 members or more waits on until a take finds
// fewer than 256, and retained ones of a JOIN until a take finds no more.
//
// Store. Versions count from 1, one for each PUT and ADD that succeeds. GET and ADD reply 8 bytes of
// version, little endian, then the value; PUT the version; all else nothing. CONFLICT comes before LIMIT,
// and DELETE of what is not there is ABSENT. PUT sets the TTL, ADD only of what was absent. ADD reads
// -?digits[.digits][e[+-]digits], at most 32 bytes, and writes a number as JavaScript does. Before LIMIT is
// said all that has expired is removed; counts may still have it.
//
// A seat that is closed is as if it were not there: its `check` is OK, its `commit` and `take` are 0.
