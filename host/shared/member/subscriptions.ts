// Subscriptions: who is called with which messages. Each has a handle of its own, so that one ends without the
// others. It knows no seat, and not how a message came.

import { DELIVERED_RETAINED } from '../records.ts';

/** Handle of what is no subscription: all requests to the store. */
export const REQUESTS_HANDLE = 1;
const LARGEST_HANDLE = 0x7fff_ffff;

/** What comes with a message. */
export interface MessageInfo {
  /**
   * Where it was published. A byte that is no UTF-8 is a lone surrogate, U+DC80 to U+DCFF; `publish` and
   * `subscribe` take it as that byte again.
   */
  readonly topic: string;
  /** It was kept from before the subscription. */
  readonly retained: boolean;
}

/** Is given bytes of its own. What it throws, or rejects with, is an `error` event. */
export type MessageHandler = (data: Uint8Array, message: MessageInfo) => unknown;

/** A subscription, as `subscribe` was given it. */
export interface Subscription {
  readonly topic: string;
  readonly pattern: boolean;
}

export interface SubscriptionObserver {
  /** Messages for this subscription were lost, or may have been. */
  missed(subscription: Subscription): void;
  /** A handler failed. */
  failed(error: unknown): void;
}

interface Handled extends Subscription {
  readonly handler: MessageHandler;
}

export class Subscriptions {
  readonly #observer: SubscriptionObserver;
  readonly #handled = new Map<number, Handled>();
  #last = REQUESTS_HANDLE;

  constructor(observer: SubscriptionObserver) {
    this.#observer = observer;
  }

  // Numbers start anew after two thousand million, beside the few subscriptions that go on.
  nextHandle(): number {
    do this.#last = this.#last === LARGEST_HANDLE ? REQUESTS_HANDLE + 1 : this.#last + 1;
    while (this.#handled.has(this.#last));
    return this.#last;
  }

  set(handle: number, handled: Handled): void {
    this.#handled.set(handle, handled);
  }

  /** @returns whether there was one */
  delete(handle: number): boolean {
    return this.#handled.delete(handle);
  }

  clear(): void {
    this.#handled.clear();
  }

  /**
   * Calls the handler; nobody, if it was stopped.
   * @param data is the handler's from here on
   * @param flags DELIVERED_…
   */
  deliver(handle: number, topic: string, data: Uint8Array, flags: number): void {
    const handled = this.#handled.get(handle);
    if (handled === undefined) return;
    const retained = (flags & DELIVERED_RETAINED) !== 0;
    try {
      const result = handled.handler(data, { topic, retained });
      if (result instanceof Promise) result.catch((error) => this.#observer.failed(error));
    } catch (error) {
      this.#observer.failed(error);
    }
  }

  missed(handle: number): void {
    const handled = this.#handled.get(handle);
    if (handled === undefined) return;
    const { topic, pattern } = handled;
    this.#observer.missed({ topic, pattern });
  }
}
