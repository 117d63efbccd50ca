// Watched emitter: events that are looked up only while somebody listens to them. It knows no event's meaning.

import { EventEmitter } from 'node:events';
import type { ServerEvents } from './events.ts';

export class WatchedEmitter extends EventEmitter<ServerEvents> {
  #observe: () => void = () => undefined;

  /** @param observe is called when listeners have come or gone */
  protected watch(observe: () => void): void {
    this.#observe = observe;
    this.#hook();
  }

  #hook(): void {
    const { on } = EventEmitter.prototype;
    const observe = this.#observe;
    on.call(this, 'newListener', () => queueMicrotask(observe));
    on.call(this, 'removeListener', observe);
  }

  override removeAllListeners(name?: keyof ServerEvents): this {
    if (name === undefined) super.removeAllListeners();
    else super.removeAllListeners(name);
    // All listeners means those of others.
    if (name === undefined) this.#hook();
    this.#observe();
    return this;
  }
}
