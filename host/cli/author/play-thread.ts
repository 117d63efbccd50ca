// The thread in which transcripts are played: a guest that does not return takes nothing else along.

import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { judge } from '../../transcripts/verdict.ts';
import { type FromPlay, LINE, type PlayData, STEPS } from './play-messages.ts';

const { module, tasks, options, progress } = workerData as PlayData;
const words = new Int32Array(progress);
const post = (message: FromPlay): void => parentPort?.postMessage(message);

const watch = (line: number): void => {
  Atomics.store(words, LINE, line);
  Atomics.add(words, STEPS, 1);
};

for (const { transcript, config } of tasks) {
  const begins = (how: string): void => post({ kind: 'plays', how });
  try {
    const verdict = await judge(module, transcript, { ...options, config, watch, begins });
    post({ kind: 'verdict', verdict });
  } catch (error) {
    post({ kind: 'refused', message: messageOf(error) });
    break;
  }
}
