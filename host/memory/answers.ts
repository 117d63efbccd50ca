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

/** A request that has no text needs no message between threads, which would cost more than the rest of it. */
const MOST_ASKS = 1024;
const ASK = 3;
const ASKS_WORDS = FIRST_ENTRY + MOST_ASKS * ASK;

/** Requests for connections on their way from a seat's thread to the dialer. */
export class Asks {
  /** Size of the memory for it. */
  static readonly bytes = ASKS_WORDS * 4;
  readonly #words: Int32Array;

  constructor(buffer: ArrayBufferLike, offset: number) {
    this.#words = new Int32Array(buffer, offset, ASKS_WORDS);
  }

  /**
   * The thread's side.
   * @returns −1 when there is no room, 1 when the server's thread has to be woken, 0 when it is about to look
   */
  put(handle: number, upstream: number, parent: number): number {
    const words = this.#words;
    const tail = words[TAIL]!;
    if (((tail - Atomics.load(words, HEAD)) | 0) >= MOST_ASKS) return -1;
    const at = askAt(tail);
    words[at] = handle;
    words[at + 1] = upstream;
    words[at + 2] = parent;
    Atomics.store(words, TAIL, (tail + 1) | 0);
    // Whoever has not taken the one before will see this one, too.
    return Atomics.load(words, HEAD) === tail ? 1 : 0;
  }

  /** The dialer's side: takes all that are there. They have no text, and their parents' peers are for nobody. */
  each(tell: (request: Plain) => void): void {
    const words = this.#words;
    for (let head = words[HEAD]!; head !== Atomics.load(words, TAIL); ) {
      const at = askAt(head);
      const [handle, upstream, parent] = [words[at]!, words[at + 1]!, words[at + 2]!];
      head = (head + 1) | 0;
      Atomics.store(words, HEAD, head);
      tell({ handle, upstream, parent, added: '', peer: '', local: '' });
    }
  }
}

/** A request as the dialer has it. */
interface Plain {
  readonly handle: number;
  readonly upstream: number;
  readonly parent: number;
  readonly added: '';
  readonly peer: '';
  readonly local: '';
}

const askAt = (index: number): number => FIRST_ENTRY + ((index >>> 0) % MOST_ASKS) * ASK;
