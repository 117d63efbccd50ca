// The house rules: a small tree that keeps them all, and the same tree with each fault, which the lint
// must find, and nothing else.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { document, root, section } from '../helpers/documents.ts';

type Tree = Readonly<Record<string, string>>;

const { faults } = (await import(`${root}scripts/layers.mjs`)) as {
  faults(root: string): string[];
};
const { rooms } = (await import(`${root}scripts/rooms.mjs`)) as {
  rooms: Record<string, readonly string[]>;
};

const GOOD: Tree = {
  'package.json': JSON.stringify({
    bin: { wasmpoll: 'dist/host/cli/main.js' },
    exports: {
      '.': { default: './dist/host/index.js' },
      './testing': { default: './dist/host/testing/index.js' },
    },
  }),
  'assembly/abi.ts': '// Numbers.\nexport const STATUS_OK = 0;\n',
  'assembly/echo.ts': "import { send } from './wasmpoll';\n",
  'native/io.cc': '#include <cerrno>\n#include "io.h"\n',
  'host/errors.ts': 'export const code = 1;\n',
  'host/index.ts': "export { serve } from './server/serve.ts';\n",
  'host/cli/main.ts': "import { readFile } from 'node:fs';\nimport '../server/serve.ts';\n",
  'host/kernel/contract.ts': "import type { A } from '../errors.ts';\nconst FIRST = 1;\n",
  'host/memory/segment.ts': "import { b } from '../kernel/contract.ts';\nconst FIRST = 2;\n",
  'host/reactor/turn.ts': "import { c } from '../memory/segment.ts';\n",
  'host/server/serve.ts': "import { d } from '../threads/seat.ts';\n",
  'host/testing/index.ts':
    "import { STATUS_OK } from '../../assembly/abi.ts';\nimport '../reactor/turn.ts';\n",
  'host/threads/seat.ts': "const script = new URL('./worker.js', import.meta.url);\n",
  'host/threads/worker.ts': "import {\n  e,\n} from '../reactor/turn.ts';\n",
};

/** What the lint says of the good tree with these files changed, added, or (with '') left out. */
function faultsWith(changes: Tree): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-layers-'));
  try {
    for (const [file, text] of Object.entries({ ...GOOD, ...changes })) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), text);
    }
    return faults(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const added = (file: string, text: string): Tree => ({ [file]: `${GOOD[file] ?? ''}${text}` });
const files = (count: number, make: (index: number) => [string, string]): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => make(index)));
const lines = (count: number): string => '// A line.\n'.repeat(count);

const cases: readonly (readonly [what: string, changes: Tree, found: RegExp])[] = [
  [
    'a room that imports against the plan',
    added('host/memory/segment.ts', "import '../reactor/turn.ts';\n"),
    /^host\/memory\/segment\.ts: imports host\/reactor\/turn\.ts; memory may import kernel, memory\/counts, shared\/records, errors/,
  ],
  [
    'a type that is imported against the plan',
    added('host/kernel/contract.ts', "export type { F } from '../memory/segment.ts';\n"),
    /^host\/kernel\/contract\.ts: imports host\/memory\/segment\.ts/,
  ],
  [
    'an import at run time against the plan',
    added('host/threads/worker.ts', "await import('../server/serve.ts');\n"),
    /^host\/threads\/worker\.ts: imports host\/server\/serve\.ts/,
  ],
  [
    'a word that imports a room',
    added('host/errors.ts', "import './kernel/contract.ts';\n"),
    /^host\/errors\.ts: imports host\/kernel\/contract\.ts; this file may import errors/,
  ],
  [
    'a room that the plan lacks',
    { ...added('host/index.ts', "import './attic/box.ts';\n"), 'host/attic/box.ts': '' },
    /^host\/attic\/box\.ts: scripts\/rooms\.mjs has no room 'attic'/,
  ],
  [
    'an import from another layer',
    added('host/reactor/turn.ts', "import '../../assembly/echo.ts';\n"),
    /^host\/reactor\/turn\.ts: host\/ imports assembly\/echo\.ts/,
  ],
  [
    'an import of a package in assembly/',
    added('assembly/echo.ts', "import 'as-wasi';\n"),
    /^assembly\/echo\.ts: assembly\/ imports as-wasi/,
  ],
  [
    'code among the numbers',
    added('assembly/abi.ts', 'export const NOW = Date.now();\n'),
    /^assembly\/abi\.ts: both compilers must read it/,
  ],
  [
    'an include from another layer',
    added('native/io.cc', '#include "../host/rows.h"\n'),
    /^native\/io\.cc: native\/ includes "\.\.\/host\/rows\.h"/,
  ],
  [
    'Node in what runs in a browser',
    added('host/memory/segment.ts', "import 'node:os';\n"),
    /^host\/memory\/segment\.ts: imports node:os, but it must run in a browser/,
  ],
  [
    'a file that is too long',
    added('host/reactor/turn.ts', lines(280)),
    /^host\/reactor\/turn\.ts: has 281 lines; at most 280/,
  ],
  [
    'a script that is too long',
    { 'scripts/build.mjs': lines(281) },
    /^scripts\/build\.mjs: has 281 lines/,
  ],
  [
    'a file that nothing reaches',
    { 'host/reactor/old.ts': '' },
    /^host\/reactor\/old\.ts: no entrance of package\.json reaches it/,
  ],
  [
    'a constant that stands in two files',
    added('host/memory/segment.ts', 'export const FIRST = 1;\n'),
    /^host\/memory\/segment\.ts: FIRST = 1 stands in host\/kernel\/contract\.ts, too/,
  ],
  [
    'a file with too many imports',
    {
      ...files(9, (index) => [`host/reactor/part-${index}.ts`, '']),
      ...added(
        'host/reactor/turn.ts',
        [...Array(9).keys()].map((index) => `import './part-${index}.ts';\n`).join('') +
          "import '../kernel/contract.ts';\n",
      ),
    },
    /^host\/reactor\/turn\.ts: imports 11 files of the project; at most 10/,
  ],
  [
    'a room with too many files',
    {
      ...files(16, (index) => [
        `host/memory/part-${index}.ts`,
        index === 15 ? '' : `import './part-${index + 1}.ts';\n`,
      ]),
      ...added('host/memory/segment.ts', "import './part-0.ts';\n"),
    },
    /^host\/memory: has 17 files; at most 16/,
  ],
];

test('a tree that keeps the rules has no fault', (t) => {
  t.deepEqual(faultsWith({}), []);
});

for (const [what, changes, found] of cases) {
  test(`the lint finds ${what}, and nothing else`, (t) => {
    const all = faultsWith(changes);
    t.is(all.length, 1, all.join('\n'));
    t.regex(all[0]!, found);
  });
}

test('this repository keeps the rules', (t) => {
  t.deepEqual(faults(root), []);
});

test('docs/architecture.md has a line for each room, and no other', (t) => {
  const table = section(document('docs/architecture.md'), 'Rooms');
  const named = [...table.matchAll(/^\| `([a-z0-9/]+)\/` \|/gm)].map((match) => match[1]);
  t.deepEqual(named.sort(), Object.keys(rooms).sort());
});
