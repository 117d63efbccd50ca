// The machine that is measured on: its cores, what pins a process to one of them, and its name for
// the report.

import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { outputOf } from './child.ts';

export interface Cores {
  /** Prefixes of commands. Empty when processes cannot be pinned. */
  readonly server: readonly string[];
  readonly load: readonly string[];
  /** Their numbers; null when processes cannot be pinned. */
  readonly serverCore: number | null;
  readonly loadCore: number | null;
  /** Why processes are not pinned. */
  readonly unpinned: string | null;
}

/** `0-2,5` as numbers. */
export function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((range) => {
      const [from, to = from] = range.split('-').map(Number);
      return Array.from({ length: to! - from! + 1 }, (_, index) => from! + index);
    });
}

/** The cores that this process may use. */
export function allowedCores(): number[] {
  const status = readFileSync('/proc/self/status', 'utf8');
  return parseCpuList(/^Cpus_allowed_list:\s+(.+)$/m.exec(status)![1]!);
}

// Two threads of one core share its units, and each would slow the other.
function siblings(core: number): number[] {
  try {
    const file = `/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`;
    return parseCpuList(readFileSync(file, 'utf8'));
  } catch {
    return [core];
  }
}

/** One core for the server, another one for the load. */
export async function findCores(): Promise<Cores> {
  const [first, ...others] = allowedCores();
  const near = siblings(first!);
  const second = others.find((core) => !near.includes(core)) ?? others[0];
  const nowhere = { server: [], load: [], serverCore: null, loadCore: null };
  if (second === undefined) return { ...nowhere, unpinned: 'there is only one core' };
  if ((await outputOf(['taskset', '--version'])) === null) {
    return { ...nowhere, unpinned: 'there is no taskset (util-linux)' };
  }
  const pin = (core: number): string[] => ['taskset', '--cpu-list', String(core)];
  return {
    server: pin(first!),
    load: pin(second),
    serverCore: first!,
    loadCore: second,
    unpinned: null,
  };
}

/** One line. Who else uses the machine is part of it: a busy one spreads the figures. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = /^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1];
  const gib = Math.round(Number(memory) / 2 ** 20);
  const parts = [model, `${cpus().length} cores`, `${gib} GiB`, `Linux ${release()}`, process.arch];
  return `${parts.join(', ')}; load average ${loadavg()[0]!.toFixed(1)} at the start`;
}
