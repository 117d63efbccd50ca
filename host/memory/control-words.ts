// Control words: the few that a worker and its supervisor share besides the segment: who is in the
// guest, which descriptors are on their way, what was counted. It knows the words' protocol only.

import { BLOCK } from '../shared/records.ts';
import { Answers, Asks } from './answers.ts';
import { STATS } from './counts/stats.ts';
import { Outbox } from './outbox.ts';

// Int32 words. Each has one writer, but for SEQUENCE, which is exchanged.
const SEQUENCE = 0;
/** What the guest was entered for last: the slot, or one of IN_…, above the number of the callback. */
const PLACE = 1;
const CALLBACKS = 2;
const FINISHED = 3;
const RING_HEAD = 4;
const RING_TAIL = 5;
/** The descriptor that was taken and is in no table yet, plus 1; 0 for none. */
const TAKEN = 6;
/** 1 when the worker has marked whom its predecessor's end has cost. */
const RECOVERED = 7;
const INTERESTS = 8;
/** Calls of on_tick in a row that did not return, the present one included. */
const TICKS_FAILED = 10;
const CALLBACK_BITS = 4;
const RING = 16;
/** Descriptors that can be on their way to a worker, each with the number of its listener. */
const RING_ENTRIES = 4096;
const ENTRY_WORDS = 2;
const RING_WORDS = RING_ENTRIES * ENTRY_WORDS;
const BYTES = (RING + RING_WORDS) * 4;
const BLOCK_OFFSET = BYTES + STATS * 8;
const OUTBOX_OFFSET = BLOCK_OFFSET + BLOCK * 4;
const ANSWERS_OFFSET = OUTBOX_OFFSET + Outbox.bytes;
const ASKS_OFFSET = ANSWERS_OFFSET + Answers.bytes;
/** Where the entry of this number lies; numbers wrap around. */
const entryAt = (index: number): number => RING + ((index >>> 0) % RING_ENTRIES) * ENTRY_WORDS;

// Places in the guest that belong to no connection: where else a slot stands.
/** Its start-up. */
export const IN_START_UP = -1;
export const IN_ON_START = -2;
export const IN_ON_TICK = -3;

// What the guest is entered for; less than 2 to the power of CALLBACK_BITS.
export const START_UP = 0;
export const ON_DATA = 1;
export const ON_END = 2;
export const ON_OPEN = 3;
export const ON_DRAIN = 4;
export const ON_TIMER = 5;
export const ON_CLOSE = 6;
export const ON_RESTORE = 7;
export const MIGRATE = 8;
export const ON_START = 9;
export const ON_TICK = 10;
export const ON_MESSAGE = 11;
export const ON_REPLY = 12;
export const ON_MISSED = 13;
export const ON_CONNECT = 14;
export const ON_REPLIES = 15;
const NAMES = (
  'start-up on_data on_end on_open on_drain on_timer on_close on_restore migrate on_start on_tick ' +
  'on_message on_reply on_missed on_connect on_replies'
).split(' ');

/** `on_data` for ON_DATA, and so on. */
export const callbackName = (callback: number): string => NAMES[callback] ?? '';

/** What SEQUENCE holds when the worker was given up: neither odd nor a number it would reach. */
const CONDEMNED = -2;

export class ControlWords {
  readonly buffer: ArrayBufferLike;
  /** For `Stats`. */
  readonly counts: Float64Array;
  /** What was taken for the seat from shared state, and how far it is served. */
  readonly block: Int32Array;
  /** For `Outbox`. */
  readonly outbox: Uint8Array;
  /** What became of the connections that the worker has asked for. */
  readonly answers: Answers;
  /** What it asks for. */
  readonly asks: Asks;
  readonly #words: Int32Array;
  readonly #watched: boolean;
  #sequence: number;
  /** The number of the listener that the descriptor came by which was taken last. */
  listener = 0;

  /**
   * Over a new buffer, or over the one that another thread made.
   * @param watched whether somebody looks who is in the guest, and how long
   */
  constructor(buffer: ArrayBufferLike, watched = true) {
    this.buffer = buffer;
    this.#watched = watched;
    this.#words = new Int32Array(buffer, 0, RING + RING_WORDS);
    this.counts = new Float64Array(buffer, BYTES, STATS);
    this.block = new Int32Array(buffer, BLOCK_OFFSET, BLOCK);
    this.outbox = new Uint8Array(buffer, OUTBOX_OFFSET, Outbox.bytes);
    this.answers = new Answers(buffer, ANSWERS_OFFSET);
    this.asks = new Asks(buffer, ASKS_OFFSET);
    this.#sequence = this.#words[SEQUENCE]!;
  }

  /** Size of a buffer for it. */
  static readonly bytes = ASKS_OFFSET + Asks.bytes;

  // The worker's side.

