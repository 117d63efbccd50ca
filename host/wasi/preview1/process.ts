// What a command finds and asks of its process: arguments, environment, clocks, random bytes, its end.

import { randomFillSync } from 'node:crypto';
import type { Host } from './host.ts';
import type { WasiGroup } from './interface.ts';
import { CLOCK_PROCESS_CPUTIME, CLOCK_THREAD_CPUTIME, E } from './numbers.ts';
import { Exit } from './waiter.ts';

/** randomFillSync takes at most 2^31 − 1 bytes, and no offset beyond. */
const RANDOM_BYTES = 2 ** 30;

/** Strings as they lie in guest memory: each ends with a zero byte. */
const encode = (texts: readonly string[]): Uint8Array[] =>
  texts.map((text) => new TextEncoder().encode(`${text}\0`));

/**
 * @param args the program's name first
 * @param environment `NAME=value`
 */
export function processFunctions(
  { native, memory, errors }: Host,
  args: readonly string[],
  environment: readonly string[],
) {
  const lists = { args: encode(args), environment: encode(environment) };
  const time = new Uint32Array(2);

  function sizes(list: readonly Uint8Array[], count: number, bytes: number): number {
    if (!memory.holds(count, 4) || !memory.holds(bytes, 4)) return E.FAULT;
    memory.setU32(count, list.length);
    memory.setU32(
      bytes,
      list.reduce((sum, text) => sum + text.length, 0),
    );
    return E.SUCCESS;
  }

  function copy(list: readonly Uint8Array[], pointers: number, buffer: number): number {
    const bytes = list.reduce((sum, text) => sum + text.length, 0);
    if (!memory.holds(pointers, list.length * 4) || !memory.holds(buffer, bytes)) return E.FAULT;
    let at = buffer >>> 0;
    list.forEach((text, index) => {
      memory.setU32((pointers >>> 0) + index * 4, at);
      memory.bytes.set(text, at);
      at += text.length;
    });
    return E.SUCCESS;
  }

  // A guest has one thread, and what the process does for others is no affair of its.
  function clock(read: typeof native.clockTime, id: number, result: number): number {
    if (id >>> 0 > CLOCK_THREAD_CPUTIME) return E.INVAL;
    if (!memory.holds(result, 8)) return E.FAULT;
    const error = read(id === CLOCK_PROCESS_CPUTIME ? CLOCK_THREAD_CPUTIME : id, time);
    if (error < 0) return errors[-error]!;
    memory.setU32(result, time[0]!);
    memory.setU32((result >>> 0) + 4, time[1]!);
    return E.SUCCESS;
  }

  return {
    args_sizes_get: (count: number, bytes: number) => sizes(lists.args, count, bytes),
    args_get: (pointers: number, buffer: number) => copy(lists.args, pointers, buffer),
    environ_sizes_get: (count: number, bytes: number) => sizes(lists.environment, count, bytes),
    environ_get: (pointers: number, buffer: number) => copy(lists.environment, pointers, buffer),
    clock_res_get: (id: number, result: number) => clock(native.clockResolution, id, result),
    clock_time_get: (id: number, _precision: bigint, result: number) =>
      clock(native.clockTime, id, result),

    random_get(buffer: number, length: number) {
      if (!memory.holds(buffer, length >>> 0)) return E.FAULT;
      const end = (buffer >>> 0) + (length >>> 0);
      for (let at = buffer >>> 0; at < end; at += RANDOM_BYTES) {
        randomFillSync(memory.bytes.subarray(at, Math.min(at + RANDOM_BYTES, end)));
      }
      return E.SUCCESS;
    },

    sched_yield: () => E.SUCCESS,

    proc_exit(status: number) {
      throw new Exit(status >>> 0);
    },

    // There is nobody to send a signal to, and no handler to be called.
    proc_raise: () => E.NOSYS,
  } satisfies WasiGroup;
}
