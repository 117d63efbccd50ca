// The parts of a build that the ruler drives, in this build and in others from before and after it:
// where each may lie, and by what name it is exported. It measures nothing.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { loadModule } from '../../host/module/protocol-module.ts';
import type { resolvePolicy } from '../../host/policy.ts';
import type { Reactor } from '../../host/reactor/reactor.ts';

/** Of these a build must export every one. */
export const NUMBERS = [
  'EVENT',
  'KIND_COPY',
  'KIND_RECV',
  'KIND_SEND',
  'ROW',
  'ROW_BUFFER',
  'ROW_FD',
  'ROW_KIND',
  'ROW_LENGTH',
  'ROW_OFFSET',
  'ROW_RESULT',
  'ROW_TARGET_BUFFER',
  'ROW_TARGET_OFFSET',
] as const;

/** How a build writes I/O rows and events; see host/kernel/rows.ts. */
export type RowNumbers = Readonly<Record<(typeof NUMBERS)[number], number>>;

export interface Build {
  readonly Reactor: typeof Reactor;
  readonly loadModule: typeof loadModule;
  readonly resolvePolicy: typeof resolvePolicy;
  readonly numbers: RowNumbers;
}

// Below dist/host. A file that is not there, or lacks the name, is passed over.
const PLACES = {
  Reactor: ['reactor/reactor.js', 'reactor.js'],
  loadModule: ['module/protocol-module.js', 'module/load.js', 'module.js'],
  resolvePolicy: ['policy.js'],
  numbers: ['kernel/rows.js', 'kernel/contract.js', 'kernel.js'],
} as const;

/** A folder has no build, or one that the ruler does not understand; one line that says which. */
export class BuildError extends Error {}

const present = (folder: string, places: readonly string[]): string[] =>
  places
    .map((place) => path.join(folder, 'dist', 'host', place))
    .filter((file) => existsSync(file));

/** @throws BuildError when the checkout in the folder was not built */
export function checkBuilt(folder: string): void {
  if (present(folder, PLACES.Reactor).length > 0) return;
  const places = PLACES.Reactor.map((place) => `dist/host/${place}`).join(' or ');
  throw new BuildError(`${folder} has no ${places}; run \`npm run build\` there`);
}

/** @throws BuildError when something is missing */
export async function loadBuild(folder: string): Promise<Build> {
  checkBuilt(folder);
  const part = (places: readonly string[], name: string, type: string): Promise<unknown> =>
    find(folder, places, name, type);
  const numbers = await Promise.all(
    NUMBERS.map(async (name) => [name, await part(PLACES.numbers, name, 'number')] as const),
  );
  return {
    Reactor: await part(PLACES.Reactor, 'Reactor', 'function'),
    loadModule: await part(PLACES.loadModule, 'loadModule', 'function'),
    resolvePolicy: await part(PLACES.resolvePolicy, 'resolvePolicy', 'function'),
    numbers: Object.fromEntries(numbers),
  } as unknown as Build;
}

async function find(
  folder: string,
  places: readonly string[],
  name: string,
  type: string,
): Promise<unknown> {
  for (const file of present(folder, places)) {
    const exports: Record<string, unknown> = await import(pathToFileURL(file).href);
    if (typeof exports[name] === type) return exports[name];
  }
  const found = `no ${type} ${name} in dist/host/{${places.join(',')}}`;
  throw new BuildError(`${folder}: ${found}; this build is too different to be compared`);
}
