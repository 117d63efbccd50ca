import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { LANGUAGES } from '../../host/projects/create.ts';
import { harness } from '../../host/testing/harness.ts';
import { Author, hasCompiler } from '../helpers/authors.ts';

const MISTAKES = { as: 'there_is_none();', rust: 'there_is_none();', c: 'int there = is_none;' };

for (const language of LANGUAGES) {
  test(`a new project in ${language} is built, and its guest answers`, async (t) => {
    if (!hasCompiler(t, language)) return;
    const author = await Author.start(t, language);
    const { code, stdout, stderr } = await author.run('build');
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    t.regex(stdout, /^build\/redis\.wasm: \d+ bytes\n$/);
    const network = await harness(readFileSync(path.join(author.folder, 'build/redis.wasm')));
    const peer = network.connect();
    peer.send('hello\nag');
    t.is(peer.text(), '1 hello\n');
    peer.send('ain\n');
    t.is(peer.text(), '2 again\n');
  });

  test(`a mistake in ${language} is told with its line, and nothing is written`, async (t) => {
    if (!hasCompiler(t, language)) return;
    const author = await Author.start(t, language);
    author.save(`${author.text}\n${MISTAKES[language]}\n`);
    const line = author.text.split('\n').length + 1;
    const { code, stdout, stderr } = await author.run('build');
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, new RegExp(`^${author.source}:${line}:\\d+: .*\n`));
    t.false(existsSync(path.join(author.folder, 'build')));
  });
}

test('what the server would refuse is refused now, with what to use instead', async (t) => {
  const author = await Author.start(t);
  author.save(`${author.text}
export function onClose(): void {
  trace('x');
  console.log(Math.random().toString());
  store<f64>(0, <f64>Date.now());
}
`);
  const line = author.text.split('\n').length + 2;
  const { code, stderr } = await author.run('build');
  t.is(code, 1);
  const lines = stderr.trimEnd().split('\n');
  t.regex(lines.at(-1)!, /^refused: redis\.wasm: import not allowed: env\..*env\.Date\.now/);
  for (const [at, text] of [
    [line, 'a guest has no trace(): use log'],
    [line + 1, 'a guest has no console: use log'],
    [line + 1, 'a guest has no Math.random: use random'],
    [line + 2, 'a guest has no Date.now: use wall_clock'],
    [line - 1, 'warning: the host never calls onClose: did you mean on_close?'],
  ] as const) {
    t.true(
      lines.some((one) => one.startsWith(`src/redis.ts:${at}:`) && one.includes(text)),
      `${at}: ${text} in ${stderr}`,
    );
  }
});

test('a guest without its exports is refused, with what to write', async (t) => {
  const author = await Author.start(t);
  author.change("export * from 'wasmpoll/assembly/guest';", '');
  const { code, stderr } = await author.run('build');
  t.is(code, 1);
  t.regex(stderr, /^the guest exports no wasmpoll_abi_1: write export \* from 'wasmpoll\/assembly/);
  t.regex(stderr, /^refused: redis\.wasm: missing export: wasmpoll_abi_1, allocate;/m);
});

test('a warning is told, and the module written', async (t) => {
  const author = await Author.start(t);
  author.save(`${author.text}\nexport function on_conn(): void {}\n`);
  const { code, stderr } = await author.run('build', '--output', 'other.wasm');
  t.is(code, 0);
  const line = author.text.split('\n').length + 1;
  t.is(
    stderr,
    `src/redis.ts:${line}:17: warning: the host never calls on_conn: did you mean on_open?\n`,
  );
  t.true(existsSync(path.join(author.folder, 'other.wasm')));
});

test('a file is built from wherever it is, and places are seen from there', async (t) => {
  const author = await Author.start(t);
  author.save('there is none');
  const { stderr } = await author.run('build', '../redis/src/redis.ts');
  t.regex(stderr, /^src\/redis\.ts:1:/);
  rmSync(path.join(author.folder, 'package.json'));
  const alone = await author.run('build', 'src/redis.ts');
  t.regex(alone.stderr, /^src\/redis\.ts:1:/);
});

test('wrong usage is told in one line, with the status 2', async (t) => {
  const author = await Author.start(t);
  writeFileSync(path.join(author.folder, 'src/other.go'), '');
  for (const [args, line] of [
    [['src/none.ts'], /no such file/],
    [['src/other.go'], /a source of a guest ends in \.ts, \.rs, \.c/],
    [['a', 'b'], /too many arguments/],
    [['--none'], /unknown option/],
  ] as const) {
    const { code, stdout, stderr } = await author.run('build', ...args);
    t.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    t.regex(stderr, line);
    t.is(stderr.split('\n').length, 2);
  }
});
