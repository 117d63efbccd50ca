// Twins with some seats that are open, and who was woken.

import type { SharedLimits } from '../../host/shared/contract.ts';
import * as Records from '../../host/shared/records.ts';
import { Twin } from '../../host/shared/twin.ts';
import type { Subject } from './shared-programs.ts';
import { roomy, Seat } from './shared-seats.ts';

export interface Seats {
  readonly twin: Twin;
  readonly one: Seat;
  readonly two: Seat;
  /** Numbers of the seats that were woken: 1 and 2. */
  readonly woken: number[];
}

export function twinOfTwo(limits: Partial<SharedLimits> = {}): Seats {
  const woken: number[] = [];
  const twin = new Twin({ ...roomy, ...limits }, (seat) => woken.push(seat));
  twin.open(1, 0);
  twin.open(2, 0);
  return { twin, woken, one: new Seat(twin.seat(1)), two: new Seat(twin.seat(2)) };
}

const numbers: Readonly<Record<string, number>> = { ...Records };

type Column = keyof typeof Records & `COUNT_${string}`;

export function counted(shared: { count(columns: Float64Array): void }, column: Column): number {
  const columns = new Float64Array(Records.COUNTS);
  shared.count(columns);
  return columns[numbers[column]!]!;
}

export function twinSubject(limits: SharedLimits): Subject {
  const woken = new Set<number>();
  return {
    shared: new Twin(limits, (seat) => woken.add(seat)),
    eventFd: () => 0,
    woken() {
      const seats = [...woken].sort((a, b) => a - b);
      woken.clear();
      return seats;
    },
  };
}
