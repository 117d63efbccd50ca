// Passes what groups of tests print on, and closes it with what failed and one line that counts:
// `N passed, N failed, N skipped`. A group is what stands between `# begin: NAME` and `# end: NAME, STATUS`.
//
// `tally.mjs --again FILE`: if nothing has failed but a few tests, FILE gets a line for each group of theirs: the
// group's name, a tab, and the files in which they stand. `tally.mjs --second FILE` counts what those print when they
// are run alone: a test that fails beside others and passes then is unsteady, and named.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

// Of a group that fails without naming a test, so many lines are shown once more.
const LAST_LINES = 30;
// More than these are no accident.
const MOST_UNSTEADY = 4;

const [mode, file] = process.argv.slice(2);
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const counts = { passed: 0, failed: 0, skipped: 0 };
/** Lines about what has failed; and the tests among it. */
const failures = [];
const failed = [];

/** @param name of the group, empty for what stands in none */
const begun = (name) => ({ name, lines: [], failed: 0, plans: 0, versions: 0 });
let group = begun('');

function take(line) {
  group.lines.push(line);
  if (group.lines.length > LAST_LINES) group.lines.shift();
  if (line === 'TAP version 13') group.versions += 1;
  if (/^1\.\.\d+$/.test(line)) group.plans += 1;
  const match = /^(not )?ok\b(?: \d+)?(?: - )?(.*?)\s*(# (?:SKIP|TODO))?\s*$/.exec(line);
  if (match === null) return;
  const [, not, title, directive] = match;
  if (directive !== undefined) counts.skipped += 1;
  else if (not === undefined) counts.passed += 1;
  else {
    counts.failed += 1;
    group.failed += 1;
    const said = `${group.name === '' ? '' : `${group.name}: `}${title}`;
    failures.push(`not ok: ${said}`);
    failed.push({ said, group: group.name, title });
  }
}

/** A group that says that it failed, but not which test, has crashed; so has one that ends in the middle. */
function end(status) {
  const cut = group.versions > group.plans;
  if (!cut && (status === '0' || group.failed > 0)) return;
  counts.failed += 1;
  const how = cut ? `ended in the middle, with status ${status}` : `ended with status ${status}`;
  failures.push(`${group.name || 'the tests'} ${how}; its last lines:`);
  failures.push(...group.lines.map((line) => `    ${line}`));
}

/**
 * The compiled files that a test may stand in: its title begins with the last folders and the name of the file. Of
 * those that are called the same, a group runs its own.
 */
function filesOf(title) {
  const tests = path.join('dist', 'test');
  const all = readdirSync(path.join(root, tests), { recursive: true });
  const parts = title.split(' › ');
  for (let length = parts.length - 1; length > 0; length -= 1) {
    const end = `/${parts.slice(0, length).join('/')}.test.js`;
    const found = all.filter((name) => `/${name}`.endsWith(end));
    if (found.length > 0) return found.map((name) => path.join(tests, name));
  }
  return [];
}

/** Writes what is to be run again; nothing when that would not help. */
function askAgain() {
  if (counts.failed === 0 || counts.failed > MOST_UNSTEADY) return;
  const groups = new Map();
  for (const { group: name, title } of failed) {
    const files = filesOf(title);
    if (name === '' || files.length === 0) return;
    groups.set(name, new Set([...(groups.get(name) ?? []), ...files]));
  }
  // Something else has failed.
  if (failed.length < counts.failed) return;
  const lines = [...groups].map(([name, files]) => `${name}\t${[...files].join(' ')}\n`);
  const said = failed.map((one) => one.said);
  writeFileSync(file, lines.join(''));
  writeFileSync(`${file}.first`, JSON.stringify({ counts, said }));
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${line}\n`);
  const [, mark, name, status] = /^# (begin|end): (.*?)(?:, (\d+))?$/.exec(line) ?? [];
  if (mark === undefined) take(line);
  else if (mark === 'end') end(status);
  if (mark !== undefined) group = begun(mark === 'begin' ? name : '');
}
// The stream ends within a group when who runs the groups was ended.
if (group.name !== '' || group.versions > group.plans) end('unknown');

const fine = counts.failed === 0 && counts.passed > 0;
for (const line of failures) process.stdout.write(`${line}\n`);
if (mode === '--again') askAgain();
if (mode === '--second' && fine) {
  const first = JSON.parse(readFileSync(`${file}.first`, 'utf8'));
  for (const said of first.said) process.stdout.write(`unsteady: ${said}\n`);
  counts.passed = first.counts.passed + first.counts.failed;
  counts.skipped = first.counts.skipped;
}
const { passed, skipped } = counts;
process.stdout.write(`${passed} passed, ${counts.failed} failed, ${skipped} skipped\n`);
process.exitCode = fine ? 0 : 1;
