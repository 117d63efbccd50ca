// Poll: poll_oneoff: what a call subscribes to, and what of it is ready. A call has epoll watch more only
// where it wants more than the call before; what is not wanted any more is taken out when it shows up.

import { fstatSync } from 'node:fs';
import { READY } from '../../kernel/rows.ts';
import { Deadline } from './deadline.ts';
import { KIND_FILE, KIND_FOLDER, KIND_FREE, KIND_LISTENER, WAKE_TOKEN } from './descriptors.ts';
import { Events, NONE } from './events.ts';
import type { Host } from './host.ts';
import {
  E,
  EVENT,
  EVENT_HANGUP,
  EVENTTYPE_CLOCK,
  EVENTTYPE_FD_READ,
  EVENTTYPE_FD_WRITE,
  SUBSCRIPTION,
  SUBSCRIPTION_FD,
  SUBSCRIPTION_TAG,
  WHENCE_CUR,
} from './numbers.ts';
import { ALWAYS } from './registrations.ts';

/** More are INVAL, as poll(2) has it for more than there can be descriptors. */
export const MOST_SUBSCRIPTIONS = 2 ** 20;
const EVENTS = 1024;

export class Poller {
  readonly #host: Host;
  readonly #ready = new Uint32Array(EVENTS * READY);
  // By number, as of the call in `#stamps`: the events that are wanted, and the first subscription for
  // each direction; further ones are chained.
  readonly #stamps: Uint32Array;
  readonly #wanted: Uint32Array;
  readonly #readers: Int32Array;
  readonly #writers: Int32Array;
  #stamp = 0;
  // By subscription, as far as there are any.
  /** Numbers whose events epoll does not all know yet. */
  #changes = new Int32Array(64);
  /** Subscriptions that need no waiting, with their errors. */
  #settled = new Int32Array(64);
  #errors = new Uint8Array(64);
  #changeCount = 0;
  #settledCount = 0;
  readonly #deadline: Deadline;
  readonly #events: Events;
  #in = 0;
  #total = 0;

  constructor(host: Host) {
    this.#host = host;
    this.#deadline = new Deadline(host);
    this.#events = new Events(host.memory);
    const limit = host.descriptors.kinds.length;
    this.#stamps = new Uint32Array(limit);
    this.#wanted = new Uint32Array(limit);
    this.#readers = new Int32Array(limit);
    this.#writers = new Int32Array(limit);
  }

