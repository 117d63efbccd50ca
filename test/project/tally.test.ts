// What CI says at its end of what has failed, and that an error of a test does not end the report.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { root } from '../helpers/documents.ts';
import { runScript, temporary } from '../helpers/process.ts';

const script = path.join(root, 'scripts', 'tally.mjs');

/** What it prints of its own behind these lines, and its exit code. */
function tally(...lines: string[]): { said: string[]; status: number | null } {
  const input = lines.map((line) => `${line}\n`).join('');
  const { stdout, status } = spawnSync(process.execPath, [script], { input, encoding: 'utf8' });
  if (!stdout.startsWith(input)) throw new Error(`it has changed: ${stdout}`);
  return { said: stdout.slice(input.length).split('\n').slice(0, -1), status };
}

const tap = (...lines: string[]): string[] => ['TAP version 13', ...lines, `1..${lines.length}`];
const group = (name: string, status: number, lines: string[]): string[] => [
  `# begin: ${name}`,
  ...lines,
  `# end: ${name}, ${status}`,
];

test('a run without failures ends with one line that counts', (t) => {
  const lines = tap('ok 1 - one', 'ok 2 - two # SKIP', 'ok 3 - not ok');
  t.deepEqual(tally(...group('lint', 0, ['fine']), ...group('all', 0, lines)), {
    said: ['2 passed, 0 failed, 1 skipped'],
    status: 0,
  });
});

test('every test that fails is named once more, with its group, above the line that counts', (t) => {
  const first = tap('not ok 1 - a › it is so', '#   ok what it logs', 'ok 2 - b');
  const second = tap('not ok 1 - c');
  t.deepEqual(tally(...group('npm test', 1, first), ...group('other', 1, second)), {
    said: ['not ok: npm test: a › it is so', 'not ok: other: c', '1 passed, 2 failed, 0 skipped'],
    status: 1,
  });
});

test('a group that fails without naming a test is told with its last lines', (t) => {
  const { said, status } = tally(...group('lint', 1, ['x', 'y: wrong']), ...tap('ok 1 - one'));
  t.deepEqual(said, [
    'lint ended with status 1; its last lines:',
    '    x',
    '    y: wrong',
    '1 passed, 1 failed, 0 skipped',
  ]);
  t.is(status, 1);
});

test('a group that ends in the middle of its report has crashed, whatever its status', (t) => {
  const cut = tap('ok 1 - one', 'not ok 2 - two').slice(0, -1);
  const told = tally(...group('all', 0, [...cut, 'YAMLException: …']), ...tap('ok 1 - more'));
  t.is(told.said[0], 'not ok: all: two');
  t.is(told.said[1], 'all ended in the middle, with status 0; its last lines:');
  t.deepEqual(told.said.slice(-2), ['    YAMLException: …', '2 passed, 2 failed, 0 skipped']);
  t.is(told.status, 1);
  t.is(
    tally('# begin: all', ...cut).said[1],
    'all ended in the middle, with status unknown; its last lines:',
  );
});

test('a run without a test has failed', (t) => {
  t.deepEqual(tally('nothing'), { said: ['0 passed, 0 failed, 0 skipped'], status: 1 });
});

const url = (...names: string[]): string =>
  JSON.stringify(pathToFileURL(path.join(root, ...names)));

test('an error without frames, or with what is undefined, is reported like any other', async (t) => {
  const { stderr, stdout } = await runScript(`
    import { createRequire } from 'node:module';
    import ${url('scripts', 'ava.mjs')};
    const ava = createRequire(createRequire(${JSON.stringify(script)}).resolve('ava'));
    const { test } = await import(ava.resolve('supertap'));
    const error = Object.assign(new Error('gone'), { stack: 'Error: gone', code: undefined });
    console.log(test('it fails', { passed: false, index: 1, error }));`);
  t.is(stderr, '');
  t.is(stdout, 'not ok 1 - it fails\n  ---\n    name: Error\n    message: gone\n  ...\n');
});

test('tests that were not over in time are reported, each by its name', async (t) => {
  const { stderr, stdout } = await runScript(`
    import ${url('scripts', 'ava.mjs')};
    import Reporter from ${url('node_modules', 'ava', 'lib', 'reporters', 'tap.js')};
    const options = { extensions: [], projectDir: '/', reportStream: process.stdout };
    const pendingTests = new Map([['/a.test.js', new Set(['one', 'two'])]]);
    new Reporter(options).consumeStateChange({ type: 'timeout', period: 7, pendingTests });`);
  t.is(stderr, '');
  t.deepEqual(stdout.match(/^not ok .*|Exited because .*$/gm), [
    'not ok 1 - one',
    'Exited because no new tests completed within the last 7ms of inactivity',
    'not ok 2 - two',
    'Exited because no new tests completed within the last 7ms of inactivity',
  ]);
});

/** Runs it with an option and a file. */
function tallyWith(
  option: string,
  file: string,
  lines: string[],
): { last: string[]; status: number | null } {
  const input = lines.map((line) => `${line}\n`).join('');
  const { stdout, status } = spawnSync(process.execPath, [script, option, file], {
    input,
    encoding: 'utf8',
  });
  return { last: stdout.slice(input.length).split('\n').slice(0, -1), status };
}

test('a few tests that fail are to be run once more, and are named unsteady when they pass then', (t) => {
  const file = path.join(temporary(t), 'again');
  const failing = tap('not ok 1 - project › tally › it is so', 'ok 2 - b', 'ok 3 - c # SKIP');
  const first = tallyWith('--again', file, group('npm test', 1, failing));
  t.deepEqual(first, {
    last: ['not ok: npm test: project › tally › it is so', '1 passed, 1 failed, 1 skipped'],
    status: 1,
  });
  t.is(readFileSync(file, 'utf8'), 'npm test\tdist/test/project/tally.test.js\n');
  const passing = group('npm test dist/test/project/tally.test.js', 0, tap('ok 1 - it is so'));
  t.deepEqual(tallyWith('--second', file, passing), {
    last: ['unsteady: npm test: project › tally › it is so', '2 passed, 0 failed, 1 skipped'],
    status: 0,
  });
  const failed = group('npm test dist/test/project/tally.test.js', 1, tap('not ok 1 - it is so'));
  t.is(tallyWith('--second', file, failed).status, 1);
});

test('nothing is run once more when much has failed, or something that is no test', (t) => {
  const file = path.join(temporary(t), 'again');
  const many = Array.from(
    { length: 5 },
    (_, index) => `not ok ${index} - project › tally › ${index}`,
  );
  const one = group('npm test', 1, tap('not ok 1 - project › tally › it is so'));
  for (const lines of [
    group('npm test', 1, tap(...many)),
    [...one, ...group('lint', 1, ['wrong'])],
    group('npm test', 1, tap('not ok 1 - of no file › it is so')),
    group('npm test', 0, tap('ok 1 - project › tally › it is so')),
  ]) {
    tallyWith('--again', file, lines);
    t.false(existsSync(file));
  }
});
