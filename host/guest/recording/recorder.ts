// Recorder: notes on a tape all that an instance is given, so that the instance can be given it again. It is there only
// if somebody wants it. It compares the two blocks that the host writes into with what they were, since the host writes
// nowhere else but where host functions say.

import type { Clock } from '../../kernel/clock.ts';
import type { Gate } from '../calls/gate.ts';
import type { Guest } from '../guest.ts';
import type { Environment } from '../guest-host.ts';
import { CALLBACKS, HOST_FUNCTIONS, WRITES } from './recording.ts';
import { Tape } from './tape.ts';

/** What is noted of a start-up: a configuration of 1 MiB may be asked for twice. */
const START_UP_BYTES = 4 * 1024 * 1024;

const BYTES_A_WORD = 4;

type Callback = (...values: number[]) => number | undefined;
type HostFunction = (...values: (number | bigint)[]) => number | undefined;

export class Recorder {
  /** Of the instance that serves. */
  readonly tape: Tape;

  constructor(tape: Tape) {
    this.tape = tape;
  }

  /** One whose tape other threads may have as well. */
  static make(): Recorder {
    return new Recorder(Tape.make());
  }

  /** One that goes on with the buffer of a tape. */
  static on(buffer: ArrayBufferLike): Recorder {
    return new Recorder(new Tape(buffer));
  }

  /** An instance is about to start. */
  begin(clock: Clock): Session {
    return new Session(this.tape, clock);
  }
}

/** One instance. Another one may be started beside it and never serve: until it is entered it keeps to itself. */
export class Session {
  readonly #shared: Tape;
  readonly #clock: Clock;
  #tape = new Tape(new ArrayBuffer(START_UP_BYTES));
  #blocks: readonly Block[] = [];

  constructor(shared: Tape, clock: Clock) {
    this.#shared = shared;
    this.#clock = clock;
    this.#tape.entered(0, [], clock.now, clock.wall);
  }

  /** What the instance is started with, so that it is noted what host functions answer. */
  noting(environment: Environment): Environment {
    return { ...environment, around: (imports, gate) => this.#around(imports, gate) };
  }

  #around(imports: WebAssembly.Imports, gate: Gate): WebAssembly.Imports {
    const copy = Object.create(null) as Record<string, WebAssembly.ModuleImports>;
    for (const [module, functions] of Object.entries(imports)) {
      copy[module] = Object.create(null) as WebAssembly.ModuleImports;
      for (const [name, call] of Object.entries(functions)) {
        copy[module][name] = this.#noted(name, call as HostFunction, gate);
      }
    }
    return copy;
  }

  #noted(name: string, call: HostFunction, gate: Gate): HostFunction {
    const place = HOST_FUNCTIONS.indexOf(name);
    const ranges = WRITES[name];
    return (...values) => {
      try {
        const result = call(...values);
        this.#tape.answered(place, result ?? 0);
        if (ranges === undefined) return result;
        const numbers = values.map((value) => Number(value) >>> 0);
        for (const [at, length] of ranges(numbers, result ?? 0)) {
          if (length > 0 && gate.memory.within(at, length)) {
            this.#tape.wrote(at, gate.memory.view(at, length));
          }
        }
        return result;
      } catch (thrown) {
        this.#tape.answered(place, null);
        throw gate.broken(thrown);
      }
    };
  }

  /** The instance has started: from here on its callbacks are noted. */
  follow(guest: Guest, windowBytes: number): void {
    this.#blocks = [
      new Block(guest, guest.window, windowBytes),
      new Block(guest, guest.state, guest.stateBytes),
    ];
    const noted: Record<string, Callback> = {};
    for (const [place, [name, property]] of CALLBACKS.entries()) {
      const callback = name === '' ? null : (guest[property as keyof Guest] as Callback | null);
      if (callback !== null) noted[property] = this.#entering(place, callback);
    }
    Object.assign(guest, noted);
  }

  #entering(place: number, callback: Callback): Callback {
    return (...numbers) => {
      this.#serve();
      const { now, wall } = this.#clock;
      this.#tape.entered(place, numbers, now, wall);
      for (const block of this.#blocks) block.compare(this.#tape);
      const result = callback(...numbers);
      this.#tape.returned(result ?? 0);
      for (const block of this.#blocks) block.keep();
      return result;
    };
  }

  #serve(): void {
    if (this.#tape === this.#shared) return;
    this.#shared.take(this.#tape);
    this.#tape = this.#shared;
  }
}

/** A part of the guest's memory that the host writes into, as the guest has left it. */
class Block {
  readonly #guest: Guest;
  readonly #address: number;
  readonly #kept: Uint8Array;

  constructor(guest: Guest, address: number, length: number) {
    this.#guest = guest;
    this.#address = address;
    this.#kept = new Uint8Array(length);
    this.keep();
  }

  get #now(): Uint8Array {
    const { memory } = this.#guest;
    memory.review();
    return memory.view(this.#address, this.#kept.length);
  }

  keep(): void {
    this.#kept.set(this.#now);
  }

  /** Notes what is another byte than it was, and what lies between the first and the last of them. */
  compare(tape: Tape): void {
    const [now, kept] = [this.#now, this.#kept];
    let start = this.#sameWords(now) * BYTES_A_WORD;
    while (start < kept.length && now[start] === kept[start]) start += 1;
    if (start === kept.length) return;
    let end = kept.length;
    while (now[end - 1] === kept[end - 1]) end -= 1;
    tape.wrote(this.#address + start, now.subarray(start, end));
  }

  // Mostly nothing is another one, or little in front. Blocks begin at multiples of 16.
  #sameWords(now: Uint8Array): number {
    const count = Math.floor(now.length / BYTES_A_WORD);
    const [ours, theirs] = [
      new Int32Array(this.#kept.buffer, 0, count),
      new Int32Array(now.buffer, now.byteOffset, count),
    ];
    let same = 0;
    while (same < count && ours[same] === theirs[same]) same += 1;
    return same;
  }
}
