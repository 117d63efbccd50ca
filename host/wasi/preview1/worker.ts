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
  /** Whose the command's descriptors are: they outlive its thread, and its owner closes them. */
  readonly owner: number;
  readonly sigpipe: boolean;
}

export type FromRun = (
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'trapped'; readonly message: string }
) & {
  /** How large the command's memory was at its end. */
  readonly memoryBytes: number;
};

const { addon, module, fds, control, owner, ...rest } = workerData as RunData;
const native = openNative(addon);
native.makeFor(owner);
const instance = new Preview1({
  ...rest,
  native,
  fds: new Int32Array(fds),
  control: new Int32Array(control),
});
const ended = run();
const { size: memoryBytes } = instance.host.memory;
parentPort!.postMessage({ ...ended, memoryBytes } satisfies FromRun);

function run() {
  try {
    const status = instance.start(module);
    if (status === null) return { kind: 'stopped' } as const;
    return { kind: 'exited', status } as const;
  } catch (thrown) {
    return { kind: 'trapped', message: describe(thrown) } as const;
  }
}

function describe(thrown: unknown): string {
  if (thrown instanceof Error) return messageOf(thrown);
  return 'an exception that the command does not catch';
}
