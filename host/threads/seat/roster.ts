// Roster: what can be asked of all seats at once, one after the other. It starts and ends none.

import type { Native } from '../../kernel/native.ts';
import {
  type ConnectionTable,
  fromId,
  type Roster,
  stateOf,
  type WorkerStatus,
} from '../engine.ts';
import type { Seat } from './seat.ts';

export class SeatRoster implements Roster {
  readonly #native: Native;
  readonly #seats: () => readonly Seat[];

  constructor(native: Native, seats: () => readonly Seat[]) {
    this.#native = native;
    this.#seats = seats;
  }

  workers(): WorkerStatus[] {
    const errorName = (errno: number): string => this.#native.errorName(errno);
    return this.#seats().map(({ index, ready, draining, restarts, holdings }) => ({
      ...{ index, restarts, state: stateOf(ready, draining) },
      ...holdings.stats.snapshot(errorName),
    }));
  }

  tables(): ConnectionTable[] {
    return this.#seats().flatMap(({ index, holdings: { rows } }) =>
      rows === null ? [] : [{ index, rows }],
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
