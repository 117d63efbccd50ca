// README says what is so: its settings are the policy's, its files exist.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import test from 'ava';

const root = new URL('../../', import.meta.url);
const readme = await readFile(new URL('README.md', root), 'utf8');

test('the settings table is the policy table', async (t) => {
  const script = new URL('scripts/settings.mjs', root).href;
  const { withSettings } = (await import(script)) as {
    withSettings: (text: string) => Promise<string>;
  };
  t.is(await withSettings(readme), readme, 'run: npm run settings');
});

test('every file that it links to is there', (t) => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path!);
  t.true(links.length > 5);
  t.deepEqual(
    links.filter((path) => !existsSync(new URL(path, root))),
    [],
  );
});
