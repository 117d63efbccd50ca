// Events: what a poll reports, written into guest memory one behind the other, for one subscription or a
// chain of them, and who reads it. It does not know why.

import type { GuestMemory } from './memory.ts';
import {
  E,
  EVENT,
  EVENT_BYTES,
  EVENT_ERROR,
  EVENT_FLAGS,
  EVENT_TYPE,
  POLLFD,
  POLLFD_EVENTS,
  POLLRDNORM,
  POLLWRNORM,
  SUBSCRIPTION,
  SUBSCRIPTION_FD,
  SUBSCRIPTION_TAG,
} from './numbers.ts';

const TYPE_SHIFT = 8 * (EVENT_TYPE - EVENT_ERROR);
const BOTH = POLLRDNORM | POLLWRNORM;

/** The end of a chain. */
export const NONE = -1;

export class Events {
  /** How many, since `begin`. */
  written = 0;
  /** By subscription: the next one of its chain. As long as there are subscriptions, at least. */
  next = new Int32Array(64);
  readonly #memory: GuestMemory;
  #subscriptions = 0;
  #out = 0;
  #most = 0;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /** For `total` subscriptions there is room for as many events. Both addresses were checked. */
  begin(subscriptions: number, out: number, total: number): void {
    this.#subscriptions = subscriptions;
    this.#out = out;
    this.#most = total;
    this.written = 0;
  }

  /** Reports on the subscription with that index. */
  emit(index: number, error: number, bytes: number, flags: number): void {
    const memory = this.#memory;
    const subscription = this.#subscriptions + index * SUBSCRIPTION;
    const event = this.#out + this.written * EVENT;
    const [low, high] = [memory.u32(subscription), memory.u32(subscription + 4)];
    const type = memory.u8(subscription + SUBSCRIPTION_TAG);
    memory.setU32(event, low);
    memory.setU32(event + 4, high);
    // What is between the fields is zero.
    memory.setU32(event + EVENT_ERROR, error | (type << TYPE_SHIFT));
    memory.setU32(event + EVENT_ERROR + 4, 0);
    memory.setU64(event + EVENT_BYTES, bytes);
    memory.setU64(event + EVENT_FLAGS, flags);
    this.written += 1;
  }

  /** Reports success on a chain. */
  emitAll(head: number, bytes: number, flags: number): void {
    for (let at = head; at !== NONE; at = this.next[at]!) this.emit(at, E.SUCCESS, bytes, flags);
  }

  /**
   * Reports on a chain of writers whose descriptor has an error. Of what libc polls for both directions,
   * the one for reading says that it is ready, and this one the error.
   */
  emitBroken(head: number): void {
    for (let at = head; at !== NONE; at = this.next[at]!) {
      this.emit(at, this.#polled(at) === BOTH ? E.IO : E.SUCCESS, 0, 0);
    }
  }

  /** Adds the error to what libc polls for one direction, as far as there is room. */
  emitErrors(head: number): void {
    for (let at = head; at !== NONE && this.written < this.#most; at = this.next[at]!) {
      const asked = this.#polled(at);
      if (asked !== 0 && asked !== BOTH) this.emit(at, E.IO, 0, 0);
    }
  }

  /**
   * What wasi-libc's `poll` asks for with the subscription; 0 when it is somebody else's. libc's userdata
   * is the address of its struct pollfd, in which the same descriptor stands. Only libc is given errors:
   * it makes POLLERR of them, where a poll of mio's fails as a whole.
   */
  #polled(index: number): number {
    const memory = this.#memory;
    const at = this.#subscriptions + index * SUBSCRIPTION;
    const address = memory.u32(at);
    if (memory.u32(at + 4) !== 0 || !memory.holds(address, POLLFD)) return 0;
    if (memory.u32(address) !== memory.u32(at + SUBSCRIPTION_FD)) return 0;
    return memory.u16(address + POLLFD_EVENTS) & BOTH;
  }
}
