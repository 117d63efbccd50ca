// A process that serves, swaps to each of the extreme modules, and tells how long its main thread was held at
// once meanwhile, and how slow the machine is: `node stall-process.js MS`, a line of JSON for each. What takes more
// than MS on a usual machine is tried again, a few times at most: what the machine does besides may show in one try.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { serve } from '../../host/index.ts';
import { extremes } from './extreme-modules.ts';

export interface Held {
  readonly title: string;
  readonly bytes: number;
  /** `swapped`, or why it was refused. */
  readonly outcome: string;
  /** Processor time of the main thread between two of its turns, the most there was. */
  readonly heldMs: number;
  readonly totalMs: number;
  /** How much longer this machine takes at the moment than a usual one, 1 if it does not. */
  readonly slowness: number;
}

/** Processor time that the main thread has had: others may have the processor, which nobody here is to answer for. */
const usedMs = (): number =>
  Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6;

// What `workMs` takes on a machine of 2024.
const USUAL_MS = 45;

/** Processor time for copying memory and walking through it, as judging a module does. */
function workMs(): number {
  const before = usedMs();
  const bytes = new Uint8Array(32 << 20);
  for (let at = 0; at < bytes.length; at += 64) bytes[at] = at;
  const copy = bytes.slice();
  let sum = 0;
  for (let at = 0; at < copy.length; at += 4) sum += copy[at]!;
  return sum > 0 ? usedMs() - before : 0;
}

async function held(work: () => Promise<unknown>): Promise<number> {
  let [longest, last, running] = [0, usedMs(), true];
  const look = (): void => {
    const now = usedMs();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(look);
  };
  look();
  await work();
  await new Promise((resolve) => setImmediate(resolve));
  running = false;
  return longest;
}

const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-'));
const server = await serve({
  protocol: 'echo',
  listen: '127.0.0.1:0',
  policy: { callbackTimeoutMs: 5000, drainQuietMs: 0, compileTimeoutMs: 60_000 },
});
const file = path.join(folder, 'extreme.wasm');
const TRIES = 5;
const enough = Number(process.argv[2]);

async function swapped(title: string, bytes: number): Promise<Held> {
  const slowness = Math.max(1, workMs() / USUAL_MS);
  globalThis.gc?.();
  let outcome = 'swapped';
  const begun = performance.now();
  const heldMs = await held(() =>
    server.swap(file).catch((error: Error) => {
      outcome = error.message;
    }),
  );
  return { title, bytes, outcome, heldMs, totalMs: performance.now() - begun, slowness };
}

/** What it would take on a usual machine. */
const usual = ({ heldMs, slowness }: Held): number => heldMs / slowness;

for (const [title, build] of extremes) {
  const binary = build();
  writeFileSync(file, binary);
  let best = await swapped(title, binary.length);
  for (let tries = 1; tries < TRIES && usual(best) > enough; tries += 1) {
    const next = await swapped(title, binary.length);
    if (usual(next) < usual(best)) best = next;
  }
  process.stdout.write(`${JSON.stringify(best)}\n`);
}
rmSync(folder, { recursive: true });
await server.close();
