// Allocation: what a message costs in memory that must be collected again, in steady state.
// npm run bench:allocation [-- MESSAGES [CONNECTIONS]]
// The young generation is so large that nothing is collected meanwhile: all that was allocated is seen
// as growth of the heap.

import { spawnSync } from 'node:child_process';
import { PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import { compiledGuest } from '../test/helpers/guests.ts';
import { Rounds } from './ruler/rounds.ts';

const FLAGS = ['--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=1024'];
const MESSAGE_BYTES = 64;
// The optimising compiler works beside the program, and has finished after so many messages.
const WARM_UP = 200_000;

// On a machine that others use, pauses would make the reactor look at the time more often.
const STEP_MS = 2 ** -20;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function measure(messages: number, connections: number): Promise<string> {
  const guest = compiledGuest('ledger');
  const clock = new Float64Array([1]);
  const now = (): number => {
    clock[0]! += STEP_MS;
    return clock[0]!;
  };
  const rounds = await Rounds.create({ guest, connections, messageBytes: MESSAGE_BYTES, now });
  rounds.run(Math.ceil(WARM_UP / connections));
  globalThis.gc?.();
  await turn();
  // A collection throws away optimised code as well.
  rounds.run(Math.ceil(WARM_UP / connections));
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  const before = getHeapStatistics().used_heap_size;
  rounds.run(Math.ceil(messages / connections));
  const bytes = getHeapStatistics().used_heap_size - before;
  await turn();
  observer.disconnect();
  rounds.close();
  return (
    `${messages} messages of ${MESSAGE_BYTES} bytes over ${connections} connections, ` +
    `a state block of 64 bytes each: ${bytes} bytes of heap, ` +
    `${(bytes / messages).toFixed(2)} a message; ${collections} garbage collections\n`
  );
}

if (globalThis.gc === undefined) {
  const args = [...FLAGS, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
} else {
  const [messages, connections] = process.argv.slice(2).map(Number);
  process.stdout.write(await measure(messages ?? 1_000_000, connections ?? 64));
}
