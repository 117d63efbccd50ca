// A process that serves hostile modules, one after the other, and tells what each took:
// `node hostile-process.js FIRST COUNT`, a line of JSON for each number.

import { readFileSync, writeFileSync } from 'node:fs';
import { WasmpollError } from '../../host/errors.ts';
import { harness } from '../../host/testing/harness.ts';
import { random } from './bytes.ts';
import { randomHostile } from './hostile-modules.ts';

export interface Taken {
  readonly seed: number;
  readonly bytes: number;
  /** `served`, or the rule by which it was refused. */
  readonly outcome: string;
  readonly cpuMs: number;
  readonly peakMb: number;
}

function memory(row: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(new RegExp(`${row}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

async function serve(binary: Uint8Array): Promise<string> {
  try {
    const server = await harness(binary, { policy: { poolBytes: 8 << 20 } });
    const peer = server.connect();
    peer.send('hello');
    return 'served';
  } catch (error) {
    if (!(error instanceof WasmpollError)) throw error;
    return error.message.split(': ')[1] ?? error.message;
  }
}

const [first = 0, count = 0] = process.argv.slice(2).map(Number);
for (let seed = first; seed < first + count; seed += 1) {
  const binary = randomHostile(random(seed));
  globalThis.gc?.();
  writeFileSync('/proc/self/clear_refs', '5');
  const before = memory('VmRSS');
  const { user, system } = process.cpuUsage();
  const outcome = await serve(binary);
  const cpu = process.cpuUsage({ user, system });
  const taken: Taken = {
    seed,
    bytes: binary.length,
    outcome,
    cpuMs: (cpu.user + cpu.system) / 1000,
    peakMb: memory('VmHWM') - before,
  };
  process.stdout.write(`${JSON.stringify(taken)}\n`);
}
