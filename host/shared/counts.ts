// Counts: what shared state holds and has done, by name, as `stats()` shows it.

import type { Shared } from './contract.ts';
import {
  COUNT_DELIVERED,
  COUNT_GROUP_BYTES,
  COUNT_KEYS,
  COUNT_LEFT_OUT,
  COUNT_MEMBERS,
  COUNT_MISSED,
  COUNT_PENDING,
  COUNT_POISONED,
  COUNT_PUBLISHED,
  COUNT_QUEUE_BYTES,
  COUNT_RETAINED,
  COUNT_STORE_BYTES,
  COUNT_TOPICS,
  COUNTS,
} from './records.ts';

/** Topics and keys of a server. The first eight are of now, the others since the start. */
export interface SharedCounts {
  /** Topics and patterns that have members. */
  topics: number;
  members: number;
  /** Messages that are retained. */
  retained: number;
  /** Of the setting groupBytes, what is used. */
  groupBytes: number;
  keys: number;
  storeBytes: number;
  /** What waits for all workers and for the server itself; queueBytes is the bound for each. */
  queueBytes: number;
  /** Requests to the store that wait for their answer. */
  pending: number;
  published: number;
  /** Messages, counted once for each member that is given one. */
  delivered: number;
  /** Times a member was told that it has missed messages. */
  missed: number;
  /** Messages that a worker did not get, since too much waited for it. */
  leftOut: number;
  /** Messages that are given to nobody any more, since a guest failed with one. */
  poisoned: number;
}

export function countsOf(shared: Shared): SharedCounts {
  const columns = new Float64Array(COUNTS);
  shared.count(columns);
  const count = (column: number): number => columns[column]!;
  return {
    topics: count(COUNT_TOPICS),
    members: count(COUNT_MEMBERS),
    retained: count(COUNT_RETAINED),
    groupBytes: count(COUNT_GROUP_BYTES),
    keys: count(COUNT_KEYS),
    storeBytes: count(COUNT_STORE_BYTES),
    queueBytes: count(COUNT_QUEUE_BYTES),
    pending: count(COUNT_PENDING),
    published: count(COUNT_PUBLISHED),
    delivered: count(COUNT_DELIVERED),
    missed: count(COUNT_MISSED),
    leftOut: count(COUNT_LEFT_OUT),
    poisoned: count(COUNT_POISONED),
  };
}
