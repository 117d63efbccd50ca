// Descriptors: the guest's numbers and what stands behind them. No guest number is a descriptor of the
// process. It knows kinds and flags, and makes no system call.

import { CONTROL_CONNECTIONS } from './waiter.ts';

export const KIND_FREE = 0;
export const KIND_LISTENER = 1;
/** A connected stream socket. */
export const KIND_SOCKET = 2;
/** A pipe, a terminal or another device. */
export const KIND_STREAM = 3;
export const KIND_FILE = 4;
export const KIND_FOLDER = 5;

// A token names the number in 20 bits and its generation in 12; the last number is the wake-up's.
const NUMBER_BITS = 20;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;
export const MOST_DESCRIPTORS = NUMBER_MASK;
/** Elements at the end of the shared table for what is open only during a call; a renaming has two. */
export const TEMPORARIES = 2;
export const WAKE_TOKEN = 0xffff_ffff;

/** What a file or a folder has beyond the numbers. */
export interface Opened {
  /** Of a pre-opened folder: its name in the guest. */
  readonly preopen?: string;
  readonly rights: number;
  readonly inheriting: number;
  /** What fd_readdir goes through; taken when it begins. */
  listing?: readonly { readonly name: Uint8Array; readonly ino: bigint; readonly type: number }[];
}

/** A descriptor that the guest has from the start. */
export interface Inherited {
  readonly kind: number;
  readonly flags: number;
  readonly opened?: Opened;
  /** Of a folder: whether nothing beneath it may be changed. */
  readonly readOnly?: boolean;
  /** Whether others have it, too, so that it is not the run's to shut down. */
  readonly shared?: boolean;
}

export class Descriptors {
  readonly kinds: Uint8Array;
  /** Flags of WASI. */
  readonly flags: Uint16Array;
  readonly opened = new Map<number, Opened>();
  /** By number: 1 for a folder beneath which nothing may be changed, and for what was opened there. */
  readonly readOnly: Uint8Array;
  /** The number of entries that were ever used: none beyond is open. */
  used = 0;
  /**
   * The process's descriptors plus one; 0 or less is none. Shared, so that whoever ends the thread can
   * close them: a descriptor is stored by the statement that makes it, and taken out by the one that
   * closes it, because a thread ends between two statements.
   */
  readonly fds: Int32Array;
  /** The same of those that are open only during a call. */
  readonly temporaries: Int32Array;
  readonly #generations: Uint16Array;
  readonly #accepted: Uint8Array;
  readonly #control: Int32Array;
  /** None below is free. */
  #lowest = 0;

  /** @param control where the number of open connections is kept, for the owner to see */
  constructor(fds: Int32Array, control: Int32Array) {
    const limit = Math.min(fds.length - TEMPORARIES, MOST_DESCRIPTORS);
    this.#control = control;
    this.fds = fds.subarray(0, limit);
    this.temporaries = fds.subarray(fds.length - TEMPORARIES);
    this.kinds = new Uint8Array(limit);
    this.flags = new Uint16Array(limit);
    this.readOnly = new Uint8Array(limit);
    this.#generations = new Uint16Array(limit);
    this.#accepted = new Uint8Array(limit);
  }

  /** The lowest free number; −1 when all are taken. */
  lowest(): number {
    while (this.#lowest < this.used && this.kinds[this.#lowest] !== KIND_FREE) this.#lowest += 1;
    return this.#lowest < this.kinds.length ? this.#lowest : -1;
  }

  /** The kind of what a guest's number stands for; KIND_FREE for any other number. */
  kind(number: number): number {
    const index = number >>> 0;
    return index < this.used ? this.kinds[index]! : KIND_FREE;
  }

  /** The process's descriptor of an open number. */
  fd(number: number): number {
    return this.fds[number]! - 1;
  }

  /** The process's descriptors of all listeners. */
  listeners(): number[] {
    const numbers = Array.from({ length: this.used }, (_, number) => number);
    return numbers.filter((number) => this.kinds[number] === KIND_LISTENER).map((n) => this.fd(n));
  }

  /** `number`, which was free and whose descriptor is in `fds`, stands for it from now on. */
  open(number: number, kind: number, flags: number, accepted = false): void {
    this.kinds[number] = kind;
    this.flags[number] = flags;
    this.#accepted[number] = accepted ? 1 : 0;
    if (accepted) Atomics.add(this.#control, CONTROL_CONNECTIONS, 1);
    this.used = Math.max(this.used, number + 1);
  }

  /** Frees the number, whose descriptor is closed, or stands elsewhere in `fds` as well. */
  free(number: number): void {
    this.fds[number] = 0;
    Atomics.sub(this.#control, CONTROL_CONNECTIONS, this.#accepted[number]!);
    this.kinds[number] = KIND_FREE;
    this.readOnly[number] = 0;
    this.#accepted[number] = 0;
    this.#generations[number] = this.#generations[number]! + 1;
    this.opened.delete(number);
    this.#lowest = Math.min(this.#lowest, number);
  }

  /** What `from` stands for is called `to` from now on, which was freed before; `from` is free. */
  move(from: number, to: number): void {
    const [kind, flags] = [this.kinds[from]!, this.flags[from]!];
    const [accepted, opened] = [this.#accepted[from] === 1, this.opened.get(from)];
    const readOnly = this.readOnly[from]!;
    this.fds[to] = this.fds[from]!;
    this.free(from);
    this.open(to, kind, flags, accepted);
    this.readOnly[to] = readOnly;
    if (opened !== undefined) this.opened.set(to, opened);
  }

  /** The high half of the token: the number and its generation. */
  token(number: number): number {
    return ((this.#generations[number]! << NUMBER_BITS) | number) >>> 0;
  }

  /** The number that a token names; −1 if it has been closed since. */
  numberOf(token: number): number {
    const number = token & NUMBER_MASK;
    return this.token(number) === token && this.kind(number) !== KIND_FREE ? number : -1;
  }
}