  /** @returns an error number */
  poll(subscriptions: number, events: number, count: number, result: number): number {
    const { memory, registrations, waiter } = this.#host;
    const total = count >>> 0;
    if (total === 0 || total > MOST_SUBSCRIPTIONS) return E.INVAL;
    this.#in = subscriptions >>> 0;
    this.#total = total;
    if (!memory.holds(this.#in, total * SUBSCRIPTION)) return E.FAULT;
    if (!memory.holds(events, total * EVENT) || !memory.holds(result, 4)) return E.FAULT;
    this.#events.begin(this.#in, events >>> 0, total);
    this.#deadline.begin();
    if (!this.#scan()) return E.INVAL;
    this.#register();
    this.#settle();
    let looked = false;
    for (;;) {
      const left =
        this.#events.written > 0 || (waiter.stopping && !looked) ? 0 : this.#deadline.left;
      const began = waiter.begin();
      const count = registrations.wait(this.#ready, waiter.slice(left));
      waiter.end(began);
      this.#collect(count);
      if (this.#events.written > 0) break;
      looked = true;
      waiter.check();
      if (this.#deadline.left <= 0) this.#runOut();
      if (this.#events.written > 0) break;
    }
    memory.setU32(result, this.#events.written);
    return E.SUCCESS;
  }

  // The one place where the cost grows with the number of subscriptions: no call, no object.
  #scan(): boolean {
    const total = this.#total;
    const { memory, descriptors, registrations, native, waiter } = this.#host;
    const { EPOLLIN, EPOLLOUT } = native.constants;
    const { view, bytes } = memory;
    const { kinds, used } = descriptors;
    const { masks } = registrations;
    this.#reserve(total);
    const stamp = this.#nextStamp();
    const [stamps, wanted, next] = [this.#stamps, this.#wanted, this.#events.next];
    const { stopping } = waiter;
    this.#changeCount = 0;
    this.#settledCount = 0;
    for (let index = 0, at = this.#in; index < total; index += 1, at += SUBSCRIPTION) {
      const type = bytes[at + SUBSCRIPTION_TAG]!;
      if (type === EVENTTYPE_CLOCK) {
        const error = this.#deadline.add(at);
        if (error !== E.SUCCESS) this.#settleLater(index, error);
        continue;
      }
      if (type !== EVENTTYPE_FD_READ && type !== EVENTTYPE_FD_WRITE) return false;
      const number = view.getUint32(at + SUBSCRIPTION_FD, true);
      const kind = number < used ? kinds[number]! : KIND_FREE;
      if (kind === KIND_FREE) {
        this.#settleLater(index, E.BADF);
        continue;
      }
      if (kind === KIND_FILE || kind === KIND_FOLDER || masks[number] === ALWAYS) {
        this.#settleLater(index, E.SUCCESS);
        continue;
      }
      if (stamps[number] !== stamp) {
        stamps[number] = stamp;
        wanted[number] = 0;
        this.#readers[number] = NONE;
        this.#writers[number] = NONE;
      }
      const heads = type === EVENTTYPE_FD_READ ? this.#readers : this.#writers;
      next[index] = heads[number]!;
      heads[number] = index;
      // A run that stops accepts nothing more.
      if (stopping && kind === KIND_LISTENER) continue;
      wanted[number] = wanted[number]! | (type === EVENTTYPE_FD_READ ? EPOLLIN : EPOLLOUT);
      if ((wanted[number]! & ~masks[number]!) !== 0) {
        this.#changes[this.#changeCount] = number;
        this.#changeCount += 1;
      }
    }
    return true;
  }

  #nextStamp(): number {
    this.#stamp = (this.#stamp + 1) >>> 0;
    if (this.#stamp === 0) {
      this.#stamps.fill(0);
      this.#stamp = 1;
    }
    return this.#stamp;
  }

  #reserve(total: number): void {
    if (this.#events.next.length >= total) return;
    const length = 2 ** Math.ceil(Math.log2(total));
    this.#events.next = new Int32Array(length);
    this.#changes = new Int32Array(length);
    this.#settled = new Int32Array(length);
    this.#errors = new Uint8Array(length);
  }

  /** Tells epoll what it does not know yet. */
  #register(): void {
    const { registrations, errors } = this.#host;
    const { masks } = registrations;
    for (let index = 0; index < this.#changeCount; index += 1) {
      const number = this.#changes[index]!;
      const [known, wanted] = [masks[number]!, this.#wanted[number]!];
      if ((wanted & ~known) === 0) continue;
      const result = registrations.watch(number, known | wanted);
      if (result === 0 && masks[number] !== ALWAYS) continue;
      this.#wanted[number] = 0;
      for (const head of [this.#readers[number]!, this.#writers[number]!]) {
        for (let at = head; at !== NONE; at = this.#events.next[at]!)
          this.#settleLater(at, errors[-result]!);
      }
    }
  }

  #settleLater(index: number, error: number): void {
    this.#settled[this.#settledCount] = index;
    this.#errors[this.#settledCount] = error;
    this.#settledCount += 1;
  }

  #settle(): void {
    const { memory } = this.#host;
    for (let index = 0; index < this.#settledCount; index += 1) {
      const subscription = this.#settled[index]!;
      const at = this.#in + subscription * SUBSCRIPTION;
      const error = this.#errors[index]!;
      const type = memory.u8(at + SUBSCRIPTION_TAG);
      const readable = error === E.SUCCESS && type === EVENTTYPE_FD_READ;
      this.#events.emit(
        subscription,
        error,
        readable ? this.#rest(memory.u32(at + SUBSCRIPTION_FD)) : 0,
        0,
      );
    }
  }

  /** The bytes from the position of a file to its end. */
  #rest(number: number): number {
    const { descriptors, native } = this.#host;
    if (descriptors.kind(number) !== KIND_FILE) return 0;
    const fd = descriptors.fd(number);
    return Math.max(0, fstatSync(fd).size - Math.max(0, native.seek(fd, 0, WHENCE_CUR)));
  }

  #collect(count: number): void {
    const { descriptors, registrations, native } = this.#host;
    const { EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP } = native.constants;
    const [gone, all] = [EPOLLERR | EPOLLHUP, this.#ready];
    let broken = false;
    for (let at = 0; at < count * READY; at += READY) {
      const token = all[at + 1]!;
      if (token === WAKE_TOKEN) continue;
      const number = descriptors.numberOf(token);
      if (number < 0) {
        registrations.discard(all[at]!);
        continue;
      }
      const mask = all[at + 2]!;
      const wanted = this.#wants(number);
      const readable = (wanted & EPOLLIN) !== 0 && (mask & (EPOLLIN | gone)) !== 0;
      const writable = (wanted & EPOLLOUT) !== 0 && (mask & (EPOLLOUT | gone)) !== 0;
      if (!readable && !writable) {
        registrations.watch(number, wanted);
        continue;
      }
      // Only of reading: wasi-libc takes POLLOUT away where there is POLLHUP, and whoever asks for nothing
      // else would see none of what it handles. A peer that has merely finished has not hung up.
      const hangup = (mask & EPOLLHUP) !== 0 ? EVENT_HANGUP : 0;
      if (readable) this.#events.emitAll(this.#readers[number]!, all[at + 3]!, hangup);
      if (writable && (mask & EPOLLERR) === 0) this.#events.emitAll(this.#writers[number]!, 0, 0);
      else if (writable) this.#events.emitBroken(this.#writers[number]!);
      broken ||= (mask & EPOLLERR) !== 0;
    }
    if (broken) this.#addErrors(count);
  }

  /** After all that is ready: errors only take the room that is left. */
  #addErrors(count: number): void {
    const { EPOLLERR } = this.#host.native.constants;
    for (let at = 0; at < count * READY; at += READY) {
      if ((this.#ready[at + 2]! & EPOLLERR) === 0) continue;
      const number = this.#host.descriptors.numberOf(this.#ready[at + 1]!);
      if (number < 0 || this.#wants(number) === 0) continue;
      this.#events.emitErrors(this.#readers[number]!);
      this.#events.emitErrors(this.#writers[number]!);
    }
  }

  /** What this call wants of a number; nothing of a listener that is shut down. */
  #wants(number: number): number {
    if (this.#stamps[number] !== this.#stamp) return 0;
    const { descriptors, waiter } = this.#host;
    if (waiter.stopping && descriptors.kinds[number] === KIND_LISTENER) return 0;
    return this.#wanted[number]!;
  }

  /** Reports every clock that has run out. */
  #runOut(): void {
    const { memory } = this.#host;
    for (let index = 0, at = this.#in; index < this.#total; index += 1, at += SUBSCRIPTION) {
      if (memory.u8(at + SUBSCRIPTION_TAG) !== EVENTTYPE_CLOCK) continue;
      if (this.#deadline.due(at)) this.#events.emit(index, E.SUCCESS, 0, 0);
    }
  }
}
