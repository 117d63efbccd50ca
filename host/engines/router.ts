// Router: sees to what is routed past this process: requests go to the store's engine, messages to the bus.
// It tells how both are doing. Which engines they are it does not know.

import type { SharedRecord } from '../shared/member/drafts.ts';
import { OP_GAP, OP_PUBLISH } from '../shared/records.ts';
import type { BusEngine, Engine, EngineState, StoreEngine } from './contract.ts';
import { Exchange, type ExchangeCounts, type Inbound } from './exchange.ts';
import { type Reply, type RequestBounds, Requests } from './requests.ts';

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

export class Router {
  readonly #store: Engine<StoreEngine> | null;
  readonly #bus: Engine<BusEngine> | null;
  readonly #requests: Requests | null;
  readonly #exchange: Exchange | null;

  constructor(
    store: Engine<StoreEngine> | null,
    bus: Engine<BusEngine> | null,
    reply: Reply,
    inbound: Inbound,
    bounds: RequestBounds,
  ) {
    this.#store = store;
    this.#bus = bus;
    this.#requests = store && new Requests(store.engine, reply, bounds);
    this.#exchange = bus && new Exchange(bus.engine, inbound);
  }

  /** Whether each engine can be used now. */
  get ready(): boolean {
    const engines = [this.#store?.engine, this.#bus?.engine];
    return engines.every((engine) => engine === undefined || engine.state.connected);
  }

  get store(): StoreStats | null {
    if (this.#store === null || this.#requests === null) return null;
    const { name, engine } = this.#store;
    return { engine: name, ...engine.state, ...this.#requests.counts };
  }

  get topics(): TopicsStats | null {
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

  /** Resolves when what was asked is answered, which has its time limit, and the engines are closed. */
  async close(): Promise<void> {
    await this.#requests?.idle();
    this.#exchange?.close();
    await Promise.all([this.#store?.engine.close(), this.#bus?.engine.close()]);
  }
}
