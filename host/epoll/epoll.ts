// Python's select.epoll as a class, and its numbers; docs/epoll.md compares the two. Knows what the
// calls mean and how they fail; must not know what the descriptors are.

import { WasmpollError } from '../errors.ts';
import type { Epoll as EpollSet, Result } from '../kernel/contract.ts';
import { makeEventFd } from '../kernel/event-fd.ts';
import { native } from '../kernel/native.ts';
import {
  type FileDescriptor,
  INT_MAX,
  isObject,
  rangeError,
  toDescriptor,
  toInt,
  toInteger,
  toMask,
  toRoom,
  toSignal,
  toTimeoutMs,
} from './arguments.ts';
import * as numbers from './constants.ts';
import { PendingPolls } from './pending-polls.ts';
import { type EpollEvent, EventList, MOST_EVENTS } from './wait.ts';

export type { FileDescriptor } from './arguments.ts';
export * from './constants.ts';
export type { EpollEvent } from './wait.ts';

/** What `pollAsync` takes besides its numbers. */
export interface PollOptions {
  /** Rejects the call with the signal's reason. No event is lost by it. */
  readonly signal?: AbortSignal | undefined;
}

const { EPOLL_CLOEXEC, ...events } = numbers;
const NAMED_BITS = Object.values(events).reduce((all, bit) => all | bit);
const DEFAULT_MASK = events.EPOLLIN | events.EPOLLPRI | events.EPOLLOUT;

/** What CPython takes at most when maxevents is −1. */
const DEFAULT_ROOM = native.constants.FD_SETSIZE - 1;

/** An existing descriptor, for the constructor; not exported, so that only `fromfd` has one. */
class Adopted {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Asks without running a caller's code, as `instanceof` would. */
  static fdOf(value: unknown): number | undefined {
    return isObject(value) && #fd in value ? value.#fd : undefined;
  }
}

/**
 * A set of descriptors to watch, as Python's `select.epoll`: same methods, defaults, rounding and
 * errors; epoll(7). Wrong types are a TypeError (`ERR_INVALID_ARG_TYPE`) and numbers out of range a
 * RangeError (`ERR_OUT_OF_RANGE`), before any system call. After `close()` everything but `close()`
 * and `closed` throws a WasmpollError with code `ERR_EPOLL_CLOSED`. What the kernel refuses is an
 * Error with `code`, `errno` (negative) and `syscall`.
 *
 * The descriptor is closed in children (CLOEXEC). It is closed by `close()`, by `using`, by the
 * garbage collector and with its thread; one from `fromfd` only by the first two.
 */
export class Epoll {
  readonly #set: EpollSet;
  /** Whether the descriptor is not the addon's to close. */
  readonly #isAdopted: boolean;
  readonly #polls: PendingPolls<EpollEvent[]>;
  readonly #events = new EventList();
  /** −1 once closed. */
  #fd: number;
  #isChecked: boolean;

