// Trial: whether a module starts, found out in a thread of its own before any worker is asked to run
// it. It does not know what it is for.

import { messageOf, WasmpollError } from '../errors.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import { ControlWords } from '../memory/control-words.ts';
import type { Layout } from '../memory/state-blocks.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import type { FromTrial, TrialData } from './messages.ts';
import { Watchdog } from './seat/watchdog.ts';
import type { SpareThread } from './spare-thread.ts';
import type { Thread } from './thread.ts';

/**
 * Starts an instance of the module, and drops it.
 * @param threads where the thread for it comes from
 * @returns the layout of its state blocks
 * @throws WasmpollError ERR_GUEST when it does not start, or not within callbackTimeoutMs
 */
export async function tryModule(
  threads: SpareThread,
  module: GuestModule,
  policy: Policy,
): Promise<Layout> {
  const buffer = new SharedArrayBuffer(ControlWords.bytes);
  const control = new ControlWords(buffer);
  const watchdog = new Watchdog(policy.callbackTimeoutMs);
  const refused = (why: string, cause?: unknown): WasmpollError =>
    new WasmpollError('ERR_GUEST', `${module.name}: ${why}`, { cause });
  const lacking = (error: unknown): WasmpollError =>
    refused(`there is no thread to try it in: ${messageOf(error)}`, error);
  let thread: Thread;
  try {
    thread = threads.take();
  } catch (error) {
    throw lacking(error);
  }
  let ticks: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Layout>((resolve, reject) => {
      ticks = setInterval(() => {
        const { sequence } = control;
        if (!watchdog.hung(sequence, monotonicMs(), thread.ranMs)) return;
        if (!control.condemn(sequence)) return;
        reject(refused(`start-up did not return within ${policy.callbackTimeoutMs} ms`));
      }, watchdog.intervalMs);
      thread.owner = {
        message: (message) => {
          const result = message as FromTrial;
          if ('layout' in result) resolve(result.layout);
          else reject(new WasmpollError('ERR_GUEST', result.error));
        },
        ended: (code, error) => {
          if (!thread.begun) reject(lacking(error));
          else if (error === null)
            reject(refused(`start-up ended its thread with exit code ${code}`));
          else reject(refused(`start-up failed: ${messageOf(error)}`, error));
        },
      };
      thread.post({ kind: 'trial', module, policy, control: buffer } satisfies TrialData);
    });
  } finally {
    clearInterval(ticks);
    await thread.terminate();
    threads.refill();
  }
}
