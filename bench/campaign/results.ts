// All that a run has found, as it is kept in bench/results.json.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { BenchError } from '../load/child.ts';
import { source } from '../load/compile.ts';
import type { Opinion } from '../load/redis.ts';
import type { Calls } from '../load/syscalls.ts';
import type { CaseResult } from './campaign.ts';

export interface Results {
  readonly date: string;
  readonly command: string;
  readonly machine: string;
  /** Why processes were not pinned. */
  readonly unpinned: string | null;
  readonly rounds: number;
  readonly seconds: number;
  /** A version, or `missing: …`. */
  readonly versions: readonly { readonly contender: string; readonly version: string }[];
  readonly cases: readonly CaseResult[];
  readonly calls: readonly { readonly contender: string; readonly perMessage: Calls }[] | null;
  /** Why there are no `calls`. */
  readonly notCounted: string | null;
  /** Bytes an idle connection, by repetition. */
  readonly idle:
    | readonly { readonly contender: string; readonly bytes: readonly number[] }[]
    | null;
  readonly opinions: readonly Opinion[] | null;
}

const FILE = source('results.json');

/** @throws BenchError when there are none */
export function readResults(): Results {
  if (!existsSync(FILE)) throw new BenchError('there are no results: run npm run bench first');
  return JSON.parse(readFileSync(FILE, 'utf8')) as Results;
}

export const writeResults = (results: Results): void =>
  writeFileSync(FILE, JSON.stringify(results));
