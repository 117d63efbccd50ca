// Verdict: whether a guest does what a transcript says, however its bytes are cut. It knows in which order the ways of
// playing one are tried, and neither files nor threads.

import { WasmpollError } from '../errors.ts';
import type { ModuleSource } from '../module/protocol-module.ts';
import { type Harness, type HarnessOptions, harnesses } from '../testing/harness.ts';
import type { Fault } from './fault.ts';
import {
  type Fresh,
  freshManners,
  type Manner,
  mannerInWords,
  otherManners,
  seedsFrom,
  WHOLE,
} from './manner.ts';
import { Play } from './play.ts';
import type { Transcript } from './transcript.ts';

export interface VerdictOptions {
  /** What messages call the guest. */
  guest?: string;
  /** What `config` gives the guest, in place of what the transcript says. */
  config?: Uint8Array;
  /** Play whole, and with this cut alone. */
  seed?: number;
  /** Where fresh instances are to take over, too: `swap`, `trap`, or both. */
  fresh?: readonly Fresh['by'][];
  /** Decides the cuts; by chance if it is not given. */
  seeds?: number;
  /** Told of each line before it is played. */
  watch?: (line: number) => void;
  /** Told of each play before it begins, in words. */
  begins?: (how: string) => void;
}

export interface Verdict {
  /** The transcript's name. */
  readonly name: string;
  readonly plays: number;
  /** The first fault, and how it was come by; null when all plays went well. */
  readonly fault: (Fault & { readonly played: string }) | null;
}

/**
 * Plays a transcript whole; then, if that went well, byte by byte, cut at random, and to slow readers.
 * @throws WasmpollError ERR_MODULE, ERR_GUEST or ERR_POLICY, as `harness()` does
 */
export async function judge(
  source: ModuleSource,
  transcript: Transcript,
  options: VerdictOptions = {},
): Promise<Verdict> {
  const { policy, config: own, name, upstreams } = transcript;
  const config = options.config ?? own ?? '';
  const ground = { policy, config, upstreams, name: options.guest ?? 'guest' };
  const start = await harnesses(source, ground);
  const light = await lightly(source, { ...ground, policy: { ...LIGHT, ...policy } });
  return new Judging(start, light ?? start, transcript, options).verdict(name);
}

/**
 * Clearing large buffers is most of what a play costs. Only a guest that fails with small ones is given those that it
 * would have in service.
 */
const LIGHT = { poolBytes: 1 << 20, maxBacklogBytes: 1 << 20, maxStagedBytes: 1 << 20 };

/** @returns null where other settings are at odds with it */
async function lightly(
  source: ModuleSource,
  options: HarnessOptions,
): Promise<(() => Harness) | null> {
  try {
    return await harnesses(source, options);
  } catch (error) {
    if (error instanceof WasmpollError && error.code === 'ERR_POLICY') return null;
    throw error;
  }
}

class Judging {
  readonly #start: () => Harness;
  readonly #light: () => Harness;
  readonly #transcript: Transcript;
  readonly #options: VerdictOptions;
  #plays = 0;
  #fault: Verdict['fault'] = null;

  constructor(
    start: () => Harness,
    light: () => Harness,
    transcript: Transcript,
    options: VerdictOptions,
  ) {
    this.#start = start;
    this.#light = light;
    this.#transcript = transcript;
    this.#options = options;
  }

  verdict(name: string): Verdict {
    this.#tryAll();
    return { name, plays: this.#plays, fault: this.#fault };
  }

  #tryAll(): void {
    const { seed, seeds = Math.floor(Math.random() * 2 ** 31), fresh = [] } = this.#options;
    if (!this.#goesWell(WHOLE)) return;
    const others = otherManners(seed === undefined ? seedsFrom(seeds) : [seed]);
    const [bytes, ...rest] = others as [Manner, ...Manner[]];
    const chosen = seed === undefined ? others : rest.slice(0, 1);
    if (!chosen.every((manner) => this.#goesWell(manner))) return;
    for (const by of fresh) {
      for (const manner of [WHOLE, bytes]) {
        const rounds = this.#roundsOf(manner);
        const all = freshManners(manner, by, rounds, seed ?? seeds);
        if (!all.every((one) => this.#goesWell(one))) return;
      }
    }
  }

  #goesWell(manner: Manner): boolean {
    this.#plays += 1;
    this.#options.begins?.(mannerInWords(manner));
    if (this.#play(manner, this.#light).run() === null) return true;
    const fault = this.#play(manner, this.#start).run();
    if (fault === null) return true;
    this.#fault = { ...fault, played: mannerInWords(manner) };
    return false;
  }

  #roundsOf(manner: Manner): number {
    const play = this.#play(manner, this.#light);
    play.run();
    return play.rounds;
  }

  #play(manner: Manner, start: () => Harness): Play {
    return new Play(start(), this.#transcript, manner, this.#options.watch ?? (() => {}));
  }
}
