import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { Author, childrenOf, hasCompiler, keyboard } from '../helpers/authors.ts';
import { type Client, connect } from '../helpers/client.ts';
import { until } from '../helpers/programs.ts';

// In the template a line's number and the line stand beside each other.
const [SPACE, DASH, DOT] = ["text(' ')", "text('-')", "text('.')"] as const;

const answer = async (client: Client, line: string): Promise<string> => {
  await client.send(`${line}\n`);
  return String(await client.readExactly(line.length + 3));
};

test.serial(
  'what is saved is served under live connections, and they keep their state',
  async (t) => {
    const author = await Author.start(t);
    const running = await author.dev(t);
    const client = await connect(running.address, { owner: t });
    t.is(await answer(client, 'a'), '1 a\n');
    author.change(SPACE, DASH);
    await running.written('stderr', /module swapped/);
    t.is(await answer(client, 'b'), '2-b\n');
  },
);

test.serial('a change is served soon', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  const client = await connect(running.address, { owner: t });
  const times: number[] = [];
  for (let round = 1; round <= 9; round += 1) {
    const began = performance.now();
    author.change(SPACE, `text('${'-+*/=.:;!'[round - 1]}')`);
    await running.written('stderr', new RegExp(`(?:module swapped[\\s\\S]*){${round}}`));
    times.push(Math.round(performance.now() - began));
    t.is(await answer(client, 'a'), `${round}${'-+*/=.:;!'[round - 1]}a\n`);
  }
  t.log(`from saving to serving, ms: ${times.join(', ')}`);
});

test.serial(
  'a mistake is told with its line, and what was there goes on, until it is put right',
  async (t) => {
    const author = await Author.start(t);
    const running = await author.dev(t);
    const client = await connect(running.address, { owner: t });
    const line = author.text.split('\n').findIndex((one) => one.includes(SPACE)) + 1;
    author.change(SPACE, 'text(nothing)');
    await running.written('stderr', new RegExp(`^src/redis\\.ts:${line}:\\d+: .*nothing.*\n`, 'm'));
    await running.written('stderr', /^the module before goes on\n/m);
    t.is(await answer(client, 'a'), '1 a\n');
    author.change(SPACE, DOT);
    await running.written('stderr', /module swapped/);
    t.is(await answer(client, 'b'), '2.b\n');
  },
);

test.serial('a refusal is told with its line, and what was there goes on', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  const client = await connect(running.address, { owner: t });
  author.save(`${author.text}\nexport function on_open(): void {}\n`);
  await running.written(
    'stderr',
    /^refused: redis\.wasm: export type: on_open is \(\) -> \(\), not/m,
  );
  t.is(await answer(client, 'a'), '1 a\n');
});

test.serial('a guest that does not start is refused, and what was there goes on', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  const client = await connect(running.address, { owner: t });
  author.save(`${author.text}\nunreachable();\n`);
  await running.written('stderr', /^refused: redis\.wasm: .*unreachable/m);
  t.is(await answer(client, 'a'), '1 a\n');
});

test.serial('what does not compile at the start is served once it does', async (t) => {
  const author = await Author.start(t);
  author.save('there is none');
  const running = await author.dev(t, { listens: false });
  await running.written('stderr', /^src\/redis\.ts:1:\d+: /m);
  author.save(author.text);
  await running.written('stdout', /^listening on/m);
  const client = await connect(running.address, { owner: t });
  t.is(await answer(client, 'a'), '1 a\n');
});

test.serial(
  'other state blocks without migrate are told; Enter restarts, and connections end',
  async (t) => {
    const author = await Author.start(t);
    const keys = keyboard(t);
    const running = await author.dev(t, { prefix: keys.prefix });
    const client = await connect(running.address, { owner: t });
    t.is(await answer(client, 'a'), '1 a\n');
    const before = author.change('lines!: i32;', 'lines!: i32;\n  bytes!: i32;');
    await running.written('stderr', /^refused: .*has no migrate; export migrate, or restart/m);
    await running.written('stderr', /^press Enter to restart/m);
    t.is(await answer(client, 'b'), '2 b\n');
    keys.enter();
    t.is(String(await client.readAll()), '');
    const next = await connect(running.address, { owner: t });
    t.is(await answer(next, 'c'), '1 c\n');
    author.save(before.replace(SPACE, DASH));
    await running.written('stderr', /(?:module swapped[\s\S]*){2}/);
    t.is(await answer(next, 'd'), '2-d\n');
  },
);

test.serial('other state blocks are served at once when nobody is connected', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  author.change('lines!: i32;', 'lines!: i32;\n  bytes!: i32;');
  await running.written('stderr', /module swapped/);
  t.notRegex(running.stderr, /Enter|refused/);
  const client = await connect(running.address, { owner: t });
  t.is(await answer(client, 'a'), '1 a\n');
});

