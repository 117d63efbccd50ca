// Guest host: what a guest reaches through its imports, as those who answer see it. Types only.

import type { Batch } from '../kernel/batch.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Connections } from '../memory/connections.ts';
import type { Metrics } from '../memory/counts/metrics.ts';
import type { Gate } from './calls/gate.ts';
import type { Effects } from './effects.ts';
import type { Facts } from './facts.ts';
import type { Outbound } from './outbound.ts';
import type { SharedLog } from './shared-log.ts';

/** There from the start-up on. */
export interface Environment {
  readonly clock: Clock;
  /** Fills at most 64 KiB with random bytes. */
  readonly random: (bytes: Uint8Array) => void;
  /** One line, fit to be shown; the level is one of LOG_…. */
  readonly log: (level: number, text: string) => void;
  /** What the instance is given to import in the place of these; they themselves when not given. */
  readonly around?: (imports: WebAssembly.Imports, gate: Gate) => WebAssembly.Imports;
}

/** There once the start-up is over. */
export interface GuestHost {
  readonly batch: Batch;
  readonly connections: Connections;
  readonly effects: Effects;
  readonly outbound: Pick<Outbound, 'connect' | 'splice'>;
  readonly shared: SharedLog;
  readonly facts: Facts;
  readonly metrics: Metrics;
}

/** Host functions of one import module, by name. */
export interface Functions {
  readonly [name: string]: (...values: never[]) => unknown;
}

/** Host functions that belong together. */
export interface Family {
  /** What the guest may import; called once, before the start-up. */
  functions(): Functions;
  /** The start-up is over. `window` is the address of the receive window. */
  connect(host: GuestHost, window: number): void;
}
