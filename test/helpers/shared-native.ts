// The addon's shared state as a subject of programs: eventfds in place of a function that wakes.

import { makeEventFd } from '../../host/kernel/event-fd.ts';
import { native } from '../../host/kernel/native.ts';
import type { SharedLimits } from '../../host/shared/contract.ts';
import type { Subject } from './shared-programs.ts';

const counter = new BigUint64Array(1);
const counterBytes = new Uint8Array(counter.buffer);

/** Its eventfds are closed with its seats. */
export function nativeSubject(limits: SharedLimits): Subject {
  /** Of the seats that are open. */
  const eventFds = new Map<number, number>();
  return {
    shared: native.shared(limits),
    eventFd(seat) {
      const eventFd = makeEventFd(native);
      eventFds.set(seat, eventFd);
      return eventFd;
    },
    woken: () =>
      [...eventFds].sort().flatMap(([seat, eventFd]) => {
        const read = native.read(eventFd, counterBytes, 0, 8);
        return read > 0 ? Array.from({ length: Number(counter[0]) }, () => seat) : [];
      }),
  };
}
