// Create: a new project's folder, written from the templates of the package. It asks no network, and changes
// nothing that is there already.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WasmpollError } from '../errors.ts';
import { originOf } from './origin.ts';

export const LANGUAGES = ['as', 'rust', 'c'] as const;
export type ProjectLanguage = (typeof LANGUAGES)[number];

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** In names of files and in their texts it stands for the project's. */
const PLACEHOLDER = 'NAME';
// As npm takes it, and as a compiler takes it for the name of a file.
const FORM = /^[a-z][a-z0-9_-]{0,99}$/;

/** @throws WasmpollError ERR_OPTION */
export function checkName(name: string): string {
  if (FORM.test(name) && name !== 'node_modules') return name;
  throw new WasmpollError(
    'ERR_OPTION',
    `NAME must have a-z, 0-9, - and _, and begin with a letter, got '${name}'`,
  );
}

/**
 * Writes the folder `name` into the folder `here`.
 * @returns the names of its files, with slashes
 * @throws WasmpollError ERR_OPTION when there is something of that name already
 */
export async function createProject(
  name: string,
  language: ProjectLanguage,
  here = process.cwd(),
): Promise<string[]> {
  const folder = path.join(here, checkName(name));
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new WasmpollError('ERR_OPTION', `'${name}' is there already: take another name`);
  });
  try {
    const files = {
      ...(await fromTemplate(name, language)),
      ...(await aPackage(name, language, folder)),
    };
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
      await writeFile(path.join(folder, file), text, { flag: 'wx' });
    }
    return Object.keys(files).sort();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

type Files = Record<string, string>;

async function fromTemplate(name: string, language: ProjectLanguage): Promise<Files> {
  const template = path.join(root, 'templates', language);
  const files: Files = {};
  for (const entry of await readdir(template, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const text = await readFile(file, 'utf8');
    // npm packs no file of the name .gitignore.
    const renamed = path.relative(template, file).replace(/^gitignore$/, '.gitignore');
    files[renamed.replaceAll(PLACEHOLDER, name)] = text.replaceAll(PLACEHOLDER, name);
  }
  return files;
}

async function aPackage(name: string, language: ProjectLanguage, folder: string): Promise<Files> {
  const { version, peerDependencies } = JSON.parse(
    await readFile(path.join(root, 'package.json'), 'utf8'),
  ) as { version: string; peerDependencies: { assemblyscript: string } };
  const { assemblyscript } = peerDependencies;
  const own = {
    name,
    private: true,
    type: 'module',
    scripts: {
      dev: 'wasmpoll dev',
      build: 'wasmpoll build',
      test: 'wasmpoll test',
      start: `wasmpoll ./build/${name}.wasm`,
    },
    dependencies: { wasmpoll: (await originOf(root, folder)) ?? `^${version}` },
    ...(language === 'as' && { devDependencies: { assemblyscript } }),
  };
  return { 'package.json': `${JSON.stringify(own, null, 2)}\n` };
}
