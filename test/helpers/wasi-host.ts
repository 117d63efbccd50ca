// WASI preview 1 without a guest: its functions called from a test, over a memory that the test sees.

import type { ExecutionContext } from 'ava';
import { type Native, native } from '../../host/kernel/native.ts';
import {
  type Descriptors,
  type Inherited,
  KIND_LISTENER,
  KIND_SOCKET,
  KIND_STREAM,
  TEMPORARIES,
} from '../../host/wasi/preview1/descriptors.ts';
import { WASI_MODULE, type WasiFunctions } from '../../host/wasi/preview1/interface.ts';
import {
  EVENT,
  EVENT_BYTES,
  EVENT_ERROR,
  EVENT_FLAGS,
  EVENT_TYPE,
  EVENTTYPE_CLOCK,
  EVENTTYPE_FD_READ,
  EVENTTYPE_FD_WRITE,
  FDFLAGS_NONBLOCK,
  IOVEC,
  SUBSCRIPTION,
} from '../../host/wasi/preview1/numbers.ts';
import { Preview1 } from '../../host/wasi/preview1/preview1.ts';
import { CONTROL_STOP, CONTROL_WORDS, RUN_STOPS } from '../../host/wasi/preview1/waiter.ts';

/** Where the helper keeps what it passes; a page is 64 KiB. */
export const IN = 0x4000;
export const OUT = 0x8000;
export const RESULT = 0xff00;
const VECTORS = 0xfe00;
export const DATA = 0x1000;

export interface Given extends Inherited {
  readonly fd: number;
}

export const socket = (fd: number, flags = FDFLAGS_NONBLOCK): Given => ({
  fd,
  kind: KIND_SOCKET,
  flags,
});
export const listener = (fd: number, flags = FDFLAGS_NONBLOCK): Given => ({
  fd,
  kind: KIND_LISTENER,
  flags,
});
export const stream = (fd: number, flags = FDFLAGS_NONBLOCK): Given => ({
  fd,
  kind: KIND_STREAM,
  flags,
});

export interface Options {
  readonly native?: Native;
  /** Of a copy of the host. */
  readonly Preview1?: typeof Preview1;
  readonly args?: readonly string[];
  readonly environment?: readonly string[];
  readonly limit?: number;
  readonly pages?: number;
  readonly quietMs?: number;
  readonly sigpipe?: boolean;
}

export type Subscription =
  | { readonly read: number; readonly userdata?: bigint }
  | { readonly write: number; readonly userdata?: bigint }
  | {
      readonly clock: number;
      readonly nanoseconds: bigint;
      readonly absolute?: boolean;
      readonly flags?: number;
      readonly userdata?: bigint;
    };

export interface PollEvent {
  readonly userdata: bigint;
  readonly error: number;
  readonly type: number;
  readonly bytes: bigint;
  readonly flags: number;
}

