// Built: the module of a project, made anew for a command that is about to use it.

import path from 'node:path';
import { Builder, writeModule } from '../../compiler/build.ts';
import { resolvePolicy } from '../../policy.ts';
import type { Project } from '../../projects/project.ts';
import { tell } from './build.ts';

/** As `wasmpoll build` does it. @returns the path of the module; null when there is none that would be served */
export async function built({ folder, source, module }: Project): Promise<string | null> {
  const output = path.basename(module);
  const builder = new Builder({ folder, source, output, limits: resolvePolicy(), quick: false });
  try {
    const made = await builder.build();
    tell(made);
    if (!made.ok || made.module === null) return null;
    return await writeModule(path.dirname(module), output, made.module);
  } finally {
    builder.close();
  }
}
