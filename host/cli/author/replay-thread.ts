// The thread in which a crash file or a recording is played again: what has hung hangs again.

import { parentPort, workerData } from 'node:worker_threads';
import type { Crash } from '../../crashes/crash.ts';
import type { CrashRecording } from '../../crashes/recorded-crash.ts';
import { messageOf } from '../../errors.ts';
import { replay, replayRecording } from '../../testing/replay.ts';

export interface ReplayData {
  readonly kept: Kept;
  readonly module: Uint8Array;
  readonly config: Uint8Array;
}

/** What a file has. */
export type Kept =
  | { readonly kind: 'crash'; readonly crash: Crash }
  | { readonly kind: 'recording'; readonly crash: CrashRecording };

export type FromReplay =
  | {
      readonly kind: 'played';
      readonly reproduced: boolean;
      readonly found: readonly string[];
      /** Where a recording was left. */
      readonly diverged: string | null;
    }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

const post = (message: FromReplay): void => parentPort?.postMessage(message);
const { kept, module, config } = workerData as ReplayData;

try {
  if (kept.kind === 'crash') {
    const { reproduced, found } = await replay(kept.crash, module, config);
    post({ kind: 'played', reproduced, found, diverged: null });
  } else {
    const { reproduced, found, diverged } = await replayRecording(kept.crash, module);
    post({ kind: 'played', reproduced, found, diverged });
  }
} catch (error) {
  const { code = '' } = error as { code?: string };
  post({ kind: 'refused', code, message: messageOf(error) });
}
