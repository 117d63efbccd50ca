// Develop: builds, serves, waits for what is saved, and swaps, until a signal comes. What does not compile, and what
// the server refuses, leaves the module that is there in service.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Builder } from '../../../compiler/build.ts';
import { changed } from '../../../compiler/watch.ts';
import { native } from '../../../kernel/native.ts';
import { tryAll } from '../../../listen/binding.ts';
import { type Policy, resolvePolicy } from '../../../policy.ts';
import type { Project } from '../../../projects/project.ts';
import { report } from '../../command-line.ts';
import { operate } from '../../operation.ts';
import { operationOf } from '../../serve-command.ts';
import type { Signals } from '../../signals.ts';
import { tell } from '../build.ts';
import { Served, type ServedOptions } from './served.ts';

// Whoever works on a protocol and ends its server does not wait for clients that do nothing.
const QUICK: Partial<Policy> = { graceMs: 1000, drainQuietMs: 0 };

/** Resolves when the server has drained after a signal. */
export async function develop(
  project: Project,
  options: ServedOptions,
  signals: Signals,
): Promise<void> {
  const { listen: _, record, ...around } = options;
  const policy = { ...QUICK, ...options.policy };
  const { folder, source, module } = project;
  const output = path.basename(module);
  const limits = resolvePolicy(policy);
  const records = record ? await folderFor(options, folder) : null;
  const builder = new Builder({ folder, source, output, limits, quick: true });
  try {
    // Whoever cannot be served need not wait for a compiler to be told so.
    await tryAll(native, options.listen, limits);
    await operate(operationOf(around), signals, async (operation) => {
      const served = new Served({ ...options, policy }, operation, records);
      await loop(builder, served, output, signals);
      await served.end();
    });
  } finally {
    builder.close();
    process.stdin.destroy();
  }
}

/** Where recordings are kept. */
async function folderFor({ crashFolder }: ServedOptions, project: string): Promise<string> {
  const folder = path.resolve(crashFolder ?? path.join(project, 'build', 'records'));
  if (crashFolder === undefined) await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

async function loop(
  builder: Builder,
  served: Served,
  output: string,
  { stop }: Signals,
): Promise<void> {
  for (let builds = 1; !stop.aborted; builds += 1) {
    const began = performance.now();
    const built = await builder.build();
    if (stop.aborted) return;
    if (builds === 1) void builder.warm().catch(() => undefined);
    tell(built);
    if (built.ok && built.module !== null) {
      report(`${output}: built in ${Math.round(performance.now() - began)} ms`);
      await served.serve(output, built.module);
    } else if (served.isThere) report('the module before goes on');
    // It may have been told to end while the module took its place.
    if (stop.aborted) return;
    const waiting = new AbortController();
    const ended = (): void => waiting.abort();
    stop.addEventListener('abort', ended);
    const enter = served.offer(waiting.signal);
    await changed(built.files, waiting.signal);
    stop.removeEventListener('abort', ended);
    waiting.abort();
    await enter;
  }
}
