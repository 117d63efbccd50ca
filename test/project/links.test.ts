// What documents refer to exists: links in the files that are packed, npm's scripts, tests, rooms.

import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { document, root, section } from '../helpers/documents.ts';
import { anchorsOf, brokenLinks, linksOf } from '../helpers/links.ts';

interface Packed {
  readonly files: readonly { readonly path: string }[];
}

/** The files that `npm pack` would pack now; it asks nobody and writes nothing. */
async function packedFiles(): Promise<string[]> {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root });
  const [packed] = JSON.parse(stdout) as Packed[];
  return packed!.files.map((file) => file.path);
}

const readable = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'].concat(
  readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
);

test('every link in the package leads to a packed file, and to a heading that it has', async (t) => {
  const packed = new Set(await packedFiles());
  const pages = [...packed].filter((name) => name.endsWith('.md'));
  t.true(pages.includes('README.md') && pages.includes('docs/abi.md'));
  const place = { has: (name: string) => packed.has(name), read: document };
  t.deepEqual(
    pages.flatMap((page) => brokenLinks(page, place)),
    [],
  );
});

test('every link in CONTRIBUTING.md leads to a file of the checkout', (t) => {
  const has = (name: string): boolean => existsSync(path.join(root, name));
  t.deepEqual(brokenLinks('CONTRIBUTING.md', { has, read: document }), []);
});

test('a link that leads nowhere is found, and says why', (t) => {
  const files: Record<string, string> = {
    'README.md': [
      '[a](docs/a.md) [heading](docs/a.md#the-first-one-1) [own](#top) [web](https://example.org)',
      '[gone](docs/gone.md) ![chart](bench/chart.svg) [word](docs/a.md#nowhere)',
      '[up](../secret.md) [old](http://example.org) <img alt="" src="lost.png">',
      '[reference]: lost.md',
      '# Top',
    ].join('\n'),
    'docs/a.md': '[back](../README.md#top) [beside](b.md)\n## The first one\n## The first one\n',
  };
  const place = { has: (name: string) => name in files, read: (name: string) => files[name]! };
  t.deepEqual(brokenLinks('README.md', place), [
    'README.md: docs/gone.md: no such file',
    'README.md: bench/chart.svg: no such file',
    'README.md: docs/a.md#nowhere: no such heading',
    'README.md: ../secret.md: outside of the package',
    'README.md: http://example.org: only https: links lead outside',
    'README.md: lost.png: no such file',
    'README.md: lost.md: no such file',
  ]);
  t.deepEqual(brokenLinks('docs/a.md', place), ['docs/a.md: b.md: no such file']);
});

test('code has no links and no headings; a link around code is one', (t) => {
  const text =
    '# `run()`: *how*\n`[x](y.md)` [`z`](z.md)\n```sh\n# comment\n[v](w.md)\n```\n## B_c\n';
  t.deepEqual(linksOf(text), ['z.md']);
  t.deepEqual(anchorsOf(text), ['run-how', 'b_c']);
});

test('every script of npm that a document names is there, with the program named behind it', (t) => {
  const { scripts } = JSON.parse(document('package.json')) as { scripts: Record<string, string> };
  const known = (script: string, program: string | undefined): boolean =>
    script in scripts &&
    (program === undefined || existsSync(path.join(root, `scripts/${script}/${program}.mjs`)));
  const named = readable.flatMap((page) => [
    ...document(page).matchAll(/\bnpm run ([\w:-]+)(?: -- (\w+))?/g),
  ]);
  t.true(named.length > 10);
  const missing = named.filter(([, script, program]) => !known(script!, program));
  t.deepEqual(
    missing.map(([command]) => command),
    [],
  );
});

test('every test that docs/security.md names is there', (t) => {
  const names = [...document('docs/security.md').matchAll(/`([\w/-]+)\.test`/g)];
  t.true(names.length > 20);
  const missing = names.filter(([, name]) => !existsSync(path.join(root, `test/${name}.test.ts`)));
  t.deepEqual(
    missing.map(([name]) => name),
    [],
  );
});

test('docs/architecture.md says of each room what the lint lets it import', async (t) => {
  const script = new URL('../../../scripts/rooms.mjs', import.meta.url).href;
  const { rooms } = (await import(script)) as { rooms: Record<string, readonly string[]> };
  const rows = section(document('docs/architecture.md'), 'Rooms').matchAll(
    /^\| `([a-z0-9/]+)\/` \|(.*)\|$/gm,
  );
  const said = [...rows].map(([, room, cells]) => {
    const imports = cells!.split('|')[2]!.trim();
    return [room!, imports === '–' ? [] : imports.split(', ')] as const;
  });
  t.deepEqual(Object.fromEntries(said), rooms);
});

test('every path of the checkout that a document names is there', (t) => {
  const layers = /`((?:host|native|assembly|test|bench|scripts|examples|docs)\/[\w./-]*)`/g;
  const named = readable.flatMap((page) =>
    [...document(page).matchAll(layers)].map(([, name]) => `${page}: ${name!}`),
  );
  const rooms = section(document('docs/architecture.md'), 'Rooms').matchAll(
    /^\| `([a-z0-9/]+)\/` \|.* `([\w-]+\.ts)` \|$/gm,
  );
  for (const [, room, first] of rooms) named.push(`docs/architecture.md: host/${room}/${first}`);
  t.true(named.length > 30);
  const there = (entry: string): boolean => existsSync(path.join(root, entry.split(': ')[1]!));
  t.deepEqual(
    named.filter((entry) => !there(entry)),
    [],
  );
});
