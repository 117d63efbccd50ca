// Memory of connections that do nothing: the resident set of the server's process. The kernel's own
// memory for the sockets is not in it.

import { residentBytes } from '../../test/helpers/proc.ts';
import { Child } from './child.ts';
import type { Server } from './measure.ts';

export interface Held {
  readonly connections: number;
  readonly residentBytes: number;
}

/**
 * Opens connections up to each of the counts, which ascend, and tells what the server's memory is then.
 * Each connection has had one message of 64 bytes echoed. All are closed afterwards.
 * @throws BenchError when a connection does not open, or does not stay
 */
export async function holdConnections(
  load: readonly string[],
  server: Server,
  counts: readonly number[],
): Promise<Held[]> {
  const holders: Child[] = [];
  const held: Held[] = [];
  let open = 0;
  for (const connections of counts) {
    const more = `connections=${connections - open}`;
    const holder = new Child([...load, `to=${server.address}`, 'hold=1', more]);
    holders.push(holder);
    await holder.shows(/"open"/);
    open = connections;
    held.push({ connections, residentBytes: residentBytes(server.pid) });
  }
  for (const holder of holders) {
    holder.release();
    await holder.result();
  }
  return held;
}

/** Bytes that each further connection takes, from the first to the last count. */
export function bytesEach(held: readonly Held[]): number {
  const [first, last] = [held[0]!, held.at(-1)!];
  return (last.residentBytes - first.residentBytes) / (last.connections - first.connections);
}
