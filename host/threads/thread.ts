// Thread: how every thread of the package is started, whatever it runs. It knows no guest and no message.

import { Worker } from 'node:worker_threads';

// A thread's JavaScript heap holds the host's own objects, no connection's data.
const HEAP_MB = 128;

/**
 * Starts a thread. Flags and arguments of the program that embeds the package are none of its business.
 * @param workerData structured-cloneable
 */
export const startThread = (script: URL, workerData: unknown): Worker =>
  new Worker(script, {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    execArgv: [],
    argv: [],
  });
