// Parts: what the classes of this room work on, declared once and made once. Each class keeps in private
// fields what it uses on the way of a message, and asks for the rest here. It knows no order of events.

import { Effects, effectRows } from '../guest/effects.ts';
import { SharedLog } from '../guest/shared-log.ts';
import { Batch } from '../kernel/batch.ts';
import { Clock } from '../kernel/clock.ts';
import type { BufferConstructor, Epoll, Kernel } from '../kernel/contract.ts';
import { Connections } from '../memory/connections.ts';
import type { ControlWords } from '../memory/control-words.ts';
import { Pages } from '../memory/pages.ts';
import { type Buffers, Segment } from '../memory/segment.ts';
import { Stats } from '../memory/stats.ts';
import { PAGE_BYTES, type Policy } from '../policy.ts';
import type { SharedSeat } from '../shared/contract.ts';

/** What happens to connections and the guest, for those who watch. Null costs nothing. */
export interface Observer {
  open: ((connection: number, address: string) => void) | null;
  /** Told of what was received; `bytes` is a copy. */
  data: ((connection: number, bytes: Uint8Array) => void) | null;
  close: ((connection: number, reason: number) => void) | null;
  /** The guest failed and was replaced; `why` says in what. */
  restart(why: string): void;
  /** The replacement did not come up; connections were aborted, and new ones are refused. */
  failure(error: unknown): void;
  /** The guest has used nothing of a whole `maxFrameBytes`: the connection is closed. */
  overlong(connection: number): void;
  /** One line from the guest; the level is one of LOG_…. @returns false when it was dropped */
  log(level: number, text: string): boolean;
}

export interface Parts {
  readonly kernel: Kernel;
  readonly epoll: Epoll;
  readonly policy: Policy;
  readonly observer: Observer;
  readonly control: ControlWords;
  readonly clock: Clock;
  readonly stats: Stats;
  readonly connections: Connections;
  readonly batch: Batch;
  readonly pages: Pages;
  readonly effects: Effects;
  readonly shared: SharedLog;
}

/** What the parts are made from. */
export interface Materials {
  readonly kernel: Kernel;
  readonly policy: Policy;
  readonly observer: Observer;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly buffer: BufferConstructor;
  readonly control: ControlWords;
  /** An epoll that outlives the reactor; one of its own when not given. */
  readonly epoll?: Epoll;
  /** Its place in what connections share; without one the guest is answered STATE. */
  readonly seat?: SharedSeat;
  /** The store's requests wait for somebody who performs them. */
  readonly routed?: boolean;
}

// Rows for what the host queues besides held input and effects: receives, state blocks, a backlog's front.
const HOST_ROWS = 64;

/**
 * @param existing the buffers of another reactor, to go on with
 * @throws WasmpollError ERR_POLICY when the segment would be too large
 */
export function makeParts(
  { kernel, policy, observer, now, buffer, control, epoll, seat, routed }: Materials,
  { stateBytes, stateVersion }: { stateBytes: number; stateVersion: number },
  existing?: Buffers,
): Parts {
  const { maxConnections, poolBytes, receiveWindowBytes } = policy;
  const sizes = { connections: maxConnections, stateBytes, stateVersion, poolBytes };
  const segment = new Segment(sizes, buffer, existing);
  const connections = new Connections(segment);
  // Held input is copied in, and out again at the same time as another connection's.
  const heldRows = 2 * Math.ceil(receiveWindowBytes / PAGE_BYTES);
  const batch = new Batch(kernel, effectRows(policy) + heldRows + HOST_ROWS, buffer);
  const effects = new Effects(connections, batch, policy);
  const access = { seat: seat ?? null, block: control.block, routed: routed ?? false };
  return {
    kernel,
    epoll: epoll ?? kernel.epoll(),
    policy,
    observer,
    control,
    clock: new Clock(now),
    stats: new Stats(control.counts),
    connections,
    batch,
    pages: new Pages(segment, batch),
    effects,
    shared: new SharedLog(connections, batch, effects, policy, access),
  };
}
