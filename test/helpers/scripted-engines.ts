// Scripted engines: a store whose calls are settled when and as a test says, and a bus within the process that
// can be cut.

import type {
  BusEngine,
  BusEvents,
  EngineState,
  Found,
  StoreEngine,
} from '../../host/engines/contract.ts';

export interface Call {
  readonly op: 'get' | 'put' | 'delete' | 'add';
  readonly key: string;
  readonly args: readonly unknown[];
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class ScriptedStore implements StoreEngine {
  readonly state: EngineState = { connected: true, reconnects: 0 };
  /** Calls that are not settled are the test's to settle. */
  readonly calls: Call[] = [];
  closed = false;
  onClose: () => void = () => undefined;

  start(): Promise<void> {
    return Promise.resolve();
  }

  get(key: Uint8Array): Promise<Found | null> {
    return this.#call('get', key);
  }

  put(key: Uint8Array, ...args: unknown[]): Promise<void> {
    return this.#call('put', key, ...args);
  }

  delete(key: Uint8Array, ...args: unknown[]): Promise<void> {
    return this.#call('delete', key, ...args);
  }

  add(key: Uint8Array, ...args: unknown[]): Promise<number> {
    return this.#call('add', key, ...args);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.onClose();
  }

  #call<Result>(op: Call['op'], key: Uint8Array, ...args: unknown[]): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const text = Buffer.from(key).toString('latin1');
      this.calls.push({
        op,
        key: text,
        args,
        resolve: (value) => resolve(value as Result),
        reject,
      });
    });
  }
}

/** What buses of one wire publish reaches all others of it, at once. */
export class Wire {
  readonly buses: WireBus[] = [];

  bus(): WireBus {
    const bus = new WireBus(this);
    this.buses.push(bus);
    return bus;
  }
}

export class WireBus implements BusEngine {
  /** Frames that were taken. */
  readonly sent: Uint8Array[] = [];
  connected = true;
  closed = false;
  events: BusEvents | null = null;
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  get state(): EngineState {
    return { connected: this.connected, reconnects: 0 };
  }

  async start(events: BusEvents): Promise<void> {
    this.events = events;
  }

  publish(frame: Uint8Array): boolean {
    if (!this.connected) return false;
    this.sent.push(frame);
    for (const bus of this.#wire.buses) if (bus.connected) bus.events?.frame(frame);
    return true;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
