// Tape: a recording as it grows, in memory that outlives the thread. It keeps the beginning: when it is full, nothing
// is noted any more, and it says so. It knows the form of each piece, and not what is noted.

import {
  type Answer,
  CALLBACKS,
  type Entry,
  HOST_FUNCTIONS,
  type Recording,
  type Written,
} from './recording.ts';

/** What is kept of an instance: a day of a protocol under one author's hands. */
export const TAPE_BYTES = 16 * 1024 * 1024;

// Int32 words in front: bytes that are noted, and whether something was left out.
const LENGTH = 0;
const FULL = 1;
const HEAD_BYTES = 8;

// Pieces: a byte of kind, and what follows it.
/** Callback (1), how many numbers (1), now and wall (8 each), the numbers (4 each). */
const ENTERED = 1;
/** Address and length (4 each), the bytes. */
const WROTE = 2;
/** Host function (1), and what it has answered (8). */
const ANSWERED = 3;
/** What was returned (8). */
const RETURNED = 4;
/** Host function (1). */
const THREW = 5;

export class Tape {
  readonly buffer: ArrayBufferLike;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = HEAD_BYTES;

  /** @param buffer of a tape, or of zeros */
  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEAD_BYTES / 4);
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** One that other threads may have as well. */
  static make(bytes = TAPE_BYTES): Tape {
    return new Tape(new SharedArrayBuffer(bytes));
  }

  /** A copy of what is noted, for `entriesOf`. */
  read(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, HEAD_BYTES + this.#words[LENGTH]!);
  }

  /** From now on it has what the other one has. */
  take(other: Tape): void {
    this.#words[LENGTH] = 0;
    this.#words[FULL] = other.#words[FULL]!;
    this.#at = HEAD_BYTES;
    const bytes = other.read().subarray(HEAD_BYTES);
    if (!this.#hasRoom(bytes.length)) return;
    this.#bytes.set(bytes, this.#at);
    this.#noted(this.#at + bytes.length);
  }

  /** @param callback its place in CALLBACKS */
  entered(callback: number, numbers: readonly number[], now: number, wall: number): void {
    if (!this.#hasRoom(19 + numbers.length * 4)) return;
    const [view, at] = [this.#view, this.#at];
    view.setUint8(at, ENTERED);
    view.setUint8(at + 1, callback);
    view.setUint8(at + 2, numbers.length);
    view.setFloat64(at + 3, now);
    view.setFloat64(at + 11, wall);
    let end = at + 19;
    for (const number of numbers) {
      view.setInt32(end, number);
      end += 4;
    }
    this.#noted(end);
  }

  /** @param bytes that lie in the guest's memory at this address */
  wrote(address: number, bytes: Uint8Array): void {
    if (!this.#hasRoom(9 + bytes.length)) return;
    const [view, at] = [this.#view, this.#at];
    view.setUint8(at, WROTE);
    view.setUint32(at + 1, address);
    view.setUint32(at + 5, bytes.length);
    this.#bytes.set(bytes, at + 9);
    this.#noted(at + 9 + bytes.length);
  }

  /** @param place of the function in HOST_FUNCTIONS; `result` is null if it has thrown */
  answered(place: number, result: number | null): void {
    if (!this.#hasRoom(10)) return;
    const [view, at] = [this.#view, this.#at];
    view.setUint8(at, result === null ? THREW : ANSWERED);
    view.setUint8(at + 1, place);
    if (result !== null) view.setFloat64(at + 2, result);
    this.#noted(at + (result === null ? 2 : 10));
  }

  returned(result: number): void {
    if (!this.#hasRoom(9)) return;
    this.#view.setUint8(this.#at, RETURNED);
    this.#view.setFloat64(this.#at + 1, result);
    this.#noted(this.#at + 9);
  }

  // What comes after a piece that is left out would be of another moment.
  #hasRoom(bytes: number): boolean {
    if (this.#words[FULL] === 0 && this.#at + bytes <= this.#bytes.length) return true;
    this.#words[FULL] = 1;
    return false;
  }

  // A thread may be ended between any two statements: what is half written is not there yet.
  #noted(end: number): void {
    this.#at = end;
    this.#words[LENGTH] = end - HEAD_BYTES;
  }
}

interface OpenEntry extends Entry {
  readonly writes: Written[];
  readonly answers: (Answer & { readonly writes: Written[] })[];
  returned: number | null;
}

/** @param taped as `Tape.read` has given it */
export function recordingOf(taped: Uint8Array<ArrayBuffer>): Recording {
  const view = new DataView(taped.buffer, taped.byteOffset, taped.byteLength);
  const entries: OpenEntry[] = [];
  for (let at = HEAD_BYTES; at < taped.length; ) at = addPiece(entries, taped, view, at);
  const words = new Int32Array(taped.slice(0, HEAD_BYTES).buffer);
  return { entries, complete: words[FULL] === 0 };
}

/** @returns where the piece ends */
function addPiece(entries: OpenEntry[], taped: Uint8Array, view: DataView, at: number): number {
  const kind = view.getUint8(at);
  if (kind === ENTERED) {
    const count = view.getUint8(at + 2);
    entries.push({
      callback: CALLBACKS[view.getUint8(at + 1)]![0],
      numbers: Array.from({ length: count }, (_, index) => view.getInt32(at + 19 + index * 4)),
      now: view.getFloat64(at + 3),
      wall: view.getFloat64(at + 11),
      ...{ writes: [], answers: [], returned: null },
    });
    return at + 19 + count * 4;
  }
  const entry = entries.at(-1)!;
  if (kind === WROTE) {
    const length = view.getUint32(at + 5);
    const written = { at: view.getUint32(at + 1), bytes: taped.slice(at + 9, at + 9 + length) };
    (entry.answers.at(-1) ?? entry).writes.push(written);
    return at + 9 + length;
  }
  if (kind === RETURNED) {
    entry.returned = view.getFloat64(at + 1);
    return at + 9;
  }
  const name = HOST_FUNCTIONS[view.getUint8(at + 1)]!;
  const result = kind === THREW ? null : view.getFloat64(at + 2);
  entry.answers.push({ name, result, writes: [] });
  return at + (kind === THREW ? 2 : 10);
}
