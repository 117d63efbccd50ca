// One epoll_wait of the public class: the array the kernel's events come in, and the pairs they
// become. Knows nothing of arguments, closing and promises.

import type { Epoll as EpollSet, Result } from '../kernel/contract.ts';
import { native } from '../kernel/native.ts';
import { EVENT } from '../kernel/rows.ts';
import { SLICE_MS } from '../kernel/slice.ts';

/** A descriptor as it was registered, and the mask (u32) of what it is ready for. */
export type EpollEvent = [fd: number, mask: number];

/** What the addon takes at most in one call. */
export const MOST_EVENTS = 65_536;

export class EventList {
  #events = new Uint32Array(0);

  /**
   * One native call if there are events; if there are none, one for each slice of the wait.
   * @param ms −1 waits for ever
   * @param room from 1 to MOST_EVENTS
   * @throws SystemError
   */
  wait(set: EpollSet, ms: number, room: number): EpollEvent[] {
    const length = room * EVENT;
    if (this.#events.length < length) this.#events = new Uint32Array(length);
    const events = this.#events.length === length ? this.#events : this.#events.subarray(0, length);
    const count = waitInSlices(set, events, ms);
    if (count < 0) throw native.systemError('epoll_wait', count);
    return pairsOf(events, count);
  }
}

function waitInSlices(set: EpollSet, events: Uint32Array, ms: number): Result {
  for (let left = ms; ; left -= left < 0 ? 0 : SLICE_MS) {
    const slice = left < 0 ? SLICE_MS : Math.min(left, SLICE_MS);
    const count = set.wait(events, slice);
    if (count !== 0 || slice === left) return count;
  }
}

function pairsOf(events: Uint32Array, count: number): EpollEvent[] {
  const pairs: EpollEvent[] = new Array(count);
  for (let i = 0; i < count; i += 1) {
    const at = i * EVENT;
    // What others registered in this set may have any token, of which Python shows an int too.
    pairs[i] = [events[at]! | 0, events[at + 2]!];
  }
  return pairs;
}