test.serial('a trap leaves a crash file and its module, which are played again', async (t) => {
  const author = await Author.start(t);
  const crashes = path.join(author.folder, 'crashes');
  mkdirSync(crashes);
  author.change(/client\.lines \+= 1;/, 'client.lines += 1 + 0 / (2 - client.lines);');
  const running = await author.dev(t, { args: ['--crash-folder', 'crashes'] });
  const client = await connect(running.address, { owner: t });
  await client.send('a\nb\nc\n');
  await running.written('stderr', /was kept/);
  author.change(SPACE, DASH);
  await running.written('stderr', /module swapped/);
  running.kill('SIGINT');
  await running.exited;
  const modules = readdirSync(crashes).filter((name) => name.endsWith('.wasm'));
  t.is(modules.length, 1);
  const file = path.join('crashes', 'crash-1.json');
  const replayed = await author.run('replay', file, path.join('crashes', modules[0]!));
  t.is(replayed.code, 0, replayed.stdout + replayed.stderr);
  t.regex(replayed.stdout, /^reproduced: divide by zero/);
});

test.serial('with --record a fault comes again that a crash file does not hold', async (t) => {
  const author = await Author.start(t);
  const globals = author.text
    .replace('const LONGEST_LINE', 'let lines = 0;\nconst LONGEST_LINE')
    .replace('client.lines += 1;', 'lines += 1;\n    client.lines += 1 + 0 / (3 - lines);');
  author.save(globals);
  mkdirSync(path.join(author.folder, 'crashes'));
  const running = await author.dev(t, { args: ['--record', '--crash-folder', 'crashes'] });
  const [one, two] = [
    await connect(running.address, { owner: t }),
    await connect(running.address, { owner: t }),
  ];
  t.is(await answer(one, 'a'), '1 a\n');
  t.is(await answer(two, 'b'), '1 b\n');
  await one.send('c\n');
  await running.written('stderr', /(?:was kept[\s\S]*){2}/);
  running.kill('SIGINT');
  await running.exited;
  const files = readdirSync(path.join(author.folder, 'crashes')).sort();
  t.deepEqual(files.slice(0, 2), ['crash-1.json', 'recording-1.jsonl']);
  const [crash, recording, module] = files.map((name) => path.join('crashes', name));
  t.is(statSync(path.join(author.folder, recording!)).mode & 0o777, 0o600);
  const again = await author.run('replay', recording!, module!);
  t.regex(again.stdout, /^reproduced: divide by zero in .*, in on_data\n {2}at src\/redis\.ts:\d+/);
  t.is(again.code, 0, again.stderr);
  const alone = await author.run('replay', crash!, module!);
  t.regex(alone.stdout, /^not reproduced: .*wasmpoll dev --record keeps all that/s);
  t.is(alone.code, 3);
});

test.serial('recordings have a folder of the project if there is no other', async (t) => {
  const author = await Author.start(t);
  author.change(/client\.lines \+= 1;/, 'client.lines += 1 / (1 - line.length);');
  const running = await author.dev(t, { args: ['--record'] });
  const client = await connect(running.address, { owner: t });
  await client.send('a\n');
  await running.written('stderr', /recording-1\.jsonl/);
  running.kill('SIGINT');
  await running.exited;
  const records = path.join(author.folder, 'build', 'records');
  t.is(statSync(records).mode & 0o777, 0o700);
  t.is(readdirSync(records).length, 2, 'and the module');
});

test.serial('operators may ask how it is doing', async (t) => {
  const author = await Author.start(t);
  const args = ['--admin', '127.0.0.1:0', '--log-format', 'json'];
  const running = await author.dev(t, { args });
  const [, address] = await running.written('stderr', /"address":"([^"]+)"[^\n]*admin listens/);
  const health = await fetch(`http://${address}/readyz`);
  t.is(health.status, 200);
  const metrics = await (await fetch(`http://${address}/metrics`)).text();
  t.regex(metrics, /service="redis"/);
});

test.serial('other state blocks with migrate are taken over, without a question', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  const client = await connect(running.address, { owner: t });
  t.is(await answer(client, 'a'), '1 a\n');
  author.save(`${author.text.replace('lines!: i32;', 'lines!: i32;\n  bytes!: i32;')}
export function migrate(_connection: i32, old: Client, _size: i32, _version: i32, now: Client): void {
  now.lines = old.lines + 6;
}
`);
  await running.written('stderr', /module swapped/);
  t.is(await answer(client, 'b'), '8 b\n');
  t.notRegex(running.stderr, /Enter/);
});

