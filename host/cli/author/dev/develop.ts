// Develop: what `wasmpoll dev` needs, made before anything is built, and ended whatever comes. What is built, and when,
// is the cycle's.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Builder } from '../../../compiler/build.ts';
import { native } from '../../../kernel/native.ts';
import { tryAll } from '../../../listen/binding.ts';
import { type Policy, resolvePolicy } from '../../../policy.ts';
import type { Project } from '../../../projects/project.ts';
import { operate } from '../../operation.ts';
import { operationOf } from '../../serve-command.ts';
import type { Signals } from '../../signals.ts';
import { cycle } from './cycle.ts';
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
      try {
        await cycle(builder, served, output, signals.stop);
      } finally {
        await served.end();
      }
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
