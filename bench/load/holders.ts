// Connections that do nothing, held open by load.c in processes of its own, and the memory that the
// server's process has meanwhile. The kernel's own memory for the sockets is not in it.

import { native } from '../../host/kernel/native.ts';
import { residentBytes } from '../../test/helpers/proc.ts';
import { Child } from './child.ts';
import type { Server } from './measure.ts';

// Listeners, epolls, standard streams, modules; wasmpoll keeps 32 for itself.
const SPARE_DESCRIPTORS = 64;
// One loopback address is good for so many connections to one port.
const PORTS = 20_000;

/** As many connections as one process can have at its limit of descriptors. */
export const mostConnections = (): number => native.fileLimit() - SPARE_DESCRIPTORS;

/** Each connection has one message of 64 bytes echoed, and is quiet from then on. */
export class Holders {
  readonly #load: readonly string[];
  readonly #most = mostConnections();
  readonly #children: Child[] = [];

  /** `load` is the command of load.c, with what pins it. */
  constructor(load: readonly string[]) {
    this.#load = load;
  }

  /** @throws BenchError when a connection does not open */
  async open(server: Server, connections: number): Promise<void> {
    for (let left = connections; left > 0; left -= this.#most) {
      const each = Math.min(left, this.#most);
      // Every holder has addresses of its own.
      const source = this.#children.length * Math.ceil(this.#most / PORTS);
      const options = [`to=${server.address}`, `connections=${each}`, `source=${source}`, 'hold=1'];
      const child = new Child([...this.#load, ...options]);
      this.#children.push(child);
      await child.shows(/"open"/);
    }
  }

  /** Closes them. @throws BenchError when one of them did not stay */
  async release(): Promise<void> {
    for (const child of this.#children) child.release();
    for (const child of this.#children) await child.result();
  }
}

export interface Held {
  readonly connections: number;
  readonly residentBytes: number;
}

/**
 * Opens connections up to each of the counts, which ascend, and closes all of them in the end.
 * @returns the server's memory without any, and then with each count
 * @throws BenchError when a connection does not open, or does not stay
 */
export async function holdConnections(
  load: readonly string[],
  server: Server,
  counts: readonly number[],
): Promise<Held[]> {
  const holders = new Holders(load);
  const held: Held[] = [];
  let open = 0;
  for (const connections of [0, ...counts]) {
    await holders.open(server, connections - open);
    open = connections;
    held.push({ connections, residentBytes: residentBytes(server.pid) });
  }
  await holders.release();
  return held;
}

/** Bytes that each further connection takes. */
export const bytesEach = (fewer: Held, more: Held): number =>
  (more.residentBytes - fewer.residentBytes) / (more.connections - fewer.connections);
