// Runs sequences of operations on Epoll, for epoll/differential.test.ts and the fuzzer. Knows the
// operations; test/python/epoll_interpreter.py is the same in Python.

import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EPOLLIN, Epoll, type FileDescriptor } from '../../host/epoll/epoll.ts';
import * as sockets from '../../host/epoll/socket.ts';
import { native } from '../../host/kernel/native.ts';
import { EVENT } from '../../host/kernel/rows.ts';

export type Json = null | boolean | number | string | Json[] | { readonly [name: string]: Json };

/**
 * A name and its arguments. `{ float: 'NaN' }` is a number, `{ fileno: 5 }` and `{ fd: 5 }` are
 * objects that have one; the `fileno` of `{ fileno: 'throws' }` throws.
 */
export type Operation = readonly [name: string, ...values: Json[]];

/** What came of an operation: its value (null if there is none), or the name of its error. */
export type Outcome = { readonly value: Json } | { readonly error: string };

/** The names that Python's exceptions have here; docs/epoll.md. */
const PYTHON_NAMES: Readonly<Record<string, string>> = {
  ValueError: 'RangeError',
  OverflowError: 'RangeError',
  closed: 'ERR_EPOLL_CLOSED',
};

export function translate(outcome: Outcome): Outcome {
  if (!('error' in outcome)) return outcome;
  return { error: PYTHON_NAMES[outcome.error] ?? outcome.error };
}

function argument(value: Json): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if ('float' in value) return Number(value.float);
  if ('fd' in value) return { fd: argument(value.fd ?? null) };
  const held = argument(value.fileno ?? null);
  return {
    fileno: () => {
      if (held === 'throws') throw new Error('fileno() throws');
      return held;
    },
  };
}

export class Interpreter {
  readonly #epolls = new Map<Json, Epoll>();
  readonly #opened = new Set<number>();

  run(operations: readonly Operation[]): Outcome[] {
    try {
      return operations.map(([name, ...values]) => this.#outcome(name, values));
    } finally {
      this.#finish();
    }
  }

  #outcome(name: string, values: Json[]): Outcome {
    const operation = this.#operations[name];
    if (operation === undefined) throw new Error(`no operation ${name}`);
    try {
      return { value: (Reflect.apply(operation, undefined, values) as Json | undefined) ?? null };
    } catch (error) {
      return { error: nameOf(error) };
    }
  }

  readonly #operations: Readonly<Record<string, (...values: never[]) => unknown>> = {
    epoll: (slot: number, ...values: Json[]) => {
      this.#drop(slot);
      this.#epolls.set(slot, Reflect.construct(Epoll, values.map(argument)) as Epoll);
    },
    fromfd: (slot: number, lowest: number) => {
      this.#drop(slot);
      const made = new Epoll();
      const fd = this.#dup(made.fileno(), lowest);
      made.close();
      this.#epolls.set(slot, Epoll.fromfd(fd));
      return fd;
    },
    adopt: (slot: number, fd: Json) => {
      this.#drop(slot);
      this.#epolls.set(slot, Epoll.fromfd(argument(fd) as FileDescriptor));
    },
    drop: (slot: number) => this.#drop(slot),
    call: (slot: number, method: string, ...values: Json[]) => {
      const epoll = this.#epolls.get(slot);
      return epoll && invoke(epoll, method, values.map(argument));
    },
    nest: (slot: number, method: string, inner: number, ...values: Json[]) => {
      const [epoll, other] = [this.#epolls.get(slot), this.#epolls.get(inner)];
      return epoll && other && invoke(epoll, method, [other, ...values.map(argument)]);
    },
    closed: (slot: number) => this.#epolls.get(slot)?.closed,
    pipe: (lowest: number) => this.#placeAll(sockets.pipe(), lowest),
    socketpair: (lowest: number) => this.#placeAll(sockets.socketpair(), lowest),
    tcp: (lowest: number) => this.#placeAll(connection(), lowest),
    eventfd: (lowest: number, initial: number) => this.#place(sockets.eventfd(initial), lowest),
    file: (lowest: number) => this.#place(file(), lowest),
    dup: (fd: number, lowest: number) => this.#dup(fd, lowest),
    dup2: (fd: number, target: number) => {
      const made = must('dup2', native.dup2(fd, target));
      this.#opened.add(made);
      return made;
    },
    close: (fd: number) => sockets.close(fd),
    reset: (fd: number) => sockets.reset(fd),
    shutdown: (fd: number, how: number) => sockets.shutdown(fd, how),
    read: (fd: number, length: number) => sure(sockets.read(fd, new Uint8Array(length))),
    write: (fd: number, length: number) => {
      const bytes = new Uint8Array(length);
      if (length > 0) bytes[0] = 1;
      return sure(sockets.write(fd, bytes));
    },
    settle: (fd: number, mask: number) => settle(fd, mask),
  };

  #drop(slot: number): void {
    this.#epolls.get(slot)?.close();
    this.#epolls.delete(slot);
  }

  /** Descriptors get numbers from `lowest` on, so that both sides have the same ones. */
  #place(fd: number, lowest: number): number {
    const placed = this.#dup(fd, lowest);
    sockets.close(fd);
    return placed;
  }

  #placeAll(fds: number[], lowest: number): number[] {
    return fds.map((fd) => this.#place(fd, lowest));
  }

  #dup(fd: number, lowest: number): number {
    const made = must('dup', native.dup(fd, lowest));
    this.#opened.add(made);
    return made;
  }

  #finish(): void {
    for (const epoll of this.#epolls.values()) epoll.close();
    for (const fd of this.#opened) native.close(fd);
  }
}

function invoke(epoll: Epoll, method: string, values: unknown[]): unknown {
  const found = epoll[method as 'poll'] as (...values: unknown[]) => unknown;
  return Reflect.apply(found, epoll, values);
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) throw error;
  if (error instanceof TypeError || error instanceof RangeError) return error.name;
  return 'code' in error ? String(error.code) : error.name;
}

function must(syscall: string, result: number): number {
  if (result < 0) throw native.systemError(syscall, result);
  return result;
}

/** Python has no null for EAGAIN. */
function sure(result: number | null): number {
  return result ?? must('transfer', -native.constants.EAGAIN);
}

function connection(): [number, number] {
  const listener = sockets.listenTcp('127.0.0.1', 0);
  const port = Number(sockets.localAddress(listener).replace(/.*:/, ''));
  const client = sockets.connectTcp('127.0.0.1', port);
  settle(listener, EPOLLIN);
  const accepted = sockets.accept(listener);
  sockets.close(listener);
  if (accepted === null) throw new Error('the connection did not come');
  return [client, accepted];
}

function file(): number {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-'));
  const fd = openSync(path.join(folder, 'file'), 'w+');
  // Node may follow what it opened itself, and would complain about the number.
  const own = must('dup', native.dup(fd, 0));
  closeSync(fd);
  rmSync(folder, { recursive: true });
  return own;
}

/** Waits until TCP has delivered what was sent: `fd` has all of `mask`. */
function settle(fd: number, mask: number): void {
  const set = native.epoll();
  const events = new Uint32Array(EVENT);
  try {
    must('epoll_ctl', set.add(fd, mask, 0, 0));
    while ((events[2]! & mask) !== mask) {
      if (set.wait(events, 10_000) === 0) throw new Error(`fd ${fd} never had ${mask}`);
    }
  } finally {
    set.close();
  }
}
