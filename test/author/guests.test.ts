// docs/guests.md, followed by an author: its guests compile, its tests pass, and all that it says the kit has is there.

import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { type Block, blocks, document, root, workshop } from '../helpers/documents.ts';

const page = document('docs/guests.md');
const shown = blocks(page);
const sources = shown.filter(({ language }) => language === 'ts' || language === 'js');
const commands = shown.filter(({ language }) => language === 'sh').map(({ code }) => code);

test('the guests of the page compile, and do what its tests say', async (t) => {
  const place = workshop(t);
  for (const { file, code } of sources) place.write(file!, code);
  const names = sources.map(({ file }: Block) => file!);
  t.deepEqual([...names].sort(), [...new Set(names)].sort());
  // The first installs what the workshop has.
  t.true(commands[0]!.includes('npm install'));
  const output = await place.run(commands.slice(1).join(''));
  t.regex(output, /^# fail 0$/m);
  t.regex(output, /^# pass 9$/m);
});

test('what the page says the kit has is there', (t) => {
  const files = readdirSync(`${root}assembly/kit`).map((name) => `kit/${name}`);
  const kit = ['wasmpoll.ts', ...files]
    .map((name) => readFileSync(`${root}assembly/${name}`, 'utf8'))
    .join('\n');
  const names = [...page.matchAll(/`(?:input\.|reply\.|store\.|config\.)?([a-z]\w+)\([^`]*\)`/g)];
  t.true(names.length > 40);
  const missing = names
    .map(([, name]) => name!)
    .filter((name) => !['(', '<', ' = ('].some((next) => kit.includes(` ${name}${next}`)));
  t.deepEqual(missing, []);
});
