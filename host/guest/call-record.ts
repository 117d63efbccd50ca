// Call record: what a callback is given, noted before it runs: the state block, the bytes and the numbers. It lies in
// memory that outlives the thread, so that it can be read when the callback does not return. It is there only if
// somebody wants it.

import type { Clock } from '../kernel/clock.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import * as Words from '../memory/control-words.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import type { Guest } from './guest.ts';
import type { RecordedCall } from './recorded-call.ts';

const { MIGRATE, ON_CLOSE, ON_CONNECT, ON_DATA, ON_DRAIN, ON_END, ON_MESSAGE } = Words;
const { ON_MISSED, ON_OPEN, ON_REPLY, ON_RESTORE, ON_START, ON_TICK, ON_TIMER } = Words;
const { callbackName } = Words;

// Int32 words; then the two times, the digest, the state block, and the bytes.
const CALLBACK = 0;
const LENGTH = 1;
const TOPIC = 2;
const START = 3;
const STATE = 4;
const VERSION = 5;
const COUNT = 6;
const NUMBERS = 7;
const MOST_NUMBERS = 3;
const HANDLE = NUMBERS + MOST_NUMBERS;
const WORDS = 16;
const TIMES_AT = WORDS * 4;
const DIGEST_AT = TIMES_AT + 16;
const DIGEST_BYTES = 64;
const STATE_AT = DIGEST_AT + DIGEST_BYTES;

export class CallRecord {
  readonly buffer: ArrayBufferLike;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #digest: Uint8Array;
  readonly #state: Uint8Array;
  readonly #bytes: Uint8Array;
  /** Where the bytes that were copied last lay, and where they ended. */
  #from = 0;
  #to = -1;

