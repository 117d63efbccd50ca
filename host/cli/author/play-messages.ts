// Messages between the command that tests a guest and the thread that plays: types only, and the words that they share.

import type { Transcript } from '../../transcripts/transcript.ts';
import type { Verdict, VerdictOptions } from '../../transcripts/verdict.ts';

/** A transcript to be played. */
export interface Task {
  readonly transcript: Transcript;
  readonly config: Uint8Array;
}

export interface PlayData {
  readonly module: Uint8Array;
  readonly tasks: readonly Task[];
  readonly options: Pick<VerdictOptions, 'guest' | 'seed' | 'fresh'>;
  /** PROGRESS words: the thread writes them, the command reads them. */
  readonly progress: SharedArrayBuffer;
}

// Int32 words.
/** The line that is being played. */
export const LINE = 0;
/** Goes up with each line, and each piece of what a line sends. */
export const STEPS = 1;
export const PROGRESS = 2;

export type FromPlay =
  | { readonly kind: 'plays'; readonly how: string }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** The guest cannot be loaded or started. */
  | { readonly kind: 'refused'; readonly message: string };
