// Answers: what became of the connections that a seat has asked for, on the way to its thread: a descriptor for a
// handle, or none; and how many requests are on the way to the dialer. A thread notes an answer in its table before it
// takes it out: its successor finds it in either. It knows the words' protocol only.

// Int32 words: four counters, each with one writer; then entries of a handle, a descriptor, −1 for
// none, and a session of TLS, 0 for none.
const HEAD = 0;
const TAIL = 1;
/** Requests that the thread has made, and those that the dialer has looked at. */
const ASKED = 2;
const SEEN = 3;
const FIRST_ENTRY = 16;
const ENTRIES = 4096;
const ENTRY = 3;
const WORDS = FIRST_ENTRY + ENTRIES * ENTRY;

export class Answers {
  /** Size of the memory for it. */
  static readonly bytes = WORDS * 4;
  readonly #words: Int32Array;
  /** Of the answer that is in front. */
  handle = 0;
  fd = -1;
  /** The number of its session of TLS; 0 for none. */
  session = 0;

  constructor(buffer: ArrayBufferLike, offset: number) {
    this.#words = new Int32Array(buffer, offset, WORDS);
  }

  // The thread's side.

  /** Whether there is one; it stays in front until `done`. */
  look(): boolean {
    const head = this.#words[HEAD]!;
    if (head === Atomics.load(this.#words, TAIL)) return false;
    const at = placeOf(head);
    this.handle = this.#words[at]!;
    this.fd = this.#words[at + 1]!;
    this.session = this.#words[at + 2]!;
    return true;
  }

  /** The one in front is noted. */
  done(): void {
    Atomics.store(this.#words, HEAD, (this.#words[HEAD]! + 1) | 0);
  }

  /** A request is on its way. */
  asked(): void {
    Atomics.store(this.#words, ASKED, (this.#words[ASKED]! + 1) | 0);
  }

  /** Requests that the dialer has not looked at. */
  get unseen(): number {
    return (this.#words[ASKED]! - Atomics.load(this.#words, SEEN)) | 0;
  }

  // The dialer's side.

  /** It has looked at a request. */
  seen(): void {
    Atomics.store(this.#words, SEEN, (this.#words[SEEN]! + 1) | 0);
  }

  /** The thread is gone, and so many of its requests are known and not looked at: no others are on their way. */
  recount(unseen: number): void {
    Atomics.store(this.#words, ASKED, (this.#words[SEEN]! + unseen) | 0);
  }

  /** Whether there is one for the handle that the thread has not taken out. */
  has(handle: number): boolean {
    const tail = this.#words[TAIL]!;
    for (let at = Atomics.load(this.#words, HEAD); at !== tail; at = (at + 1) | 0) {
      if (this.#words[placeOf(at)] === handle) return true;
    }
    return false;
  }

  /** @returns false when too many are on their way; the descriptor stays the caller's then */
  give(handle: number, fd: number, session = 0): boolean {
    const tail = this.#words[TAIL]!;
    if (((tail - Atomics.load(this.#words, HEAD)) | 0) >= ENTRIES) return false;
    const at = placeOf(tail);
    this.#words[at] = handle;
    this.#words[at + 1] = fd;
    this.#words[at + 2] = session;
    Atomics.store(this.#words, TAIL, (tail + 1) | 0);
    return true;
  }
}

const placeOf = (index: number): number => FIRST_ENTRY + ((index >>> 0) % ENTRIES) * ENTRY;