  /**
   * A new, empty set; epoll_create1(2).
   * @param sizehint −1 or from 1 to 2147483647; without effect, as in Python
   * @param flags 0 or EPOLL_CLOEXEC, which is set in either case
   * @throws RangeError; Error `EINVAL` for other flags; `EMFILE`, `ENFILE`, `ENOMEM`
   */
  constructor(sizehint?: number, flags?: number);
  constructor(sizehint: number | Adopted = -1, flags = 0) {
    const adopted = Adopted.fdOf(sizehint);
    if (adopted === undefined) checkCreation(sizehint, flags);
    this.#set = native.epoll(adopted);
    this.#fd = this.#set.fd;
    this.#isAdopted = adopted !== undefined;
    if (!this.#isAdopted) native.identify(this.#fd);
    this.#isChecked = !this.#isAdopted;
    this.#polls = new PendingPolls({
      look: (room) => this.#events.wait(this.#open(), 0, room),
      watch: (callback) => new native.Watcher(this.fileno(), callback),
      isEmpty: (events) => events.length === 0,
    });
  }

  /**
   * An object for an existing epoll descriptor, which `close()` then closes. As in Python nothing
   * is checked: a descriptor that is none of epoll's fails in the calls, with `EINVAL` or `EBADF`.
   * @throws TypeError, RangeError
   */
  static fromfd(fd: FileDescriptor): Epoll {
    const adopted = new Adopted(Epoll.#descriptorOf(fd));
    return Reflect.construct(Epoll, [adopted]) as Epoll;
  }

  /** Whether `close()` was called. Never throws. */
  get closed(): boolean {
    return this.#fd < 0;
  }

  /** The epoll descriptor. @throws WasmpollError `ERR_EPOLL_CLOSED` */
  fileno(): number {
    this.#open();
    return this.#fd;
  }

  /**
   * Watches `fd`; EPOLL_CTL_ADD of epoll_ctl(2). EPOLLERR and EPOLLHUP are always reported.
   * @param eventmask u32 of EPOLL… bits, by default EPOLLIN | EPOLLPRI | EPOLLOUT. What `|` makes
   *   negative is taken as well.
   * @throws Error `EEXIST` if it is watched already, `EPERM` for a regular file or a directory,
   *   `EBADF`, `EINVAL` for the set itself and for EPOLLEXCLUSIVE in bad company, `ELOOP` for sets
   *   nested in a circle or too deep, `ENOSPC`, `ENOMEM`
   */
  register(fd: FileDescriptor, eventmask: number = DEFAULT_MASK): void {
    const number = Epoll.#descriptorOf(fd);
    const mask = toMask(eventmask, NAMED_BITS);
    check(this.#open().add(number, mask, number, 0), number);
  }

  /**
   * Changes the mask of a watched descriptor, and arms it again; EPOLL_CTL_MOD of epoll_ctl(2).
   * @param eventmask as in `register`, but without a default
   * @throws Error `ENOENT` if it is not watched, `EBADF`, `EPERM`, `EINVAL`
   */
  modify(fd: FileDescriptor, eventmask: number): void {
    const number = Epoll.#descriptorOf(fd);
    const mask = toMask(eventmask, NAMED_BITS);
    check(this.#open().modify(number, mask, number, 0), number);
  }

  /**
   * Stops watching; EPOLL_CTL_DEL of epoll_ctl(2). Do it before the descriptor is closed:
   * afterwards it is `EBADF`, and a descriptor with duplicates goes on being reported.
   * @throws Error `ENOENT` if it is not watched, `EBADF`, `EPERM`, `EINVAL`
   */
  unregister(fd: FileDescriptor): void {
    const number = Epoll.#descriptorOf(fd);
    check(this.#open().remove(number), number);
  }

  /**
   * Waits for events and **blocks the thread**, with all its timers and promises; epoll_wait(2).
   * Signals do not cut it short, and handlers of signals run after it. A worker can be terminated
   * meanwhile.
   * @param timeoutSeconds rounded up to milliseconds. null, nothing, and −1 ms or less wait for
   *   ever, other numbers below 0 not at all; at most 2147483.647.
   * @param maxevents from 1, or −1 for 1023; more than 65,536 is taken as 65,536
   * @returns what is ready, in the kernel's order; empty when the time is over
   * @throws Error `EBADF` or `EINVAL` if the descriptor is not an epoll descriptor (any more)
   */
  poll(timeoutSeconds?: number | null, maxevents = -1): EpollEvent[] {
    const [ms, room] = this.#limits(timeoutSeconds, maxevents);
    return this.#events.wait(this.#set, ms, room);
  }

  /**
   * `poll` for an event loop: never blocks, and answers after a turn of the loop at the earliest.
   *
   * A call that waits keeps the object and the thread alive. Of several, the oldest is answered
   * first, one a turn, each with what is ready at that moment. `close()` rejects them with
   * `ERR_EPOLL_CLOSED`. In a worker that is terminated they are never answered. Timeouts are kept
   * as Node's timers keep them.
   * @returns as `poll`; rejects with what `poll` throws, with the reason of `signal`, and with
   *   `EMFILE` or `ENFILE` when there is no descriptor left to watch with. It never throws.
   */
  async pollAsync(
    timeoutSeconds?: number | null,
    maxevents = -1,
    options?: PollOptions,
  ): Promise<EpollEvent[]> {
    const signal = toSignal(options);
    const [ms, room] = this.#limits(timeoutSeconds, maxevents);
    this.#checkAdopted();
    return this.#polls.add(ms, room, signal);
  }

  /**
   * `pollAsync()` again and again. The loop ends after `close()`, whether it waits or not; leaving
   * the loop leaves the object open. What `pollAsync` throws otherwise is thrown in the loop.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<EpollEvent[], void, undefined> {
    while (!this.closed) {
      let events: EpollEvent[];
      try {
        events = await this.pollAsync();
      } catch (error) {
        if (this.closed) return;
        throw error;
      }
      yield events;
    }
  }

  /**
   * Closes the descriptor and rejects the calls that wait. Never throws, and may be called again.
   * Closing does not end a `poll` of another thread; close(2), epoll(7).
   */
  close(): void {
    const fd = this.#fd;
    if (fd < 0) return;
    this.#fd = -1;
    this.#set.close();
    this.#polls.close(closedError());
    if (this.#isAdopted) native.close(fd);
  }

  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Of this class's own objects the closed ones are told as such. */
  static #descriptorOf(value: unknown): number {
    if (!isObject(value) || !(#set in value)) return toDescriptor(value);
    value.#open();
    return value.#fd;
  }

  #open(): EpollSet {
    if (this.#fd < 0) throw closedError();
    return this.#set;
  }

  /** The checks of both polls, in CPython's order. */
  #limits(timeoutSeconds: unknown, maxevents: unknown): [ms: number, room: number] {
    const count = toInt(maxevents, 'maxevents');
    this.#open();
    const ms = toTimeoutMs(timeoutSeconds);
    return [ms, Math.min(MOST_EVENTS, toRoom(count, DEFAULT_ROOM))];
  }

  /** A watcher takes any descriptor, and would wait for what epoll_wait(2) then refuses. */
  #checkAdopted(): void {
    if (this.#isChecked) return;
    const probe = makeEventFd(native);
    const result = this.#set.remove(probe);
    native.close(probe);
    if (result !== -native.constants.ENOENT) throw native.systemError('epoll_wait', result);
    this.#isChecked = true;
  }
}

function checkCreation(sizehint: unknown, flags: unknown): void {
  const hint = toInt(sizehint, 'sizehint');
  const bits = toInteger(flags, 'flags', 0, INT_MAX);
  if (hint < 1 && hint !== -1) {
    throw rangeError(`sizehint must be greater than 0, or −1, got ${hint}`);
  }
  if (bits !== 0 && bits !== EPOLL_CLOEXEC) {
    throw native.systemError('epoll_create1', native.constants.EINVAL, `(flags ${bits})`);
  }
}

function check(result: Result, fd: number): void {
  if (result < 0) throw native.systemError('epoll_ctl', result, `(fd ${fd})`);
}

/** CPython's words, which people search for. */
function closedError(): WasmpollError {
  return new WasmpollError('ERR_EPOLL_CLOSED', 'I/O operation on closed epoll object');
}
