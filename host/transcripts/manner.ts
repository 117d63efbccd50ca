// Manner: how a transcript is played: in which pieces bytes are sent, how the clients read, and when the guest is
// replaced meanwhile. It knows no transcript.

import { seeded } from '../testing/seeded.ts';

export interface Manner {
  /** What is sent without a pause goes out whole, byte by byte, or cut where the seed says. */
  readonly cut: 'whole' | 'bytes' | { readonly seed: number };
  /** What fits into each of the two buffers of a connection; null for as much as there is. */
  readonly bufferBytes: number | null;
  readonly fresh: Fresh | null;
}

/** A fresh instance takes over: by a swap of the module for itself, or after a trap that costs nobody. */
export interface Fresh {
  readonly by: 'swap' | 'trap';
  /** Before the round of this number, or before each. */
  readonly at: number | 'each';
}

/** As a program that is in no hurry to read. */
const SLOW_BYTES = 4096;
const CUTS = 20;
/** So many places a fresh instance is tried at; of more, some are chosen. */
const PLACES = 60;

export const WHOLE: Manner = { cut: 'whole', bufferBytes: null, fresh: null };

/** What follows when the whole play went well. @param seeds of the cuts */
export function otherManners(seeds: readonly number[]): Manner[] {
  const bytes: Manner = { ...WHOLE, cut: 'bytes' };
  const random = seeds.map((seed) => ({ ...WHOLE, cut: { seed } }));
  return [bytes, ...random, { ...WHOLE, bufferBytes: SLOW_BYTES }];
}

/** Seeds for as many cuts as are made. @param seed decides them all */
export function seedsFrom(seed: number): number[] {
  const words = new Uint32Array(CUTS);
  seeded(seed)(new Uint8Array(words.buffer));
  return [...words];
}

/**
 * A fresh instance at any place.
 * @param rounds how many a play in this manner has
 * @param seed chooses places when there are too many
 */
export function freshManners(
  manner: Manner,
  by: Fresh['by'],
  rounds: number,
  seed: number,
): Manner[] {
  const places = Array.from({ length: rounds }, (_, at) => at);
  const next = numbers(seed);
  while (places.length > PLACES) places.splice(next(places.length), 1);
  const each: Fresh = { by, at: 'each' };
  return [...places.map((at) => ({ by, at })), each].map((fresh) => ({ ...manner, fresh }));
}

/** The pieces in which bytes are sent. */
export function piecesOf(
  bytes: Uint8Array,
  next: (below: number) => number,
  cut: Manner['cut'],
): Uint8Array[] {
  if (cut === 'whole') return [bytes];
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    // Small pieces find what is wrong within a message, large ones what is wrong between two.
    const most = cut === 'bytes' ? 1 : 1 + next([4, 16, bytes.length][next(3)]!);
    pieces.push(bytes.subarray(at, at + most));
    at += most;
  }
  return pieces;
}

/** Whole numbers from 0 up to one that is not reached, decided by the seed. */
export function numbers(seed: number): (below: number) => number {
  const fill = seeded(seed);
  const word = new Uint32Array(1);
  const bytes = new Uint8Array(word.buffer);
  return (below) => {
    fill(bytes);
    return word[0]! % below;
  };
}

/** In words, to follow `played`. */
export function mannerInWords({ cut, bufferBytes, fresh }: Manner): string {
  let how = 'whole';
  if (cut === 'bytes') how = 'byte by byte';
  else if (cut !== 'whole') how = `cut at random (--seed ${cut.seed})`;
  if (bufferBytes !== null) how = `to clients that read ${bufferBytes} bytes at a time`;
  if (fresh === null) return how;
  const what = fresh.by === 'swap' ? 'a swap' : 'a trap';
  return `${how}, with ${what} ${fresh.at === 'each' ? 'before each callback' : 'between two callbacks'}`;
}
