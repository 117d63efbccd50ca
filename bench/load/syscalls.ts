// System calls a message, counted by strace(1) in a run of its own: a traced server is many times
// slower, so its batches are larger than they are otherwise. Times are not taken from here.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Child, outputOf } from './child.ts';
import { type Load, measure, type Server, type Shape } from './measure.ts';

const KINDS = {
  receive: ['recvfrom', 'recvmsg', 'read', 'readv'],
  send: ['sendto', 'sendmsg', 'write', 'writev'],
  wait: ['epoll_wait', 'epoll_pwait', 'epoll_pwait2', 'poll', 'ppoll', 'select'],
} as const;

/** Calls a message. */
export interface Calls {
  readonly receive: number;
  readonly send: number;
  readonly wait: number;
  readonly other: number;
}

/** The counts by call of the summary that `strace -c` writes. */
export function parseSummary(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  // % time, seconds, µs a call, calls, errors if there were any, name.
  for (const line of text.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$/gm)) {
    if (line[2] !== 'total') counts.set(line[2]!, Number(line[1]));
  }
  return counts;
}

export function callsPerMessage(counts: ReadonlyMap<string, number>, messages: number): Calls {
  const sum = (names: readonly string[]): number =>
    names.reduce((total, name) => total + (counts.get(name) ?? 0), 0) / messages;
  const all = sum([...counts.keys()]);
  const [receive, send, wait] = [sum(KINDS.receive), sum(KINDS.send), sum(KINDS.wait)];
  return { receive, send, wait, other: all - receive - send - wait };
}

/** Why nothing can be counted; null when it can. */
export async function untraceable(): Promise<string | null> {
  if ((await outputOf(['strace', '--version'])) === null) return 'there is no strace';
  return (await outputOf(['strace', '-qq', '-o', '/dev/null', 'true'])) === null
    ? 'strace must not trace'
    : null;
}

/** @throws BenchError when strace must not attach, or the server fails */
export async function countCalls(load: Load, server: Server, shape: Shape): Promise<Calls> {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-bench-'));
  const file = path.join(folder, 'calls');
  try {
    const options = ['-c', '-f', '-o', file, '-p', String(server.pid)];
    const strace = new Child(['strace', ...options]);
    await strace.shows(/attached/, 'stderr');
    const { messages } = await measure({ ...load, warmup: 0 }, server, shape);
    await strace.stop('SIGINT');
    // Each connection has had one message echoed before the window.
    return callsPerMessage(parseSummary(readFileSync(file, 'utf8')), messages + shape.connections);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
