// Parts: what the classes of this room work on, declared once and made once. Each class keeps in private
// fields what it uses on the way of a message, and asks for the rest here. It knows no order of events.

import { Effects, effectRows } from '../guest/effects.ts';
import { Facts } from '../guest/facts.ts';
import { Outbound } from '../guest/outbound.ts';
import { SharedLog } from '../guest/shared-log.ts';
import type { Ground, GroundOptions } from '../guest/start.ts';
import { Batch } from '../kernel/batch.ts';
import type { Clock } from '../kernel/clock.ts';
import type { BufferConstructor, Epoll, Kernel, TlsAccess } from '../kernel/contract.ts';
import { Connections } from '../memory/connections.ts';
import { Metrics } from '../memory/counts/metrics.ts';
import { Stats } from '../memory/counts/stats.ts';
import { Pages } from '../memory/pages.ts';
import { type Buffers, Segment } from '../memory/segment.ts';
import { PAGE_BYTES } from '../policy.ts';
import type { SharedSeat } from '../shared/contract.ts';
import type { UpstreamAccess } from '../upstreams/contract.ts';
import { type ArrivalMaterials, type Arrivals, makeArrivals } from './entry/arrivals.ts';
import type { Observer } from './observer.ts';

export interface Parts extends Ground, Arrivals {
  readonly kernel: Kernel;
  readonly epoll: Epoll;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly stats: Stats;
  readonly metrics: Metrics;
  readonly facts: Facts;
  readonly connections: Connections;
  readonly batch: Batch;
  readonly pages: Pages;
  readonly effects: Effects;
  readonly shared: SharedLog;
  readonly outbound: Outbound;
  /** Null where there are no upstreams. */
  readonly upstreams: UpstreamAccess | null;
  /** Null where no listener has TLS. */
  readonly tls: TlsAccess | null;
}

/** What the parts are made from. */
export interface Materials extends GroundOptions, ArrivalMaterials {
  readonly kernel: Kernel;
  readonly observer: Observer;
  readonly buffer: BufferConstructor;
  /** Where metrics are kept; in a buffer of its own when not given. */
  readonly metrics?: ArrayBufferLike;
  /** An epoll that outlives the reactor; one of its own when not given. */
  readonly epoll?: Epoll;
  /** Its place in what connections share; without one the guest is answered STATE. */
  readonly seat?: SharedSeat;
  /** The store's requests wait for somebody who performs them. */
  readonly routed?: boolean;
  readonly tls?: TlsAccess | null;
  readonly upstreams?: UpstreamAccess | null;
}

// Rows for what the host queues besides held input and effects: receives, state blocks, a backlog's front.
const HOST_ROWS = 64;

/**
 * @param existing the buffers of another reactor, to go on with
 * @throws WasmpollError ERR_POLICY when the segment would be too large
 */
export function makeParts(
  materials: Materials,
  ground: Ground,
  { stateBytes, stateVersion }: { stateBytes: number; stateVersion: number },
  existing?: Buffers,
): Parts {
  const { kernel, observer, buffer, metrics, epoll, seat, routed, tls } = materials;
  const { policy, control, environment } = ground;
  const { maxConnections, poolBytes, receiveWindowBytes } = policy;
  const sizes = { connections: maxConnections, stateBytes, stateVersion, poolBytes };
  const segment = new Segment(sizes, buffer, existing);
  const connections = new Connections(segment);
  // Held input is copied in, and out again at the same time as another connection's.
  const heldRows = 2 * Math.ceil(receiveWindowBytes / PAGE_BYTES);
  const batch = new Batch(kernel, effectRows(policy) + heldRows + HOST_ROWS, buffer, tls?.place);
  const effects = new Effects(connections, batch, policy, tls?.modes);
  const arrivals = makeArrivals(materials, ground);
  const upstreams = materials.upstreams ?? null;
  const { clock } = environment;
  const { headers } = arrivals;
  const outbound = new Outbound(connections, effects, headers, policy, clock, upstreams);
  const facts = new Facts(
    kernel,
    connections,
    { ...arrivals, directory: outbound.directory, seat },
    tls?.seat,
  );
  const access = { seat: seat ?? null, block: control.block, routed: routed ?? false };
  return {
    ...ground,
    ...arrivals,
    kernel,
    epoll: epoll ?? kernel.epoll(),
    observer,
    clock,
    stats: new Stats(control.counts),
    metrics: new Metrics(metrics ?? new buffer(Metrics.bytes)),
    facts,
    connections,
    batch,
    pages: new Pages(segment, batch),
    effects,
    outbound,
    upstreams,
    shared: new SharedLog(connections, batch, effects, policy, access),
    tls: tls ?? null,
  };
}
