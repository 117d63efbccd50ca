// Close reasons and log levels by name, for events and log lines.

import * as abi from '../../assembly/abi.ts';

const names = (prefix: string): ReadonlyMap<number, string> =>
  new Map(
    Object.entries(abi)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [
        value,
        name.slice(prefix.length).toLowerCase().replaceAll('_', ' '),
      ]),
  );

const reasons = names('REASON_');

/** `peer`, `guest`, `write timeout`, …: the reason's name in abi.ts. */
export const reasonName = (reason: number): string => reasons.get(reason) ?? `reason ${reason}`;
