// The thread in which a crash file is played again: what has hung hangs again.

import { parentPort, workerData } from 'node:worker_threads';
import type { Crash } from '../../crashes/crash.ts';
import { messageOf } from '../../errors.ts';
import { replay } from '../../testing/replay.ts';

export interface ReplayData {
  readonly crash: Crash;
  readonly module: Uint8Array;
  readonly config: Uint8Array;
}

export type FromReplay =
  | { readonly kind: 'played'; readonly reproduced: boolean; readonly found: readonly string[] }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

const post = (message: FromReplay): void => parentPort?.postMessage(message);
const { crash, module, config } = workerData as ReplayData;

try {
  const { reproduced, found } = await replay(crash, module, config);
  post({ kind: 'played', reproduced, found });
} catch (error) {
  const { code = '' } = error as { code?: string };
  post({ kind: 'refused', code, message: messageOf(error) });
}
