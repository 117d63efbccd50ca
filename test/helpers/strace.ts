// Faults of system calls, injected by strace(1) into a child process, and what its log says of them.
// An injected return value replaces the call: bytes that it claims to have sent were not sent.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Owner, temporary, works } from './process.ts';

// So many pieces of a gathered send are shown, and so many bytes of each.
const PIECES = 8;

export interface Tracing {
  /** Goes before the command; the pid stays the command's. */
  readonly prefix: readonly string[];
  /** The lines of one kind of call so far. */
  calls(name: RegExp): string[];
  /** How often a fault was injected into such calls so far. */
  injected(name: RegExp): number;
}

/**
 * Traces `calls`, with faults as `strace -e inject=` takes them (`sendto:retval=1:when=2+3`).
 * Null, with a line in the log, where that cannot be.
 */
export function traced(
  t: Owner & { log(...lines: unknown[]): void },
  calls: string,
  faults: readonly string[],
): Tracing | null {
  const file = path.join(temporary(t), 'trace');
  // The filter has all other calls run at full speed; its absence only costs time.
  const options = ['-D', '-f', '-qq', '-s', `${PIECES}`, '-o', file];
  const fast = [...options, '--seccomp-bpf'];
  const chosen = [fast, options].find((some) => works('strace', ...some, 'true'));
  if (chosen === undefined) {
    t.log('skipped: strace(1) is not there, or must not trace');
    return null;
  }
  const injections = faults.flatMap((fault) => ['-e', `inject=${fault}`]);
  const lines = (name: RegExp): string[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => name.test(line.replace(/^\d+ +(<\.\.\. )?/, '').split(/[( ]/)[0]!));
  return {
    prefix: ['strace', ...chosen, '-e', `trace=${calls}`, ...injections],
    calls: lines,
    injected: (name) => lines(name).filter((line) => line.includes('INJECTED')).length,
  };
}

/**
 * The ranges of what a connection was sent that an injected result swallowed; for this accept4(2) is
 * traced as well. Connections are counted from 0, and none of them may have been closed.
 */
export function swallowed(tracing: Tracing, connection: number): [from: number, to: number][] {
  const accepted = tracing.calls(/^accept4$/).flatMap((line) => /\) = (\d+)/.exec(line)?.[1] ?? []);
  const ranges: [number, number][] = [];
  let at = 0;
  for (const line of tracing.calls(/^send(to|msg)$/)) {
    const [, fd, result] = /\((\d+),.*\) += (-?\d+)/.exec(line) ?? [];
    // A busy server may gather less than a test has it claim: more than all is all.
    const lengths = [...line.matchAll(/iov_len=(\d+)/g)].map(([, length]) => Number(length));
    const known = lengths.length > 0 && lengths.length < PIECES;
    const all = known ? lengths.reduce((sum, length) => sum + length, 0) : Number.POSITIVE_INFINITY;
    const sent = Math.min(Number(result), all);
    if (fd !== accepted[connection] || !(sent > 0)) continue;
    if (line.includes('INJECTED')) ranges.push([at, at + sent]);
    at += sent;
  }
  return ranges;
}

/** The bytes without those ranges. */
export function without(bytes: Uint8Array, ranges: readonly [number, number][]): Buffer {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const [start, end] of ranges) {
    parts.push(bytes.subarray(from, start));
    from = end;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}
