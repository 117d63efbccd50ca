// The ruler: what it makes of its rounds, how it finds the parts of a build, and that it notices when
// messages do not go through. How fast anything is, it does not assert.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { root } from '../../bench/load/compile.ts';
import { parseHostCostOptions, UsageError } from '../../bench/options.ts';
import { BuildError, loadBuild, NUMBERS } from '../../bench/ruler/builds.ts';
import { type HostCase, HostCost, hostCases } from '../../bench/ruler/case.ts';
import { hostCostTable } from '../../bench/ruler/table.ts';
import { linesModule, scriptedModule } from '../helpers/guests.ts';
import { runNode } from '../helpers/process.ts';

// Compiled now: it takes its time, and blocks this thread.
for (const { guest } of hostCases) guest();

const ruler = fileURLToPath(new URL('../../bench/host-cost.js', import.meta.url));

test('a ratio is this build over another one in the same round', (t) => {
  const builds = [
    { title: 'this build', nanoseconds: [100, 220, 100] },
    { title: '../before', nanoseconds: [100, 200, 80] },
    { title: '../other', nanoseconds: [200, 440, 200] },
  ];
  const lines = hostCostTable([{ title: 'echo', builds }]).split('\n');
  t.deepEqual(
    lines.map((line) => line.split(/ {2,}/).filter((cell) => cell !== '')),
    [
      ['ns/message (quartiles)', 'this build ÷ that one (quartiles)'],
      ['echo', '100.0 (100.0–160.0)'],
      ['../before', '100.0 (90.0–150.0)', '1.100 (1.050–1.175)'],
      ['../other', '200.0 (200.0–320.0)', '0.500 (0.500–0.500)'],
      [],
    ],
  );
});

test('a build that is compared with none has no ratios', (t) => {
  const builds = [{ title: 'this build', nanoseconds: [100, 101, 105] }];
  const [head, row] = hostCostTable([{ title: 'echo', builds }]).split('\n');
  t.is(head!.trim(), 'ns/message (quartiles)');
  t.regex(row!, /^echo +101\.0 \(100\.5–103\.0\)$/);
});

test('the ruler has defaults, and takes several builds', (t) => {
  t.deepEqual(parseHostCostOptions([]), { rounds: 200, messages: 30_000, against: [] });
  t.deepEqual(
    parseHostCostOptions(['--against', 'a', '--rounds', '3', '--against=b', '--messages', '5000']),
    { rounds: 3, messages: 5000, against: ['a', 'b'] },
  );
});

for (const [args, message] of [
  [['--rounds', '0'], "--rounds must be a whole number from 1 to 1000, got '0'"],
  [['--messages', '9'], "--messages must be a whole number from 1000 to 10000000, got '9'"],
  [['--seconds', '1'], "Unknown option '--seconds'; there are --rounds, --messages, --against"],
] as const) {
  test(`the ruler refuses ${args.join(' ')} in one line`, (t) => {
    t.throws(() => parseHostCostOptions(args), { instanceOf: UsageError, message });
  });
}

test('a run prints a line for each case and build, and a ratio for each other build', async (t) => {
  const args = ['--rounds', '2', '--messages', '1000', '--against', root];
  const { code, stdout, stderr } = await runNode([ruler, ...args]);
  t.is(stderr, '');
  t.is(code, 0);
  const cost = String.raw`(\d+\.\d) \(\d+\.\d–\d+\.\d\)`;
  const ratio = String.raw`(\d+\.\d{3}) \(\d+\.\d{3}–\d+\.\d{3}\)`;
  const lines = stdout
    .trimEnd()
    .split('\n')
    .slice(-2 * hostCases.length);
  for (const [index, { title }] of hostCases.entries()) {
    const [ours, other] = [lines[2 * index]!, lines[2 * index + 1]!];
    t.true(ours.startsWith(title), ours);
    t.true(other.startsWith(`  ${root}`), other);
    const found = [
      new RegExp(` ${cost}$`).exec(ours)?.[1],
      new RegExp(` ${cost} +${ratio}$`).exec(other)?.[1],
    ].map(Number);
    // No machine that runs Node is a hundred times faster, or has ten thousand times as much time.
    t.true(
      found.every((nanoseconds) => nanoseconds > 1 && nanoseconds < 1e6),
      stdout,
    );
  }
});

test('a folder without a build is refused in one line, before anything is measured', async (t) => {
  const folder = scratch(t);
  const { code, stdout, stderr } = await runNode([ruler, '--against', folder]);
  t.is(stdout, '');
  t.is(code, 2);
  const places = 'dist/host/reactor/reactor.js or dist/host/reactor.js';
  t.is(stderr, `bench: ${folder} has no ${places}; run \`npm run build\` there\n`);
});

for (const [layout, [reactor, module, rows]] of Object.entries({
  'in rooms': ['reactor/reactor.js', 'module/protocol-module.js', 'kernel/rows.js'],
  flat: ['reactor.js', 'module.js', 'kernel.js'],
} as const)) {
  test(`the parts of a build are found when its files lie ${layout}`, async (t) => {
    const folder = scratch(t);
    write(folder, reactor, 'export class Reactor {}');
    write(folder, module, 'export const loadModule = () => 1;');
    write(folder, 'policy.js', 'export const resolvePolicy = () => 2;');
    write(folder, rows, NUMBERS.map((name, at) => `export const ${name} = ${at};`).join('\n'));
    const build = await loadBuild(folder);
    t.is(build.Reactor.name, 'Reactor');
    t.is(build.loadModule.name, 'loadModule');
    t.is(build.resolvePolicy.name, 'resolvePolicy');
    t.deepEqual({ ...build.numbers }, Object.fromEntries(NUMBERS.map((name, at) => [name, at])));
  });
}

test('a build that lacks a part is refused, and the part is named', async (t) => {
  const folder = scratch(t);
  write(folder, 'reactor.js', 'export class Reactor {}');
  write(folder, 'policy.js', 'export const resolvePolicy = () => 2;');
  write(folder, 'kernel.js', NUMBERS.map((name) => `export const ${name} = 0;`).join('\n'));
  const error = await t.throwsAsync(loadBuild(folder), { instanceOf: BuildError });
  t.true(error.message.startsWith(`${folder}: no function loadModule in dist/host/{`));
});

const text = (message: string): Uint8Array => new TextEncoder().encode(message);
const odd = (guest: () => Uint8Array, message: string): HostCase => {
  return { name: 'odd', title: 'odd', guest, message: text(message), callbacks: 1 };
};

for (const hostCase of hostCases) {
  test(`every message of the case ${hostCase.name} goes through`, async (t) => {
    const cost = await HostCost.create(await loadBuild(root), hostCase);
    t.true(cost.run(5000) > 0);
  });
}

test('the ruler refuses to measure a guest that sends nothing', async (t) => {
  const create = HostCost.create(await loadBuild(root), odd(linesModule, 'no end of line'));
  await t.throwsAsync(create, { message: /^not all came back: .*"sends":0,"bytes":0/ });
});

test('the ruler refuses to measure a guest that sends other bytes than it got', async (t) => {
  const create = HostCost.create(
    await loadBuild(root),
    odd(() => scriptedModule, 's .,other;'),
  );
  await t.throwsAsync(create, { message: 'connection 0 was sent a foreign byte' });
});

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

function write(folder: string, place: string, source: string): void {
  const file = path.join(folder, 'dist', 'host', place);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, source);
}
