// Fault points: a copy of the compiled host in which every statement is preceded or followed by a step
// at which its thread may end. It knows the layout that tsc gives its output, and checks that it holds.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const dist = fileURLToPath(new URL('../../', import.meta.url));

// What changes the segment or the kernel, and what is called by those that do.
const STEPPED =
  /^host\/(reactor\/|memory\/(connections|pages|free-pages|page-scan|blocks|control-words|outbox|answers)\.|guest\/(effects|shared-log|outbound)\.|upstreams\/counts\.|kernel\/batch\.)/;

declare global {
  /** Called at each step; throws where the thread is to end. */
  var wasmpollStep: (() => void) | undefined;
}

// Members of classes are indented by four columns, statements in them by eight or more.
const STATEMENT = /^ {8,}.*;$/;
const FIELD = /^ {4}(#|readonly |static )?[\w#]+ = .*[^;]$/;

/** The file with a call of the step behind each statement in a method. */
function withSteps(source: string): string {
  const lines = source.split('\n');
  let field = false;
  return lines
    .map((line, index) => {
      // A field that goes on over lines is no place for statements.
      if (FIELD.test(line)) field = true;
      const statement = STATEMENT.test(line) && !field && !line.trimStart().startsWith('//');
      if (line.endsWith(';')) field = false;
      if (!statement || /^\s*(else|case)\b/.test(lines[index + 1] ?? '')) return line;
      if (/^\s*super\(/.test(line)) return line;
      return `${line} globalThis.wasmpollStep?.();`;
    })
    .join('\n');
}

/** Where the copy of this name is. */
export const steppedPath = (name: string): string => `${dist}faults/${name}`;

/** Writes the copy, with steps in the files that `stepped` matches. @returns a function that imports one of its modules */
export function steppedHost(name: string, stepped = STEPPED): (module: string) => Promise<unknown> {
  const target = steppedPath(name);
  for (const folder of ['host', 'assembly']) {
    for (const name of readdirSync(`${dist}${folder}`, { recursive: true }) as string[]) {
      if (!name.endsWith('.js')) continue;
      const file = `${folder}/${name}`;
      const source = readFileSync(`${dist}${file}`, 'utf8');
      mkdirSync(dirname(`${target}/${file}`), { recursive: true });
      writeFileSync(`${target}/${file}`, stepped.test(file) ? withSteps(source) : source);
    }
  }
  return (module) => import(pathToFileURL(`${target}/${module}.js`).href);
}
