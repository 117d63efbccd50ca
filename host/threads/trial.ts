// Trial: whether a module starts, found out in a thread of its own before any worker is asked to run
// it. It does not know what it is for.

import { messageOf, WasmpollError } from '../errors.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import { Control } from '../memory/control-words.ts';
import type { Layout } from '../memory/state-blocks.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import type { FromTrial, TrialData } from './messages.ts';
import { startThread } from './thread.ts';
import { Watchdog } from './watchdog.ts';

const script = new URL('./trial-worker.js', import.meta.url);

/**
 * Starts an instance of the module, and drops it.
 * @returns the layout of its state blocks
 * @throws WasmpollError ERR_GUEST when it does not start, or not within callbackTimeoutMs
 */
export async function tryModule(module: GuestModule, policy: Policy): Promise<Layout> {
  const buffer = new SharedArrayBuffer(Control.bytes);
  const control = new Control(buffer);
  const watchdog = new Watchdog(policy.callbackTimeoutMs);
  const worker = startThread(script, { module, policy, control: buffer } satisfies TrialData);
  const refused = (why: string, cause?: unknown): WasmpollError =>
    new WasmpollError('ERR_GUEST', why, { cause });
  let ticks: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Layout>((resolve, reject) => {
      ticks = setInterval(() => {
        const { sequence } = control;
        if (!watchdog.hung(sequence, monotonicMs()) || !control.condemn(sequence)) return;
        const limit = policy.callbackTimeoutMs;
        reject(refused(`${module.name}: start-up did not return within ${limit} ms`));
      }, watchdog.intervalMs);
      worker.once('message', (message: FromTrial) => {
        if ('layout' in message) resolve(message.layout);
        else reject(refused(message.error));
      });
      worker.once('error', (error) =>
        reject(refused(`${module.name}: start-up failed: ${messageOf(error)}`, error)),
      );
      worker.once('exit', (code) =>
        reject(refused(`${module.name}: start-up ended its thread with exit code ${code}`)),
      );
    });
  } finally {
    clearInterval(ticks);
    await worker.terminate();
  }
}
