// Worker, the thread in which a command runs: it may block here, and be ended, without anybody else
// noticing. It says how the command ended, and closes nothing: that is its owner's.

import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { openNative } from '../../kernel/open-addon.ts';
import type { Inherited } from './descriptors.ts';
import { Preview1 } from './preview1.ts';

export interface RunData {
  /** The addon's file, opened by the process already. */
  readonly addon: string;
  readonly module: WebAssembly.Module;
  readonly args: readonly string[];
  readonly environment: readonly string[];
  readonly inherited: readonly Inherited[];
  readonly fds: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly wake: number;
  readonly quietMs: number;
}

export type FromRun =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'trapped'; readonly message: string };

const { addon, module, fds, control, ...rest } = workerData as RunData;
const tell = (message: FromRun): void => parentPort!.postMessage(message);

try {
  const instance = new Preview1({
    ...rest,
    native: openNative(addon),
    fds: new Int32Array(fds),
    control: new Int32Array(control),
  });
  tell({ kind: 'exited', status: instance.start(module) });
} catch (thrown) {
  tell({ kind: 'trapped', message: describe(thrown) });
}

function describe(thrown: unknown): string {
  if (thrown instanceof Error) return messageOf(thrown);
  return 'an exception that the command does not catch';
}