test.serial('a file that the source imports is watched, also before it is there', async (t) => {
  const author = await Author.start(t);
  const other = path.join(author.folder, 'src/other.ts');
  author.save(`import { SPACE } from './other';\n${author.text.replace(SPACE, 'text(SPACE)')}`);
  const running = await author.dev(t, { listens: false });
  await running.written('stderr', /^src\/redis\.ts:1:\d+: File 'src\/other\.ts' not found/m);
  writeFileSync(other, "export const SPACE: string = '-';\n");
  await running.written('stdout', /^listening on/m);
  const client = await connect(running.address, { owner: t });
  t.is(await answer(client, 'a'), '1-a\n');
  writeFileSync(other, "export const SPACE: string = '.';\n");
  await running.written('stderr', /module swapped/);
  t.is(await answer(client, 'b'), '2.b\n');
});

for (const language of ['rust', 'c'] as const) {
  test.serial(`a guest in ${language} is served anew when it is saved`, async (t) => {
    if (!hasCompiler(t, language)) return;
    const author = await Author.start(t, language);
    const running = await author.dev(t);
    const client = await connect(running.address, { owner: t });
    t.is(await answer(client, 'a'), '1 a\n');
    author.change(/lines \+= 1/, 'lines += 2');
    await running.written('stderr', /module swapped/);
    t.is(await answer(client, 'b'), '3 b\n');
    author.save('there is none');
    await running.written('stderr', new RegExp(`^${author.source}:1:\\d+: `, 'm'));
    t.is(await answer(client, 'c'), '5 c\n');
  });
}

for (const [how, call, named] of [
  ['in a function', 'boom(client.lines)', 'boom'],
  ['in a function that is inlined', 'inlined(client.lines)', 'on_data'],
] as const) {
  test.serial(`a trap ${how} is told with the function's name and the line`, async (t) => {
    const author = await Author.start(t);
    const own = author.text.replace(/client\.lines \+= 1;/, `client.lines += ${call};`);
    const text = `${own}
function boom(lines: i32): i32 {
  return 1 / (1 - lines);
}
// @ts-ignore
@inline
function inlined(lines: i32): i32 {
  return 1 / (1 - lines);
}
`;
    author.save(text);
    const running = await author.dev(t, { args: ['--log-format', 'json'] });
    const client = await connect(running.address, { owner: t });
    t.is(await answer(client, 'a'), '1 a\n');
    await client.send('b\n');
    const [line] = await running.written('stderr', /^.*guest failed.*$/m);
    const { reason, source, callback } = JSON.parse(line);
    const heads = text.split('\n').flatMap((one, at) => (one.includes('1 / (1 -') ? [at + 1] : []));
    t.is(reason, `divide by zero in src/redis/${named}`);
    t.regex(source, new RegExp(`^src/redis\\.ts:${named === 'boom' ? heads[0] : heads[1]}:`));
    t.is(callback, 'on_data');
  });
}

test.serial(
  'an interrupt ends it well, with its compiler, and leaves no file behind',
  async (t) => {
    const author = await Author.start(t);
    const running = await author.dev(t, { variables: { TMPDIR: author.folder } });
    await connect(running.address, { owner: t });
    const children = childrenOf(running.pid);
    t.is(children.length, 1);
    t.true(readdirSync(author.folder).some((name) => name.startsWith('wasmpoll-dev-')));
    running.kill('SIGINT');
    t.deepEqual(await running.exited, { code: 0, signal: null });
    t.false(readdirSync(author.folder).some((name) => name.startsWith('wasmpoll-dev-')));
    await until(() => !existsSync(`/proc/${children[0]}`));
  },
);

test.serial('it ends with its terminal', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  running.kill('SIGHUP');
  t.deepEqual(await running.exited, { code: 0, signal: null });
});

test.serial('a kill leaves no compiler behind', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  const [child] = childrenOf(running.pid);
  running.kill('SIGKILL');
  await running.exited;
  await until(() => !existsSync(`/proc/${child}`));
  t.pass();
});

test.serial('a compiler that was killed is started again', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  process.kill(childrenOf(running.pid)[0]!, 'SIGKILL');
  const client = await connect(running.address, { owner: t });
  author.change(SPACE, DASH);
  await running.written('stderr', /module swapped/);
  t.is(await answer(client, 'a'), '1-a\n');
});

test.serial('an address that is taken, and a file that is none, end it', async (t) => {
  const author = await Author.start(t);
  const running = await author.dev(t);
  const taken = await author.run('dev', '--listen', running.address);
  t.is(taken.code, 1);
  t.regex(taken.stderr, /^wasmpoll: listen EADDRINUSE/m);
  // It has not compiled before.
  t.notRegex(taken.stderr, /built in/);
  rmSync(path.join(author.folder, author.source));
  const { code, stderr } = await author.run('dev', author.source);
  t.is(code, 2);
  t.regex(stderr, /^wasmpoll: 'src\/redis\.ts': no such file; see --help\n$/);
});
