// Recording: all that an instance was given, from its start on: each callback, what the host has written into its
// memory before it, and what host functions have answered in it. Types, and the words that those share who note, keep
// and play one.

import { guestImports } from '../../module/interface.ts';

/** Bytes that the host has written into the guest's memory. */
export interface Written {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** What a host function has answered; null if it has thrown. */
export interface Answer {
  readonly name: string;
  readonly result: number | null;
  readonly writes: readonly Written[];
}

/** A callback, or the start-up. */
export interface Entry {
  /** `on_data`; '' for the start-up. */
  readonly callback: string;
  /** All that it was called with. */
  readonly numbers: readonly number[];
  /** The monotonic and the wall's clock, in milliseconds. */
  readonly now: number;
  readonly wall: number;
  /** Before it ran. */
  readonly writes: readonly Written[];
  readonly answers: readonly Answer[];
  /** What it has returned, 0 if nothing; null if it has not. */
  readonly returned: number | null;
}

export interface Recording {
  readonly entries: readonly Entry[];
  /** False if there was no room for all of it: it cannot be played. */
  readonly complete: boolean;
}

/** Callbacks by the names that Guest has for them. The place of one in this list is its number on a tape. */
export const CALLBACKS = [
  ['', ''],
  ['on_data', 'onData'],
  ['on_end', 'onEnd'],
  ['on_open', 'onOpen'],
  ['on_drain', 'onDrain'],
  ['on_timer', 'onTimer'],
  ['on_close', 'onClose'],
  ['on_restore', 'onRestore'],
  ['migrate', 'migrate'],
  ['on_start', 'onStart'],
  ['on_tick', 'onTick'],
  ['on_message', 'onMessage'],
  ['on_reply', 'onReply'],
  ['on_missed', 'onMissed'],
  ['on_connect', 'onConnect'],
  ['on_replies', 'onReplies'],
] as const;

/** All host functions. The place of one in this list is its number on a tape. */
export const HOST_FUNCTIONS: readonly string[] = Object.values(guestImports).flatMap((functions) =>
  Object.keys(functions),
);

/** An address and a length. */
type Range = readonly [at: number, length: number];
type Ranges = (values: readonly number[], result: number) => readonly Range[];

/** As much of an answer as there is room for. */
const answerIn =
  (buffer: number): Ranges =>
  (values, result) => [[values[buffer]!, Math.min(values[buffer + 1]!, result)]];
/** So many bytes at the address that is the argument of this place. */
const wordsAt =
  (...places: readonly Range[]): Ranges =>
  (values) =>
    places.map(([place, length]) => [values[place]!, length]);

/** Where host functions write, by what they were called with; the others do not write. */
export const WRITES: Readonly<Record<string, Ranges>> = {
  random: ([at, length]) => [[at!, length!]],
  config: answerIn(0),
  peer_address: answerIn(1),
  property: answerIn(3),
  random_get: ([at, length]) => [[at!, length!]],
  args_sizes_get: wordsAt([0, 4], [1, 4]),
  environ_sizes_get: wordsAt([0, 4], [1, 4]),
  clock_res_get: wordsAt([1, 8]),
  clock_time_get: wordsAt([2, 8]),
  fd_write: wordsAt([3, 4]),
  fd_fdstat_get: wordsAt([1, 24]),
};