export class WasiHost {
  readonly call: WasiFunctions;
  readonly memory: WebAssembly.Memory;
  readonly preview1: Preview1;
  readonly control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_WORDS));
  readonly fds: Int32Array;
  readonly #wake: number;

  /** `given` are the numbers 0, 1, …; what is open when the test ends is closed. */
  constructor(t: ExecutionContext, given: readonly Given[], options: Options = {}) {
    this.#wake = native.eventfd(0);
    this.fds = new Int32Array(new SharedArrayBuffer(4 * ((options.limit ?? 64) + TEMPORARIES)));
    given.forEach(({ fd }, number) => {
      this.fds[number] = fd + 1;
    });
    this.preview1 = new (options.Preview1 ?? Preview1)({
      native: options.native ?? native,
      args: options.args ?? [],
      environment: options.environment ?? [],
      inherited: given,
      fds: this.fds,
      control: this.control,
      wake: this.#wake,
      quietMs: options.quietMs ?? 0,
      sigpipe: options.sigpipe ?? true,
    });
    this.memory = new WebAssembly.Memory({ initial: options.pages ?? 1 });
    this.preview1.host.memory.attach(this.memory);
    this.call = this.preview1.imports[WASI_MODULE] as unknown as WasiFunctions;
    t.teardown(() => {
      this.preview1.close();
      for (const fd of this.fds) if (fd > 0) native.close(fd - 1);
      native.close(this.#wake);
    });
  }

  get descriptors(): Descriptors {
    return this.preview1.host.descriptors;
  }

  get view(): DataView {
    return new DataView(this.memory.buffer);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  /** What the last call has left at RESULT. */
  get result(): number {
    return this.view.getUint32(RESULT, true);
  }

  stop(): void {
    Atomics.store(this.control, CONTROL_STOP, RUN_STOPS);
    native.write(this.#wake, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]), 0, 8);
  }

  put(text: string | Uint8Array, at = DATA): number {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    this.bytes.set(bytes, at);
    return bytes.length;
  }

  text(length: number, at = DATA): string {
    return new TextDecoder().decode(this.bytes.slice(at, at + length));
  }

  /** An iovec array; returns its address and its length, as the functions take them. */
  vectors(...pieces: readonly (readonly [at: number, length: number])[]): [number, number] {
    pieces.forEach(([at, length], index) => {
      this.view.setUint32(VECTORS + index * IOVEC, at, true);
      this.view.setUint32(VECTORS + index * IOVEC + 4, length, true);
    });
    return [VECTORS, pieces.length];
  }

  /** Writes the text and returns the error. */
  send(number: number, text: string): number | undefined {
    const length = this.put(text);
    return this.call.fd_write(number, ...this.vectors([DATA, length]), RESULT);
  }

  /** What can be read, or the error. */
  receive(number: number, most = 4096): string | number | undefined {
    const error = this.call.fd_read(number, ...this.vectors([DATA, most]), RESULT);
    return error === 0 ? this.text(this.result) : error;
  }

  /** Writes subscriptions to IN. */
  subscribe(list: readonly Subscription[]): void {
    const { view } = this;
    list.forEach((item, index) => {
      const at = IN + index * SUBSCRIPTION;
      this.bytes.fill(0, at, at + SUBSCRIPTION);
      view.setBigUint64(at, item.userdata ?? BigInt(index), true);
      if ('clock' in item) {
        view.setUint8(at + 8, EVENTTYPE_CLOCK);
        view.setUint32(at + 16, item.clock, true);
        view.setBigUint64(at + 24, item.nanoseconds, true);
        view.setUint16(at + 40, item.flags ?? (item.absolute ? 1 : 0), true);
      } else {
        view.setUint8(at + 8, 'read' in item ? EVENTTYPE_FD_READ : EVENTTYPE_FD_WRITE);
        view.setUint32(at + 16, 'read' in item ? item.read : item.write, true);
      }
    });
  }

  /** poll_oneoff: the events, sorted by userdata and type, or the error. */
  poll(...list: readonly Subscription[]): PollEvent[] | number | undefined {
    this.subscribe(list);
    const error = this.call.poll_oneoff(IN, OUT, list.length, RESULT);
    return error === 0 ? this.events(this.result) : error;
  }

  events(count: number): PollEvent[] {
    const { view } = this;
    const events = Array.from({ length: count }, (_, index) => {
      const at = OUT + index * EVENT;
      return {
        userdata: view.getBigUint64(at, true),
        error: view.getUint16(at + EVENT_ERROR, true),
        type: view.getUint8(at + EVENT_TYPE),
        bytes: view.getBigUint64(at + EVENT_BYTES, true),
        flags: view.getUint16(at + EVENT_FLAGS, true),
      };
    });
    return events.sort((a, b) => Number(a.userdata - b.userdata) || a.type - b.type);
  }
}

/** A connection over TCP: the client's descriptor, and the accepted one; both are the caller's. */
export function tcpPair(): [client: number, accepted: number] {
  const waiting = native.listenTcp('127.0.0.1', 0, false, 1);
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  const client = native.connectTcp('127.0.0.1', port);
  native.poll(waiting, native.constants.EPOLLIN, -1, 10_000);
  const accepted = native.accept(waiting);
  native.close(waiting);
  return [client, accepted];
}

/** Sends all of the text on a descriptor of the process. */
export function sendAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  const sent = native.send(fd, bytes, 0, bytes.length);
  if (sent !== bytes.length) throw new Error(`sent ${sent} of ${bytes.length}`);
}

/** Waits until the descriptor is readable, as the kernel delivers in its own time. */
export function arrived(fd: number): void {
  if (native.poll(fd, native.constants.EPOLLIN, -1, 10_000) <= 0) throw new Error('nothing came');
}