  /**
   * The worker enters the guest for a slot, or for one of IN_…: odd until it has left.
   * @param callback one of START_UP, ON_…, MIGRATE
   */
  enter(slot: number, callback: number): void {
    this.#words[PLACE] = (slot << CALLBACK_BITS) | callback;
    if (!this.#watched) return;
    const sequence = (this.#sequence + 1) & 0x3fff_ffff;
    this.#sequence = sequence;
    // A plain store: the exchange in `leave` orders it, and who watches looks again milliseconds later.
    this.#words[SEQUENCE] = sequence;
  }

  /** It has left. If it was given up meanwhile it stays here for ever and touches nothing more. */
  leave(): void {
    if (!this.#watched) return;
    const words = this.#words;
    const inside = this.#sequence;
    const outside = inside + 1;
    this.#sequence = outside;
    if (Atomics.compareExchange(words, SEQUENCE, inside, outside) !== inside) this.#park();
    if (words[PLACE]! >= 0) words[CALLBACKS]! += 1;
  }

  #park(): never {
    for (;;) Atomics.wait(this.#words, SEQUENCE, CONDEMNED);
  }

  /** on_tick is called. Should it not return, a successor finds that it has failed. */
  tickBegins(): void {
    this.#words[TICKS_FAILED]! += 1;
  }

  /** It has returned. */
  tickEnds(): void {
    this.#words[TICKS_FAILED] = 0;
  }

  get ticksFailed(): number {
    return this.#words[TICKS_FAILED]!;
  }

  /** The next descriptor that was handed over; −1 when there is none. */
  take(): number {
    const head = this.#words[RING_HEAD]!;
    if (head === Atomics.load(this.#words, RING_TAIL)) return -1;
    const at = entryAt(head);
    const fd = this.#words[at]!;
    this.listener = this.#words[at + 1]!;
    this.#words[TAKEN] = fd + 1;
    Atomics.store(this.#words, RING_HEAD, (head + 1) | 0);
    return fd;
  }

  /** What was taken last is in the table, or about to be closed. */
  placed(): void {
    this.#words[TAKEN] = 0;
  }

  /** The descriptor that a thread has taken, and has not placed; −1 for none. */
  get taken(): number {
    const [taken, head] = [this.#words[TAKEN]! - 1, this.#words[RING_HEAD]!];
    // Noted before it leaves the ring: one that is still in front there was not taken.
    const front = this.#words[entryAt(head)];
    return this.pending > 0 && front === taken ? -1 : taken;
  }

  /** It is marked in the segment whom the predecessor's end has cost: a successor need not be told. */
  recovered(): void {
    Atomics.store(this.#words, RECOVERED, 1);
  }

  /** Counts anew what is closed, when another thread may have ended before it could count. */
  recount(open: number): void {
    Atomics.store(this.#words, FINISHED, (this.#words[RING_HEAD]! - open) | 0);
  }

  /** What the supervisor wants to be told of, as the bits that it has set. */
  get interests(): number {
    return Atomics.load(this.#words, INTERESTS);
  }

  /** Descriptors that were handed over and not yet taken. */
  get pending(): number {
    return (Atomics.load(this.#words, RING_TAIL) - Atomics.load(this.#words, RING_HEAD)) | 0;
  }

  /** A connection was not handed over, but asked for; it is finished as the others are. */
  began(): void {
    Atomics.store(this.#words, FINISHED, (this.#words[FINISHED]! - 1) | 0);
  }

  /** A descriptor that was handed over is closed. */
  finished(): void {
    Atomics.store(this.#words, FINISHED, (this.#words[FINISHED]! + 1) | 0);
  }

  // The supervisor's side.

  /** Odd while the worker is in the guest. */
  get sequence(): number {
    return Atomics.load(this.#words, SEQUENCE);
  }

  /** Gives the worker up if it still is where it was seen. @returns whether it was */
  condemn(sequence: number): boolean {
    return Atomics.compareExchange(this.#words, SEQUENCE, sequence, CONDEMNED) === sequence;
  }

  /** Whether the worker is, or was when it ended, in the guest. */
  get inside(): boolean {
    const { sequence } = this;
    return sequence === CONDEMNED || sequence % 2 === 1;
  }

  /** The slot in whose callback the worker is or was last, or one of IN_…. */
  get slot(): number {
    return Atomics.load(this.#words, PLACE) >> CALLBACK_BITS;
  }

  /** What the guest was entered for last: `on_data`, …, or `start-up`. */
  get callback(): string {
    return callbackName(Atomics.load(this.#words, PLACE) & (2 ** CALLBACK_BITS - 1));
  }

  /** Callbacks that were completed, in Int32. */
  get callbacks(): number {
    return Atomics.load(this.#words, CALLBACKS);
  }

  /** Descriptors that were handed over and are closed again, in Int32. */
  get finishedCount(): number {
    return Atomics.load(this.#words, FINISHED);
  }

  /** Known to the worker before any descriptor that is handed over from here on. */
  set interests(bits: number) {
    Atomics.store(this.#words, INTERESTS, bits);
  }

  /** Hands a descriptor over, with the number of the listener that it came by. @returns false when too many are on their way */
  hand(fd: number, listener = 0): boolean {
    const tail = this.#words[RING_TAIL]!;
    if (this.pending >= RING_ENTRIES) return false;
    const at = entryAt(tail);
    this.#words[at] = fd;
    this.#words[at + 1] = listener;
    Atomics.store(this.#words, RING_TAIL, (tail + 1) | 0);
    return true;
  }

  /** Whether the worker had taken up what its predecessor left, when it ended. */
  get hasRecovered(): boolean {
    return Atomics.load(this.#words, RECOVERED) === 1;
  }

  /** The worker is gone: its successor starts outside the guest. */
  reset(): void {
    Atomics.store(this.#words, SEQUENCE, 0);
    Atomics.store(this.#words, RECOVERED, 0);
    this.#sequence = 0;
  }
}
