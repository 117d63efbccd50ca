// What README and docs/ show: their code blocks, and a folder where these can be tried as a user
// would, with this checkout in node_modules.

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Owner, temporary } from './process.ts';

// Seen from dist/test/helpers.
export const root = fileURLToPath(new URL('../../../', import.meta.url));

export const document = (name: string): string => readFileSync(path.join(root, name), 'utf8');

export interface Block {
  readonly language: string;
  readonly code: string;
  /** The last file name in backquotes before it. */
  readonly file: string | undefined;
}

/** The fenced code blocks of a text, in order. */
export function blocks(text: string): Block[] {
  let file: string | undefined;
  const found: Block[] = [];
  for (const match of text.matchAll(/^```(\w*)\n([\s\S]*?)^```$|`([\w.-]+\.(?:ts|mjs|c|rs))`/gm)) {
    if (match[3] !== undefined) file = match[3];
    else found.push({ language: match[1]!, code: match[2]!, file });
  }
  return found;
}

/** The part under a heading, up to the next one. */
export function section(text: string, heading: string): string {
  const parts = text.split(/^##+ /m);
  const part = parts.find((each) => each.startsWith(`${heading}\n`));
  if (part === undefined) throw new Error(`there is no section '${heading}'`);
  return part;
}

export interface Workshop {
  readonly folder: string;
  write(name: string, content: string): void;
  read(name: string): Uint8Array<ArrayBuffer>;
  /** Runs shell commands. Rejects with their output when one fails. */
  run(commands: string): Promise<string>;
}

/** A folder in whose node_modules are wasmpoll, linked to this checkout, and what it is built with. */
export function workshop(owner: Owner): Workshop {
  const folder = temporary(owner);
  const modules = path.join(folder, 'node_modules');
  mkdirSync(modules);
  symlinkSync(root, path.join(modules, 'wasmpoll'));
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (name.startsWith('.') && name !== '.bin') continue;
    const link = path.join(modules, name);
    if (name !== 'wasmpoll') symlinkSync(path.join(root, 'node_modules', name), link);
  }
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  return {
    folder,
    write: (name, content) => writeFileSync(path.join(folder, name), content),
    read: (name) => new Uint8Array(readFileSync(path.join(folder, name))),
    run: async (commands) => {
      const { stdout } = await promisify(execFile)('sh', ['-ec', commands], { cwd: folder });
      return stdout;
    },
  };
}
