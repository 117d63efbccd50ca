// Events: what a poll reports, written into guest memory one behind the other. It decides nothing.

import type { GuestMemory } from './memory.ts';
import {
  EVENT,
  EVENT_BYTES,
  EVENT_ERROR,
  EVENT_FLAGS,
  EVENT_TYPE,
  SUBSCRIPTION,
  SUBSCRIPTION_TAG,
} from './numbers.ts';

const TYPE_SHIFT = 8 * (EVENT_TYPE - EVENT_ERROR);

export class Events {
  /** How many, since `begin`. */
  written = 0;
  readonly #memory: GuestMemory;
  #subscriptions = 0;
  #out = 0;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /** Both addresses were checked. */
  begin(subscriptions: number, out: number): void {
    this.#subscriptions = subscriptions;
    this.#out = out;
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
}
