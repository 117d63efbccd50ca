// Refusals: connections that a listener's rules keep out, counted, with a line about the last of them now and
// then. It knows no rule and no socket.

import type { Kernel } from '../../kernel/contract.ts';
import { RateLimit } from '../../rate-limit.ts';

/** Why: names among `stats().errors`. */
export type Refusal = 'DENIED' | 'PROXY' | 'ADDRESS_CONNECTIONS' | 'ADDRESS_RATE';

/** Why somebody is kept out, in a name and in words. */
export type Objection = readonly [refusal: Refusal, why: string];

/** By the lists of the listener. */
export const DENIED: Objection = ['DENIED', 'its address is not let in'];

/** Counts a connection in the row of its address; null when it is let in. */
export type PeerLimits = (fd: number, address: Uint8Array) => Objection | null;

/** What `enterPeer` answers, from 1 on. */
const LIMITS: readonly Objection[] = [
  ['ADDRESS_CONNECTIONS', 'its address has connectionsPerAddress open'],
  ['ADDRESS_RATE', 'its address comes faster than acceptRate'],
];

/**
 * @param peers the table of addresses; 0 when they are not limited
 * @param now milliseconds, the same for all threads
 */
export function peerLimits(
  kernel: Pick<Kernel, 'enterPeer'>,
  peers: number,
  now: () => number,
): PeerLimits {
  if (peers === 0) return () => null;
  return (fd, address) => {
    const verdict = kernel.enterPeer?.(peers, fd, address, Math.floor(now())) ?? 0;
    return verdict === 0 ? null : LIMITS[verdict - 1]!;
  };
}

/** What is told of one that was kept out. */
export interface Refused {
  readonly refusal: Refusal;
  /** `192.0.2.1:4711` */
  readonly peer: string;
  readonly listener: string;
  readonly why: string;
  /** As many more since the last that was told of. */
  readonly more: number;
}

// Whoever floods is told of no more often.
const LINES_PER_SECOND = 1;

export class Refusals {
  readonly counts: { [refusal in Refusal]?: number } = {};
  readonly #tell: (refused: Refused) => void;
  readonly #limit: RateLimit;
  #untold = 0;

  /** @param now milliseconds */
  constructor(tell: (refused: Refused) => void, now: () => number) {
    this.#tell = tell;
    this.#limit = new RateLimit(LINES_PER_SECOND, now);
  }

  /** @param peer is asked only if it is told of */
  add(refusal: Refusal, listener: string, peer: () => string, why: string): void {
    this.counts[refusal] = (this.counts[refusal] ?? 0) + 1;
    if (!this.#limit.admit()) {
      this.#untold += 1;
      return;
    }
    const more = this.#untold;
    this.#untold = 0;
    this.#tell({ refusal, peer: peer(), listener, why, more });
  }
}
