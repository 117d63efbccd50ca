// Counts: what an operator sees in the metrics. They are added up here, and told to the host once a callback.

import { Counter } from '../kit';

export const COMMANDS: i32 = 0;
/** Values that were asked for, and were there, or were not. */
export const HITS: i32 = 1;
export const MISSES: i32 = 2;
/** Errors that clients were told. */
export const ERRORS: i32 = 3;
/** Messages that clients have published, and that they were given. */
export const PUBLISHED: i32 = 4;
export const DELIVERED: i32 = 5;
/** Subscribers that have missed messages, and lost their connections for it. */
export const DROPPED: i32 = 6;

const ALL: i32 = 7;
/** So many of each, in 32 bits. */
const counted: usize = memory.data(28);
const counters: Counter[] = [];
let any: boolean = false;

/** In `_initialize`, in the order of the numbers. */
export function declareCounts(): void {
  counters.push(new Counter('commands'));
  counters.push(new Counter('hits'));
  counters.push(new Counter('misses'));
  counters.push(new Counter('errors'));
  counters.push(new Counter('published'));
  counters.push(new Counter('delivered'));
  counters.push(new Counter('dropped'));
}

export function note(which: i32): void {
  const place = counted + ((<usize>which) << alignof<i32>());
  store<i32>(place, load<i32>(place) + 1);
  any = true;
}

export function tellCounts(): void {
  if (!any) return;
  any = false;
  for (let i = 0; i < ALL; i += 1) {
    const place = counted + ((<usize>i) << alignof<i32>());
    const times = load<i32>(place);
    if (times === 0) continue;
    counters[i].add(times);
    store<i32>(place, 0);
  }
}
