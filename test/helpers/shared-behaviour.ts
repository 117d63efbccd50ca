// Tests of shared state by behaviour: each is one of the twin and one of the addon.

import test, { type ExecutionContext } from 'ava';
import type { Shared, SharedLimits } from '../../host/shared/contract.ts';
import * as Records from '../../host/shared/records.ts';
import { nativeSubject } from './shared-native.ts';
import { roomy, Seat } from './shared-seats.ts';
import { twinSubject } from './twins.ts';

export interface Opened {
  readonly shared: Shared;
  /** Seats 1 and 2. */
  readonly one: Seat;
  readonly two: Seat;
  /** Opens another seat. @returns its number */
  another(): Seat;
  /** Numbers of the seats that were woken since the last call. */
  woken(): number[];
}

type Open = (limits?: Partial<SharedLimits>) => Opened;

const implementations = { twin: twinSubject, addon: nativeSubject };

export function behaviour(title: string, run: (t: ExecutionContext, open: Open) => void): void {
  for (const [name, subjectOf] of Object.entries(implementations)) {
    test(`${title} (${name})`, (t) =>
      run(t, (limits = {}) => {
        const subject = subjectOf({ ...roomy, ...limits });
        t.teardown(() => subject.shared.release());
        const add = (seat: number) => {
          subject.shared.open(seat, subject.eventFd(seat));
          t.teardown(() => subject.shared.close(seat));
          return new Seat(subject.shared.seat(seat));
        };
        return {
          shared: subject.shared,
          one: add(1),
          two: add(2),
          another: () => add(3),
          woken: () => subject.woken(),
        };
      }));
  }
}

const numbers: Readonly<Record<string, number>> = { ...Records };

type Column = keyof typeof Records & `COUNT_${string}`;

export function counted(shared: Shared, column: Column): number {
  const columns = new Float64Array(Records.COUNTS);
  shared.count(columns);
  return columns[numbers[column]!]!;
}
