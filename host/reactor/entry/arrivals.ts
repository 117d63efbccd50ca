// Arrivals: what a reactor has to know of connections that come in: by which listener, whom a PROXY header may
// name, and where the headers lie. It makes these parts, and lets nobody in itself.

import type { BufferConstructor, Kernel } from '../../kernel/contract.ts';
import { ListenerTable } from '../../listen/peer/listener-table.ts';
import { type PeerLimits, peerLimits } from '../../listen/peer/refusals.ts';
import { Headers } from '../../memory/headers.ts';
import { headerBytes, type Policy } from '../../policy.ts';

export interface Arrivals {
  readonly listeners: ListenerTable;
  readonly headers: Headers;
  /** Limits the clients that PROXY headers name. */
  readonly admits: PeerLimits;
}

/** What they are made from. */
export interface ArrivalMaterials {
  readonly kernel: Kernel;
  readonly buffer: BufferConstructor;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** The listeners' table, which their owner writes; an empty one when not given. */
  readonly listeners?: ArrayBufferLike;
  /** Where PROXY headers are kept; in a buffer of its own when not given. */
  readonly headers?: ArrayBufferLike;
  /** The table of addresses, for `enterPeer`; 0 or none when they are not limited. */
  readonly peers?: number;
}

export function makeArrivals(
  { kernel, buffer, now, listeners, headers, peers = 0 }: ArrivalMaterials,
  { policy }: { readonly policy: Policy },
): Arrivals {
  const table = listeners === undefined ? ListenerTable.make(buffer) : new ListenerTable(listeners);
  return {
    listeners: table,
    headers: new Headers(headers ?? new buffer(headerBytes(policy)), policy),
    admits: peerLimits(kernel, peers, now),
  };
}
