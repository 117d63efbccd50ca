// Passes what groups of tests print on, and closes it with what failed and one line that counts:
// `N passed, N failed, N skipped`. A group is what stands between `# begin: NAME` and `# end: NAME, STATUS`.

import { createInterface } from 'node:readline';

// Of a group that fails without naming a test, so many lines are shown once more.
const LAST_LINES = 30;

const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

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
    failures.push(`not ok: ${group.name === '' ? '' : `${group.name}: `}${title}`);
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

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${line}\n`);
  const [, mark, name, status] = /^# (begin|end): (.*?)(?:, (\d+))?$/.exec(line) ?? [];
  if (mark === undefined) take(line);
  else if (mark === 'end') end(status);
  if (mark !== undefined) group = begun(mark === 'begin' ? name : '');
}
// The stream ends within a group when who runs the groups was ended.
if (group.name !== '' || group.versions > group.plans) end('unknown');

const { passed, failed, skipped } = counts;
for (const line of failures) process.stdout.write(`${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
