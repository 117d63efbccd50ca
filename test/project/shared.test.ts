// docs/shared.md, followed by a newcomer: its guest compiles, its programs print what it says, and its tables are
// those of the policy and of the ABI.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import * as abi from '../../assembly/abi.ts';
import { type SettingName, settings } from '../../host/policy.ts';
import { showValue } from '../../host/units.ts';
import { type Client, connect } from '../helpers/client.ts';
import {
  type Block,
  blocks,
  document,
  section,
  type Workshop,
  workshop,
} from '../helpers/documents.ts';
import { runNode, startCli } from '../helpers/process.ts';

const page = document('docs/shared.md');
const shown = blocks(page);

const only = (found: Block[]): string => {
  if (found.length !== 1) throw new Error(`${found.length} blocks instead of one`);
  return found[0]!.code;
};
const source = (file: string): string =>
  only(shown.filter((block) => block.file === file && ['ts', 'js'].includes(block.language)));
const commands = (start: string): string =>
  only(shown.filter(({ language, code }) => language === 'sh' && code.startsWith(start)));
const printed = (heading: string): string =>
  only(blocks(section(page, heading)).filter(({ language }) => language === 'text'));

// Compiled once: the compiler takes most of the time.
let place: Workshop;
test.before(async (t) => {
  const forAll: (() => void | Promise<void>)[] = [];
  place = workshop({ teardown: (end) => forAll.push(end) });
  process.once('exit', () => {
    for (const end of forAll) void end();
  });
  place.write('board.ts', source('board.ts'));
  for (const file of ['board.mjs', 'board.test.mjs', 'engines.test.mjs', 'keys.mjs']) {
    place.write(file, source(file).replace(':33445', ':0'));
  }
  await place.run(commands('npx asc'));
  t.pass();
});

test('every code block of the page is tried here', (t) => {
  const kinds = shown.map(({ language, file }) => (language === 'sh' ? language : file));
  t.deepEqual(kinds.sort(), [
    ...['board.mjs', 'board.mjs', 'board.test.mjs', 'board.ts', 'engines.test.mjs'],
    ...['keys.mjs', 'keys.mjs', 'sh', 'sh', 'sh', 'sh', 'sh', 'sh'],
  ]);
});

interface Board {
  readonly program: ChildProcess;
  readonly address: string;
  /** The lines that it prints. */
  readonly lines: AsyncIterator<string>;
}

async function board(t: ExecutionContext): Promise<Board> {
  const [node, ...args] = commands('node board.mjs').trim().split(' ');
  t.is(node, 'node');
  const stdio = ['pipe', 'pipe', 'inherit'] as const;
  const program = spawn(process.execPath, args, { cwd: place.folder, stdio: [...stdio] });
  t.teardown(() => void program.kill('SIGKILL'));
  const lines = createInterface({ input: program.stdout! })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  return { program, lines, address: /^listening on (127\.0\.0\.1:\d+)$/.exec(value)![1]! };
}

test('the board shows each client what the page says, and ends with its input', async (t) => {
  const { program, address, lines } = await board(t);
  const session = printed('A Node program').split('\n').slice(0, -1);
  const [welcome, typed, count, notice] = session as [string, string, string, string];
  const shows = async (client: Client, line: string): Promise<void> => {
    t.is(String(await client.readExactly(line.length + 1)), `${line}\n`);
  };
  const one = await connect(address, { owner: t });
  await shows(one, welcome);
  const two = await connect(address, { owner: t });
  await shows(two, 'you are visitor 2');
  await one.send(`${typed}\n`);
  await shows(one, count);
  await shows(two, typed);
  t.is((await lines.next()).value, typed);
  program.stdin!.write(`${notice.replace('operator: ', '')}\n`);
  await shows(one, notice);
  await shows(two, notice);
  t.is((await lines.next()).value, notice);
  // Many at once are answered one after the other, and none is lost.
  await two.send('more\n'.repeat(100));
  await shows(one, 'more\n'.repeat(100).trimEnd());
  for (let line = 2; line <= 101; line += 1) await shows(two, `line ${line}`);
  const ended = once(program, 'exit');
  program.stdin!.end();
  t.deepEqual(await ended, [0, null]);
  t.is(String(await one.readAll()), '');
});

for (const file of ['board.test.mjs', 'engines.test.mjs']) {
  test(`${file}, which needs no sockets, passes`, async (t) => {
    const [, ...args] = commands(`node --test ${file}`).trim().split(' ');
    const { code, stdout } = await runNode(args, { cwd: place.folder });
    t.is(code, 0, stdout);
  });
}

test('the program that uses keys prints what the page says', async (t) => {
  const { stdout, stderr } = await runNode(['keys.mjs'], { cwd: place.folder });
  t.is(stdout, printed('More about keys'), stderr);
});

test('the commands with engines start, or say which Node they need', async (t) => {
  const lines = commands('npx wasmpoll').trimEnd().split('\n');
  t.is(lines.length, 2);
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  const hasSqlite = major > 22 || (major === 22 && minor >= 13);
  for (const line of lines) {
    const args = [...line.split(' ').slice(2), '--listen', '127.0.0.1:0'];
    const start = startCli(t, args, { cwd: place.folder });
    if (line.includes('sqlite:') && !hasSqlite) {
      await t.throwsAsync(start, { message: /22\.13/ });
    } else {
      t.regex((await start).address, /^127\.0\.0\.1:\d+$/, line);
    }
  }
});

/** The rows of the table under a heading: their cells. */
const rows = (heading: string): string[][] =>
  [...section(page, heading).matchAll(/^\| (.*) \|$/gm)]
    .map(([, row]) => row!.split(' | '))
    .slice(2);

test('the bounds are those of the policy', (t) => {
  let compared = 0;
  for (const [names, defaults] of rows('Bounds')) {
    const found = [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name as SettingName);
    const texts = defaults!.split(/[,;] (?=\d)/).map((text) => text.replaceAll(/[ ,]/g, ''));
    t.is(texts.length, found.length, names);
    for (const [index, name] of found.entries()) {
      const { default: value, unit } = settings[name];
      t.is(texts[index], showValue(value, unit).replace(/(?<=^\d+)B$/, ''), name);
      compared += 1;
    }
  }
  t.is(compared, 12);
});

test('the statuses are those of the ABI', (t) => {
  const numbers: Readonly<Record<string, number>> = { ...abi };
  const said = rows('More about keys').map(([status]) => status!.split(' '));
  t.is(said.length, 5);
  for (const [name, value] of said) {
    t.is(Number(value!.replace('−', '-')), numbers[`STATUS_${name}`]!);
  }
});
