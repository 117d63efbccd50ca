// The kit's functions as JavaScript calls them: the guest test/guests/kit/units on host functions that
// note what they were asked.

import { STATUS_LIMIT } from '../../assembly/abi.ts';
import { compiledGuest } from './guests.ts';

type Functions = Record<string, (...args: (number | bigint | boolean)[]) => number>;

const modules = new Map<string, WebAssembly.Module>();

export class Units {
  readonly call: Functions;
  /** What was sent, by connection. */
  readonly sent: { connection: number; bytes: Buffer }[] = [];
  /** Calls of the other host functions, as text. */
  readonly calls: string[] = [];
  /** What `want` refuses more than. */
  maxFrameBytes = Number.POSITIVE_INFINITY;
  /** What the next calls of `send` return; without it the bytes that were sent so far. */
  backlog: number | undefined;
  /** The host's time: the same during one callback. */
  now = 1;
  readonly #exports: WebAssembly.Exports;
  readonly #base: number;
  #free: number;

  constructor(runtime = 'stub') {
    const module =
      modules.get(runtime) ?? new WebAssembly.Module(compiledGuest('kit/units', runtime).slice());
    modules.set(runtime, module);
    const note =
      (name: string, status = 0) =>
      (...args: number[]): number => {
        this.calls.push(`${name} ${args.join(' ')}`);
        return status;
      };
    const wasmpoll = {
      send: (connection: number, at: number, length: number): number => {
        if (length > 0) this.sent.push({ connection, bytes: Buffer.from(this.memory(at, length)) });
        if (this.backlog !== undefined) return this.backlog;
        return this.sent.reduce((sum, { bytes }) => sum + bytes.length, 0);
      },
      want: (_connection: number, bytes: number): number =>
        bytes > this.maxFrameBytes || bytes < 0 ? STATUS_LIMIT : note('want')(bytes),
      close: note('close'),
      pause: note('pause'),
      resume: note('resume'),
      set_timer: note('set_timer'),
      start_tls: note('start_tls'),
      now: () => this.now,
      random: (at: number, length: number): number => {
        this.memory(at, length).fill(7);
        return 0;
      },
    };
    const abort = (): never => {
      throw new Error('abort');
    };
    const instance = new WebAssembly.Instance(module, { wasmpoll, env: { abort } });
    this.#exports = instance.exports;
    this.call = instance.exports as unknown as Functions;
    this.#base = this.call.allocate!(1 << 20);
    this.#free = this.#base;
  }

  memory(at: number, length: number): Uint8Array<ArrayBuffer> {
    const { buffer } = this.#exports.memory as WebAssembly.Memory;
    return new Uint8Array(buffer as ArrayBuffer, at, length);
  }

  /** Puts bytes, or text as UTF-8, into the guest's memory. @returns address and length */
  put(data: string | Uint8Array): [number, number] {
    const bytes = Buffer.from(data as Uint8Array);
    const at = this.#free;
    this.#free += (bytes.length + 7) & ~7;
    if (this.#free > this.#base + (1 << 20)) throw new Error('the tests put too much');
    this.memory(at, bytes.length).set(bytes);
    return [at, bytes.length];
  }

  /** Forgets what was put. */
  release(): void {
    this.#free = this.#base;
    this.sent.length = 0;
    this.calls.length = 0;
  }

  /** The bytes of a view that a function has returned. */
  view(packed: number | bigint): Buffer {
    const both = BigInt(packed);
    const at = Number((both >> 32n) & 0xffff_ffffn);
    return Buffer.from(this.memory(at, Number(both & 0xffff_ffffn)));
  }

  global(name: string): number | bigint {
    return (this.#exports[name] as unknown as { value: number | bigint }).value;
  }
}
