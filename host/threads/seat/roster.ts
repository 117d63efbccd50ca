// Roster: what can be asked of all seats at once, one after the other. It starts and ends none.

import {
  type Common,
  type ConnectionTable,
  fromId,
  type Roster,
  stateOf,
  type WorkerStatus,
} from '../engine.ts';
import { connectionTable } from './connection-table.ts';
import type { Seat } from './seat.ts';

export class SeatRoster implements Roster {
  readonly #common: Common;
  readonly #seats: () => readonly Seat[];

  constructor(common: Common, seats: () => readonly Seat[]) {
    this.#common = common;
    this.#seats = seats;
  }

  workers(): WorkerStatus[] {
    const errorName = (errno: number): string => this.#common.native.errorName(errno);
    return this.#seats().map(({ index, ready, draining, restarts, holdings }) => ({
      ...{ index, restarts, state: stateOf(ready, draining) },
      ...holdings.stats.snapshot(errorName),
    }));
  }

  tables(): ConnectionTable[] {
    return this.#seats().flatMap(
      ({ index, holdings }) => connectionTable(this.#common, holdings, index) ?? [],
    );
  }

  disconnect(id: number, abort: boolean): boolean {
    const { worker, handle } = fromId(id);
    const seat = this.#seats().find(({ index }) => index === worker);
    if (seat?.holdings.has(handle) !== true) return false;
    seat.post({ kind: 'disconnect', handle, abort });
    return true;
  }

  turned(): { index: number; turned: Promise<void> }[] {
    return this.#seats().map((seat) => ({ index: seat.index, turned: seat.turned() }));
  }
}
