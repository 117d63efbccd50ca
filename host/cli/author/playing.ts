// Playing: has transcripts played in a thread, and ends it when the guest does not return. It knows no arguments, and
// writes nothing.

import { Worker } from 'node:worker_threads';
import { messageOf, WasmpollError } from '../../errors.ts';
import type { Verdict } from '../../transcripts/verdict.ts';
import { type FromPlay, LINE, type PlayData, PROGRESS, STEPS, type Task } from './play-messages.ts';

/** How often it is looked whether the thread gets on. */
const LOOK_MS = 100;

/**
 * Plays all of them, one after the other.
 * @param told of each verdict as soon as it is there
 * @param timeoutMs a callback that takes longer has hung
 * @throws WasmpollError ERR_GUEST when the guest cannot be loaded or started
 */
export async function playAll(
  data: Omit<PlayData, 'progress'>,
  timeoutMs: number,
  told: (verdict: Verdict) => void,
): Promise<void> {
  let rest = data.tasks;
  while (rest.length > 0) {
    const played = await play({ ...data, tasks: rest }, timeoutMs, told);
    rest = rest.slice(played);
  }
}

/** @returns how many were played, the one included in which the guest hung */
function play(
  data: Omit<PlayData, 'progress'>,
  timeoutMs: number,
  told: (verdict: Verdict) => void,
): Promise<number> {
  const words = new Int32Array(new SharedArrayBuffer(PROGRESS * 4));
  const progress = words.buffer as SharedArrayBuffer;
  const worker = new Worker(new URL('./play-thread.js', import.meta.url), {
    workerData: { ...data, progress } satisfies PlayData,
  });
  return new Promise((resolve, reject) => {
    let played = 0;
    let how = '';
    const hung = (): void => {
      told(hangOf(data.tasks[played]!, Atomics.load(words, LINE), how, timeoutMs));
      played += 1;
      void worker.terminate();
    };
    const watch = watchOver(words, timeoutMs, () => how !== '', hung);
    worker.on('message', (message: FromPlay) => {
      if (message.kind === 'plays') how = message.how;
      else if (message.kind === 'verdict') {
        played += 1;
        told(message.verdict);
      } else reject(new WasmpollError('ERR_GUEST', message.message));
    });
    worker.on('error', (error) => reject(new WasmpollError('ERR_GUEST', messageOf(error))));
    worker.on('exit', () => {
      clearInterval(watch);
      resolve(played);
    });
  });
}

/**
 * Calls `hung` when the thread does not get on for too long.
 * @param plays whether it has begun to: what it needs to load before is none of the guest's time
 */
function watchOver(
  words: Int32Array,
  timeoutMs: number,
  plays: () => boolean,
  hung: () => void,
): NodeJS.Timeout {
  let seen = -1;
  let since = performance.now();
  const watch = setInterval(() => {
    const steps = Atomics.load(words, STEPS);
    if (steps !== seen || !plays()) {
      seen = steps;
      since = performance.now();
    } else if (performance.now() - since > timeoutMs) {
      clearInterval(watch);
      hung();
    }
  }, LOOK_MS);
  return watch;
}

function hangOf({ transcript }: Task, line: number, played: string, timeoutMs: number): Verdict {
  const what = `the line has not come to rest for ${timeoutMs / 1000} s: a callback hangs, or callbacks cause each other without end`;
  // A guest that hangs in its start-up has not come to a line yet.
  const at = line === 0 ? transcript.steps[0]!.line : line;
  return {
    name: transcript.name,
    plays: 1,
    fault: { line: at, what, bytes: null, places: [], logs: [], played },
  };
}
