// Router: sees to what is routed past this process: requests go to the store's engine, messages to the bus.
// It tells how both are doing. Which engines they are it does not know.

import type { SharedRecord } from '../shared/member/drafts.ts';
import { OP_GAP, OP_PUBLISH } from '../shared/records.ts';
import { OWN_SEAT } from '../shared/seats.ts';
import type { BusEngine, Engine, EngineState, Performer } from './contract.ts';
import { Exchange, type ExchangeCounts, type Inbound } from './exchange.ts';
import { type Reply, type RequestBounds, Requests } from './requests.ts';
import type { Timers } from './timers.ts';

export { PROCESS_BYTES } from './frame.ts';

export interface StoreStats extends EngineState {
  /** The engine's address, without user and password. */
  readonly engine: string;
  readonly pending: number;
  /** Since the start, requests answered UNKNOWN and UNAVAILABLE. */
  readonly unknown: number;
  readonly unavailable: number;
}

export interface TopicsStats extends EngineState, ExchangeCounts {
  readonly engine: string;
}

/** How the engines are doing; null for those that there are not. */
export interface EnginesStats {
  /** Whether each engine can be used now. True when there are none. */
  readonly ready: boolean;
  readonly store: StoreStats | null;
  readonly topics: TopicsStats | null;
}

/** What there is without engines. */
export const NO_ENGINES: EnginesStats = { ready: true, store: null, topics: null };

/** What a router is put together from. */
export interface RouterParts {
  readonly store: Engine<Performer> | null;
  readonly bus: Engine<BusEngine> | null;
  /** See `Shared`. */
  readonly shared: {
    readonly reply: Reply;
    routeStore(seat: number): void;
    routePublishes(seat: number): void;
  };
  /** The program's own seat, which is given what is routed. */
  readonly own: Inbound & { route(router: (record: SharedRecord) => void): void };
  readonly bounds: RequestBounds;
  /** PROCESS_BYTES that no other process of the service has. */
  readonly process: Uint8Array;
  readonly timers: Timers;
}

export class Router {
  readonly #store: Engine<Performer> | null;
  readonly #bus: Engine<BusEngine> | null;
  readonly #requests: Requests | null;
  readonly #exchange: Exchange | null;

  constructor({ store, bus, shared, own, bounds, process, timers }: RouterParts) {
    this.#store = store;
    this.#bus = bus;
    const reply: Reply = (...answer) => shared.reply(...answer);
    this.#requests = store && new Requests(store.engine, reply, bounds, timers);
    this.#exchange = bus && new Exchange(bus.engine, own, process, timers);
    own.route((record) => this.record(record));
    if (store !== null) shared.routeStore(OWN_SEAT);
    if (bus !== null) shared.routePublishes(OWN_SEAT);
  }

  get stats(): EnginesStats {
    const engines = [this.#store?.engine, this.#bus?.engine];
    const ready = engines.every((engine) => engine === undefined || engine.state.connected);
    return { ready, store: this.#storeStats, topics: this.#topicsStats };
  }

  get #storeStats(): StoreStats | null {
    if (this.#store === null || this.#requests === null) return null;
    const { name, engine } = this.#store;
    return { engine: name, ...engine.state, ...this.#requests.counts };
  }

  get #topicsStats(): TopicsStats | null {
    if (this.#bus === null || this.#exchange === null) return null;
    const { name, engine } = this.#bus;
    return { engine: name, ...engine.state, ...this.#exchange.counts };
  }

  /**
   * Resolves when the first attempts to reach the engines are over, whatever came of them.
   * @throws Error when trying again would not help
   */
  async start(): Promise<void> {
    await Promise.all([this.#store?.engine.start(), this.#exchange?.start()]);
  }

  /** Sees to a record that was routed to the program's own seat. */
  record(record: SharedRecord): void {
    if (record.op === OP_PUBLISH) this.#exchange?.publish(record);
    else if (record.op === OP_GAP) this.#exchange?.missed();
    else this.#requests?.ask(record);
  }

  /**
   * Waits for what was asked, closes the engines, and answers with UNKNOWN what they leave.
   * @param limitMs how long all of it may take
   * @returns whether it was over by then; if not, an engine may still be busy
   */
  async close(limitMs: number): Promise<boolean> {
    let stop = (): void => undefined;
    const late = new Promise<false>((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      stop = () => clearTimeout(timer);
    });
    const inTime = (done: Promise<unknown>): Promise<boolean> =>
      Promise.race([done.then(() => true), late]);
    try {
      const answered = await inTime(this.#idle());
      this.#exchange?.close();
      const closing = Promise.all([this.#store?.engine.close(), this.#bus?.engine.close()]);
      const closed = await inTime(closing);
      await this.#idle();
      return answered && closed;
    } finally {
      stop();
    }
  }

  #idle(): Promise<void> {
    return this.#requests?.idle() ?? Promise.resolve();
  }
}
