// Editors show what tsc finds. Both compilers of TypeScript look at a new project: the present one, and the last that
// is written in JavaScript.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { Author } from '../helpers/authors.ts';
import { root } from '../helpers/documents.ts';

const execute = promisify(execFile);

const { WASMPOLL_OTHER_TSC: other = '' } = process.env;
const compilers = {
  'TypeScript 7': path.join(root, 'node_modules/typescript/bin/tsc'),
  'TypeScript 5.9': other,
};

/** What tsc finds in a project, seen with this resolution; empty for nothing. */
async function found(tsc: string, author: Author, resolution: string): Promise<string> {
  const file = path.join(author.folder, 'tsconfig.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  const module = resolution === 'nodenext' ? 'nodenext' : 'esnext';
  Object.assign(config.compilerOptions, { module, moduleResolution: resolution });
  const changed = path.join(author.folder, `${resolution}.json`);
  writeFileSync(changed, JSON.stringify(config));
  try {
    const args = [tsc, '-p', changed, '--pretty', 'false'];
    const { stdout } = await execute(process.execPath, args, { cwd: author.folder });
    return stdout;
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

test('a new project is meant for bundler', async (t) => {
  const author = await Author.start(t);
  t.deepEqual(JSON.parse(readFileSync(path.join(author.folder, 'tsconfig.json'), 'utf8')), {
    extends: 'assemblyscript/std/assembly.json',
    compilerOptions: {
      module: 'esnext',
      moduleResolution: 'bundler',
      noEmit: true,
      skipLibCheck: true,
      experimentalDecorators: true,
    },
    include: ['src'],
  });
});

for (const [name, tsc] of Object.entries(compilers)) {
  for (const resolution of ['bundler', 'nodenext']) {
    test(`${name} with ${resolution} finds nothing in a new project, and a mistake where one is`, async (t) => {
      if (tsc === '') {
        t.log(`skipped: npm run test:author installs ${name}`);
        t.pass();
        return;
      }
      const author = await Author.start(t);
      t.is(await found(tsc, author, resolution), '');
      // The functions of the package have their types, and are not just any.
      author.save(`import { send } from 'wasmpoll/assembly';\nsend(1, 'text', 2);\n`);
      t.regex(await found(tsc, author, resolution), /^src\/redis\.ts\(2,9\): error TS2345: /);
    });
  }
}
