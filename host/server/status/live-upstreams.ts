// Live upstreams: the figures of upstreams with the bytes of those connections that are still open. Figures that count
// never go back. It knows no dialer.

import type { ConnectionTable } from '../../threads/engine.ts';
import type { UpstreamsStats } from '../outside.ts';

interface Bytes {
  bytesIn: number;
  bytesOut: number;
}

export class LiveUpstreams {
  /** What was told last. */
  readonly #told = new Map<string, Bytes>();

  /**
   * @param counted with the bytes of connections that are over
   * @param tables asked for if there are connections; they may change meanwhile
   */
  add(counted: UpstreamsStats, tables: () => readonly ConnectionTable[]): UpstreamsStats {
    const entries = Object.entries(counted);
    const live = new Map<string, Bytes>();
    if (entries.some(([, { open, connecting }]) => open > connecting)) {
      for (const table of tables()) this.#sum(table, live);
    }
    return Object.fromEntries(
      entries.map(([name, stats]) => [name, { ...stats, ...this.#tell(name, stats, live) }]),
    );
  }

  #sum({ rows, upstream }: ConnectionTable, live: Map<string, Bytes>): void {
    for (let slot = 0; slot < rows.size && rows.used(slot); slot += 1) {
      if (!rows.isOutbound(slot) || !rows.has(slot)) continue;
      const name = upstream(slot) ?? '';
      const { bytesIn = 0, bytesOut = 0 } = live.get(name) ?? {};
      live.set(name, {
        bytesIn: bytesIn + rows.key(slot, 'bytesIn'),
        bytesOut: bytesOut + rows.key(slot, 'bytesOut'),
      });
    }
  }

  // One that ended between the two counts is in neither: what was told before stands until it is exceeded.
  #tell(name: string, counted: Bytes, live: ReadonlyMap<string, Bytes>): Bytes {
    const before = this.#told.get(name) ?? { bytesIn: 0, bytesOut: 0 };
    const more = live.get(name) ?? { bytesIn: 0, bytesOut: 0 };
    const told = {
      bytesIn: Math.max(before.bytesIn, counted.bytesIn + more.bytesIn),
      bytesOut: Math.max(before.bytesOut, counted.bytesOut + more.bytesOut),
    };
    this.#told.set(name, told);
    return told;
  }
}
