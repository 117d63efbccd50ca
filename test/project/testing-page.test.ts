// docs/testing.md says what is so: the transcript and the command that it shows pass, and each word that it lists is one.

import test from 'ava';
import { parseTranscript } from '../../host/transcripts/parse.ts';
import { blocks, document, section, workshop } from '../helpers/documents.ts';
import { runCli } from '../helpers/process.ts';

const page = document('docs/testing.md');

for (const [heading, name] of [
  ['Transcripts', 'echo'],
  ['Upstreams', 'proxy'],
] as const) {
  test(`the transcript of ${name} that it shows passes by the command beside it`, async (t) => {
    const [shown, command] = blocks(section(page, heading));
    const place = workshop(t);
    place.write(`${name}.txt`, shown!.code);
    const [npx, wasmpoll, ...args] = command!.code.trimEnd().split(' ');
    t.deepEqual([npx, wasmpoll], ['npx', 'wasmpoll']);
    const { stdout } = await runCli(args, { cwd: place.folder });
    t.true(stdout.startsWith(`ok    ${name}.txt (23 plays)\n1 transcript, `), stdout);
  });
}

test('each line that its tables list can be read', (t) => {
  const rows = [...page.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, cell]) => cell!.split(', '));
  const lines = rows.map((row) => row.replaceAll('`', '').replace('REASON', 'PEER'));
  t.true(lines.length >= 35);
  for (const line of lines) {
    const head = /^(?:newline|config|setting|upstream)/.test(line);
    const db = line.startsWith('db') ? 'upstream db\n' : '';
    t.notThrows(() => parseTranscript(head ? `${line}\n> x` : `${db}${line}`, 'x'), line);
  }
});
