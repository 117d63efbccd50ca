// The pollAsync calls of one Epoll that have not been answered, and the one watcher they share.
// Knows their order, timers and signals; must not know what events are.

import type { Watcher } from '../kernel/contract.ts';

/** What calls share: a look at the set that does not block, and a watcher of it. */
export interface Source<Events> {
  /** The events that there are now, perhaps none; or throws. */
  look(room: number): Events;
  /** Watches with `callback`; throws a SystemError. */
  watch(callback: () => void): Watcher;
  isEmpty(events: Events): boolean;
}

interface Call<Events> {
  readonly room: number;
  readonly resolve: (events: Events) => void;
  readonly reject: (reason: unknown) => void;
  /** Ends the timer and stops listening to the signal. */
  readonly disarm: () => void;
}

/**
 * A wake of the loop answers the oldest call and no other, so that what its owner does with the
 * events is done before the next call looks. While there are calls the watcher keeps the thread
 * alive. When there are none it does not, and is closed at the loop's next turn unless another call
 * has come, which saves a loop that calls again and again from opening it anew.
 */
export class PendingPolls<Events> {
  readonly #source: Source<Events>;
  readonly #pending = new Set<Call<Events>>();
  #watcher: Watcher | null = null;
  #parting: NodeJS.Immediate | null = null;

  constructor(source: Source<Events>) {
    this.#source = source;
  }

  /**
   * Answers when there are events, or after `ms` if that is not −1. Rejects with the signal's
   * reason, or with a SystemError if the set cannot be watched.
   */
  add(ms: number, room: number, signal: AbortSignal | undefined): Promise<Events> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const call: Call<Events> = {
        room,
        resolve,
        reject,
        disarm: () => {
          for (const stop of stops) stop();
        },
      };
      // The caller's object first: should it throw, nothing has been opened yet.
      const stops = [listen(signal, () => this.#fail(call, signal?.reason))];
      try {
        this.#watch();
      } catch (error) {
        call.disarm();
        throw error;
      }
      stops.push(startTimer(ms, () => this.#answer(call, true)));
      this.#pending.add(call);
    });
  }

  /** Rejects all calls, oldest first, and gives the watcher's descriptor back. */
  close(reason: Error): void {
    for (const call of this.#pending) {
      call.disarm();
      call.reject(reason);
    }
    this.#pending.clear();
    this.#closeWatcher();
  }

  #watch(): void {
    this.#watcher ??= this.#source.watch(() => this.#wake());
    this.#watcher.ref();
  }

  #wake(): void {
    const [oldest] = this.#pending;
    // Readable, and nobody waits: it would wake at every turn.
    if (oldest === undefined) this.#closeWatcher();
    else this.#answer(oldest, false);
  }

  /** With events or with the error of looking; with no events only if the time is `over`. */
  #answer(call: Call<Events>, over: boolean): void {
    try {
      const events = this.#source.look(call.room);
      if (!over && this.#source.isEmpty(events)) return;
      this.#remove(call);
      call.resolve(events);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  #fail(call: Call<Events>, reason: unknown): void {
    this.#remove(call);
    call.reject(reason);
  }

  #remove(call: Call<Events>): void {
    call.disarm();
    this.#pending.delete(call);
    if (this.#pending.size > 0) return;
    this.#watcher?.unref();
    this.#parting ??= setImmediate(() => {
      this.#parting = null;
      if (this.#pending.size === 0) this.#closeWatcher();
    }).unref();
  }

  #closeWatcher(): void {
    this.#watcher?.close();
    this.#watcher = null;
    if (this.#parting !== null) clearImmediate(this.#parting);
    this.#parting = null;
  }
}

function listen(signal: AbortSignal | undefined, callback: () => void): () => void {
  signal?.addEventListener('abort', callback);
  return () => signal?.removeEventListener('abort', callback);
}

/**
 * Returns what stops it. Even 0 ms take a turn of the loop, so that calls in a row starve nobody.
 */
function startTimer(ms: number, callback: () => void): () => void {
  if (ms < 0) return () => {};
  if (ms === 0) {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  }
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}
