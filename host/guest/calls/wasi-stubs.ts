// WASI stubs: the functions of WASI preview 1 that standard libraries need although the guest does not.
// They work in start-up, too. There are no files, no arguments and no environment.

import * as W from '../../wasi/preview1/numbers.ts';
import type { Environment, Functions } from '../guest-host.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Gate } from './gate.ts';
import { LogLines } from './log-lines.ts';
import { RANDOM_BYTES } from './surroundings.ts';

const { E } = W;

/** As many bytes as one fd_write takes, and pieces of them as Linux takes (IOV_MAX). */
const WRITE_BYTES = 4096;
const WRITE_PIECES = 1024;
/** What clocks are read in, and what WASI tells times in. */
const NANOSECONDS = 1_000_000;

/** Of up to four numbers. An i64 is a bigint, and nobody looks at one. */
type Stub = (a: number, b: number, c: number, d: number) => number;

export class WasiStubs {
  readonly lines: LogLines;
  readonly #gate: Gate;
  readonly #memory: GuestMemory;
  readonly #environment: Environment;

  constructor(gate: Gate, environment: Environment) {
    this.#gate = gate;
    this.#memory = gate.memory;
    this.#environment = environment;
    this.lines = new LogLines(gate, environment);
  }

  functions(): Functions {
    const none = this.#stub(() => E.SUCCESS);
    const nothing = this.#stub((count, bytes) => this.#words(count >>> 0, bytes >>> 0));
    const noFile = this.#stub(() => E.BADF);
    return {
      args_get: none,
      args_sizes_get: nothing,
      environ_get: none,
      environ_sizes_get: nothing,
      clock_res_get: this.#stub((clock, out) => this.#time(clock, 1, out >>> 0)),
      clock_time_get: this.#stub((clock, _precision, out) => {
        const { now, wall } = this.#environment.clock;
        return this.#time(clock, clock === W.CLOCK_REALTIME ? wall : now, out >>> 0);
      }),
      random_get: this.#stub((buffer, length) => this.#random(buffer >>> 0, length >>> 0)),
      fd_write: this.#stub((fd, pieces, count, out) =>
        this.#write(fd, pieces >>> 0, count >>> 0, out >>> 0),
      ),
      fd_fdstat_get: this.#stub((fd, out) => this.#stat(fd >>> 0, out >>> 0)),
      fd_close: noFile,
      fd_seek: noFile,
      fd_prestat_get: noFile,
      fd_prestat_dir_name: noFile,
      sched_yield: none,
      poll_oneoff: this.#stub(() => E.NOTSUP),
      proc_exit: (code: number): void => this.#exit(code),
    };
  }

  #stub(call: Stub): Stub {
    const gate = this.#gate;
    return (a, b, c, d) => {
      try {
        return gate.admitEarly() ? call(a, b, c, d) : E.NOTSUP;
      } catch (thrown) {
        throw gate.broken(thrown);
      }
    };
  }

  #words(count: number, bytes: number): number {
    if (!this.#memory.within(count, 4) || !this.#memory.within(bytes, 4)) return E.FAULT;
    const view = this.#memory.data();
    view.setUint32(count, 0, true);
    view.setUint32(bytes, 0, true);
    return E.SUCCESS;
  }

  // A double in nanoseconds would not hold the years since 1970.
  #time(clock: number, milliseconds: number, out: number): number {
    if (clock !== W.CLOCK_REALTIME && clock !== W.CLOCK_MONOTONIC) return E.NOTSUP;
    if (!this.#memory.within(out, 8)) return E.FAULT;
    const whole = Math.floor(milliseconds);
    const rest = Math.floor((milliseconds - whole) * NANOSECONDS);
    const time = BigInt(whole) * BigInt(NANOSECONDS) + BigInt(rest);
    this.#memory.data().setBigUint64(out, time, true);
    return E.SUCCESS;
  }

  #random(buffer: number, length: number): number {
    if (!this.#memory.within(buffer, length)) return E.FAULT;
    if (length > RANDOM_BYTES) return E.INVAL;
    this.#environment.random(this.#memory.view(buffer, length));
    return E.SUCCESS;
  }

  // A short write is what a libc is ready for: it calls again with the rest.
  #write(fd: number, pieces: number, count: number, out: number): number {
    if (fd !== 1 && fd !== 2) return E.BADF;
    if (count > WRITE_PIECES) return E.INVAL;
    const memory = this.#memory;
    if (!memory.within(pieces, count * W.IOVEC) || !memory.within(out, 4)) return E.FAULT;
    const view = memory.data();
    let written = 0;
    for (let piece = 0; piece < count && written < WRITE_BYTES; piece += 1) {
      const at = pieces + piece * W.IOVEC;
      const [from, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
      if (!memory.within(from, length)) return E.FAULT;
      const taken = Math.min(length, WRITE_BYTES - written);
      this.lines.add(fd, memory.view(from, taken));
      written += taken;
    }
    view.setUint32(out, written, true);
    return E.SUCCESS;
  }

  #stat(fd: number, out: number): number {
    if (fd > 2) return E.BADF;
    if (!this.#memory.within(out, W.FDSTAT)) return E.FAULT;
    const view = this.#memory.data();
    this.#memory.clear(out, W.FDSTAT);
    view.setUint8(out, W.FILETYPE_CHARACTER_DEVICE);
    view.setUint32(out + 8, W.RIGHTS_STREAM, true);
    return E.SUCCESS;
  }

  #exit(code: number): never {
    this.#gate.dead ??= `proc_exit(${code}): the guest wanted to end`;
    throw new Error(this.#gate.dead);
  }
}
