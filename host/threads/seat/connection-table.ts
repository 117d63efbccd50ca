// Connection table: the connections of one seat, as other threads may read them while its own goes on.

import { Facts } from '../../guest/facts.ts';
import { ConnectionRows } from '../../memory/connection-rows.ts';
import { Headers } from '../../memory/headers.ts';
import { COLUMNS } from '../../memory/layout.ts';
import type { Common, ConnectionTable } from '../engine.ts';
import type { SeatHoldings } from './holdings.ts';

/** @returns null before the seat's first thread serves */
export function connectionTable(
  { native, listeners, dialer }: Common,
  { segment, policy, lent }: SeatHoldings,
  index: number,
): ConnectionTable | null {
  if (segment === null) return null;
  const { maxConnections } = policy;
  const table = new Int32Array(segment, 0, maxConnections * COLUMNS);
  const headers = new Headers(lent.headers, policy);
  const directory = dialer?.directory ?? null;
  const facts = new Facts(native, { table }, { listeners, headers, directory });
  const rows = new ConnectionRows(segment, maxConnections);
  const peer = (slot: number): string => facts.peerAddress(slot);
  const upstream = (slot: number): string | null => facts.upstream(slot);
  return { index, rows, peer, listener: (slot) => facts.listener(slot), upstream };
}
