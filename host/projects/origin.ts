// Origin: where this package was installed from, if that was no registry. A project that it writes depends on the
// same, so that both are one version.

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * @param root this package's folder
 * @param folder the project's
 * @returns what package.json says for it: `file:../wasmpoll-0.1.0.tgz`; null if a registry has it
 */
export async function originOf(root: string, folder: string): Promise<string | null> {
  const installed = path.dirname(path.resolve(root));
  // A checkout, which may be linked.
  if (path.basename(installed) !== 'node_modules') return fileTo(folder, path.resolve(root));
  const origin = await resolvedIn(installed, path.basename(root));
  if (origin === null || !origin.startsWith('file:')) return null;
  const file = path.resolve(path.dirname(installed), origin.slice('file:'.length));
  return (await stat(file).catch(() => null)) === null ? null : fileTo(folder, file);
}

const fileTo = (folder: string, file: string): string => `file:${path.relative(folder, file)}`;

/** What npm has written about the package when it installed it. */
async function resolvedIn(installed: string, name: string): Promise<string | null> {
  try {
    const text = await readFile(path.join(installed, '.package-lock.json'), 'utf8');
    const { packages } = JSON.parse(text) as {
      packages?: Record<string, { resolved?: unknown } | undefined>;
    };
    const resolved = packages?.[`node_modules/${name}`]?.resolved;
    return typeof resolved === 'string' ? resolved : null;
  } catch {
    // Another package manager, which writes other files: a version will do.
    return null;
  }
}