  /** @param buffer of one that was made, in this thread or in another */
  constructor(buffer: ArrayBufferLike, { maxStateBytes, crashBytes }: Policy) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, WORDS);
    this.#times = new Float64Array(buffer, TIMES_AT, 2);
    this.#digest = new Uint8Array(buffer, DIGEST_AT, DIGEST_BYTES);
    this.#state = new Uint8Array(buffer, STATE_AT, maxStateBytes);
    this.#bytes = new Uint8Array(buffer, STATE_AT + maxStateBytes, crashBytes);
  }

  /** One that other threads may have as well. */
  static make(policy: Policy, buffer: BufferConstructor = SharedArrayBuffer): CallRecord {
    const bytes = STATE_AT + policy.maxStateBytes + policy.crashBytes;
    return new CallRecord(new buffer(bytes), policy);
  }

  /** The last callback that was entered; null if there was none. */
  read(): RecordedCall | null {
    const words = this.#words;
    if (words[CALLBACK] === 0) return null;
    const kept = this.#bytes.length > 0;
    const length = words[LENGTH]!;
    const first = words[START]!;
    const digest = [...this.#digest].filter((letter) => letter !== 0);
    return {
      callback: callbackName(words[CALLBACK]!),
      handle: words[HANDLE]!,
      numbers: [...words.subarray(NUMBERS, NUMBERS + words[COUNT]!)],
      now: this.#times[0]!,
      wall: this.#times[1]!,
      sha256: String.fromCharCode(...digest),
      stateVersion: words[VERSION]!,
      state: kept ? this.#state.slice(0, words[STATE]!) : null,
      bytes: kept ? this.#bytes.slice(first, first + length) : null,
      length,
      topicLength: words[TOPIC]!,
    };
  }

  /** From now on what this instance is given is noted here. */
  follow(guest: Guest, { sha256 }: GuestModule, clock: Clock): void {
    this.#digest.fill(0);
    for (let at = 0; at < (sha256?.length ?? 0); at += 1) this.#digest[at] = sha256!.charCodeAt(at);
    this.#words[CALLBACK] = 0;
    this.#to = -1;
    this.#words[VERSION] = guest.stateVersion;
    const note = (callback: number, handle: number, ...numbers: number[]): void => {
      this.#note(guest, clock, callback, handle, numbers);
    };
    Object.assign(guest, this.#withInput(guest, note), this.#without(guest, note));
  }

  #withInput(guest: Guest, note: Note): Partial<Guest> {
    const { onData, onEnd, onMessage, onReply, migrate } = guest;
    const read = (address: number, length: number): void => this.#read(guest, address, length);
    return {
      onData: (connection, state, data, length) => {
        note(ON_DATA, connection);
        read(data, length);
        return onData(connection, state, data, length);
      },
      onEnd: wrapped(onEnd, (connection, _, data, length) => {
        note(ON_END, connection);
        read(data, length);
      }),
      onMessage: wrapped(onMessage, (connection, _, tag, flags, topic, topicLength, __, length) => {
        note(ON_MESSAGE, connection, tag, flags);
        read(topic, topicLength + length);
        this.#words[TOPIC] = topicLength;
      }),
      onReply: wrapped(onReply, (connection, _, tag, status, data, length) => {
        note(ON_REPLY, connection, tag, status);
        read(data, length);
      }),
      // One by one: of each it is noted what it was given.
      onReplies: null,
      migrate: wrapped(migrate, (connection, old, size, version) => {
        note(MIGRATE, connection, version);
        read(old, size);
      }),
    };
  }

  #without(guest: Guest, note: Note): Partial<Guest> {
    return {
      onOpen: wrapped(guest.onOpen, (connection) => note(ON_OPEN, connection)),
      onDrain: wrapped(guest.onDrain, (connection) => note(ON_DRAIN, connection)),
      onTimer: wrapped(guest.onTimer, (connection) => note(ON_TIMER, connection)),
      onRestore: wrapped(guest.onRestore, (connection) => note(ON_RESTORE, connection)),
      onMissed: wrapped(guest.onMissed, (connection) => note(ON_MISSED, connection)),
      onClose: wrapped(guest.onClose, (connection, _, reason) =>
        note(ON_CLOSE, connection, reason),
      ),
      onConnect: wrapped(guest.onConnect, (connection, _, parent) =>
        note(ON_CONNECT, connection, parent),
      ),
      onStart: wrapped(guest.onStart, () => note(ON_START, 0)),
      onTick: wrapped(guest.onTick, () => note(ON_TICK, 0)),
    };
  }

  #note(
    guest: Guest,
    clock: Clock,
    callback: number,
    handle: number,
    numbers: readonly number[],
  ): void {
    const words = this.#words;
    words[CALLBACK] = callback;
    words[HANDLE] = handle;
    words[LENGTH] = 0;
    words[START] = 0;
    words[TOPIC] = 0;
    words[COUNT] = Math.min(numbers.length, MOST_NUMBERS);
    for (let at = 0; at < words[COUNT]!; at += 1) words[NUMBERS + at] = numbers[at]!;
    this.#times[0] = clock.now;
    this.#times[1] = clock.wall;
    const kept = this.#bytes.length > 0;
    words[STATE] = kept ? guest.stateBytes : 0;
    if (kept) this.#state.set(guest.memory.view(guest.state, guest.stateBytes));
    if (callback !== ON_DATA) this.#to = -1;
  }

  // Of pipelined messages each callback is given the rest of the same bytes, which are copied once: what a guest writes
  // behind the message that it takes is not told of. What is cut off anyhow is copied again by halves.
  #read(guest: Guest, address: number, length: number): void {
    const most = this.#bytes.length;
    const offset = address - this.#from;
    this.#words[LENGTH] = length;
    const known = this.#to === address + length && offset > 0;
    if (known && (offset + length <= most || (length > most && 2 * offset <= most))) {
      this.#words[START] = offset;
      return;
    }
    this.#bytes.set(guest.memory.view(address, Math.min(length, most)));
    this.#from = address;
    this.#to = address + length;
  }
}

type Note = (callback: number, handle: number, ...numbers: number[]) => void;

/** The callback, and what is done before; null if there is none. */
function wrapped<Arguments extends readonly number[]>(
  callback: ((...values: Arguments) => void) | null,
  before: (...values: Arguments) => void,
): never | null {
  if (callback === null) return null;
  const both = (...values: Arguments): unknown => {
    before(...values);
    return callback(...values);
  };
  return both as never;
}
