// What may be missing on a newcomer's machine: each is one line that says what to do, and the command ends.

import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { Author, hasCompiler } from '../helpers/authors.ts';
import { connect } from '../helpers/client.ts';
import { type Outcome, runCli, temporary, works } from '../helpers/process.ts';

/** Nobody makes a folder in it, not even root. */
const NO_ROOM = { TMPDIR: '/proc' };
const LISTEN = ['--listen', '127.0.0.1:0'];

/** Runs a command in the project, with these variables beside those there are. */
const runIn = (
  { folder: cwd }: Author,
  args: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<Outcome> =>
  runCli(args, { cwd, env: { ...(process.env as Record<string, string>), ...more } });

for (const command of ['dev', 'build'] as const) {
  test(`without a folder for temporary files, ${command} in C says which variable to set`, async (t) => {
    const author = await Author.start(t, 'c');
    const args = command === 'dev' ? [command, ...LISTEN] : [command];
    const { code, stdout, stderr } = await runIn(author, args, NO_ROOM);
    t.regex(stderr, /^wasmpoll: no room for temporary files: .*; set TMPDIR to a folder .*\n$/);
    t.deepEqual([code, stdout], [1, '']);
  });
}

test('without it, dev in AssemblyScript ends, though its compiler is a process of its own', async (t) => {
  const author = await Author.start(t);
  const { code, stderr } = await runIn(author, ['dev', ...LISTEN], NO_ROOM);
  t.is(code, 1);
  t.regex(stderr, /^redis\.wasm: built .*\nwasmpoll: no room for temporary files: .*\n$/);
});

test('a file system that is empty, and too small for temporary files, is not called full', async (t) => {
  const author = await Author.start(t, 'c');
  const TMPDIR = temporary(t);
  const mount = 'mount -t tmpfs -o size=1m tmpfs "$0"';
  const prefix = ['-rm', 'sh', '-c', `${mount} && exec "$@"`, TMPDIR];
  if (!works('unshare', ...prefix, 'true')) {
    t.log('skipped: unshare(1) cannot mount anything here');
    t.pass();
    return;
  }
  const env = { ...(process.env as Record<string, string>), TMPDIR };
  const { code, stderr } = await runCli(['build'], {
    cwd: author.folder,
    env,
    prefix: ['unshare', ...prefix],
  });
  t.regex(
    stderr,
    /^wasmpoll: no room for temporary files: '.*' has less than 4 MiB free; set .*\n$/,
  );
  t.is(code, 1);
});

/** Saves as editors do that rename: a build finds the one or the other, and never half of it. */
function replaceSource({ folder, source }: Author, text: string): void {
  const draft = path.join(folder, 'draft');
  writeFileSync(draft, text);
  renameSync(draft, path.join(folder, source));
}

test('what is missing at a later build is told, and what was there goes on until the next', async (t) => {
  const author = await Author.start(t);
  const file = path.join(author.folder, 'config');
  writeFileSync(file, 'a = 1\n');
  const running = await author.dev(t, { args: ['--config-file', 'config'] });
  rmSync(file);
  replaceSource(author, `${author.text}\n`);
  await running.written('stderr', /^--config-file 'config': .*\nthe module before goes on\n/m);
  await connect(running.address, { owner: t });
  writeFileSync(file, 'a = 2\n');
  replaceSource(author, author.text);
  await running.written('stderr', /module swapped/);
  t.is(running.stderr.match(/goes on/g)?.length, 1, 'it waits, and does not try again by itself');
});

test('a folder for temporary files that is gone at a later build in C is told once', async (t) => {
  if (!hasCompiler(t, 'c')) return;
  const author = await Author.start(t, 'c');
  const TMPDIR = temporary(t);
  const running = await author.dev(t, { variables: { TMPDIR } });
  rmSync(TMPDIR, { recursive: true });
  replaceSource(author, `${author.text}\n`);
  await running.written('stderr', /^no room for temporary files: .*\nthe module before goes on\n/m);
  await connect(running.address, { owner: t });
  mkdirSync(TMPDIR);
  replaceSource(author, author.text);
  await running.written('stderr', /module swapped/);
  t.is(running.stderr.match(/goes on/g)?.length, 1, 'it waits, and does not try again by itself');
});

test('what cannot be put right by another save ends it, though it serves', async (t) => {
  const author = await Author.start(t);
  const crashes = path.join(author.folder, 'crashes');
  mkdirSync(crashes);
  const running = await author.dev(t, { args: ['--crash-folder', 'crashes'] });
  rmSync(crashes, { recursive: true });
  author.save(`${author.text}\nexport function other(): void {}\n`);
  t.deepEqual(await running.exited, { code: 1, signal: null });
  t.regex(running.stderr, /^wasmpoll: ENOENT: .*crashes/m);
});

test('a compiler without its linker is told with the package that has it', async (t) => {
  const tools = temporary(t);
  const tool = (name: string, script: string): string => {
    const file = path.join(tools, name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
    return file;
  };
  const says = (text: string): string => `echo '${text}' >&2; exit 1`;
  const clang = tool(
    'clang',
    `case "$*" in *" -c "*) exit 0;; esac
${says('clang: error: unable to execute command: Executable "wasm-ld-14" doesn\'"\'"\'t exist!')}`,
  );
  const rustc = tool(
    'rustc',
    `case "$*" in *target-libdir) echo /; exit 0;; esac
${says('error: linker `rust-lld` not found')}`,
  );
  for (const [language, linker, env] of [
    ['c', 'wasm-ld-14', { CLANG: clang }],
    ['rust', 'rust-lld', { RUSTC: rustc }],
  ] as const) {
    const author = await Author.start(t, language);
    const { code, stderr } = await runIn(author, ['build'], env);
    t.is(stderr, `wasmpoll: ${linker} is not installed: apt-get install lld\n`);
    t.is(code, 1);
  }
});

test('a function that C has and a guest has not is told with the source, and what there is instead', async (t) => {
  if (!hasCompiler(t, 'c')) return;
  const author = await Author.start(t, 'c');
  // The name is told as it is, though in a replacement it would mean something.
  const source = 'src/$&.c';
  writeFileSync(
    path.join(author.folder, source),
    `${author.text}
int rand(void);
__attribute__((export_name("other"))) int other(void) { return rand(); }
`,
  );
  const { code, stderr } = await author.run('build', source);
  t.is(code, 1);
  const line =
    /^src\/\$&\.c: undefined symbol: rand; there is no C library: wasmpoll\.h has .*; .*\.c file .* included\n$/;
  t.regex(stderr, line);
});

test('a module that cannot be written is told with its path', async (t) => {
  const author = await Author.start(t);
  // A folder has the name of what is written: not even root can.
  mkdirSync(path.join(author.folder, 'build', 'redis.wasm.map'), { recursive: true });
  const { code, stderr } = await author.run('build');
  t.regex(stderr, /^wasmpoll: the module cannot be written: .*build\/redis\.wasm\.map.*\n$/);
  t.is(code, 1);
});

test('an address that is taken is told with the option that names another', async (t) => {
  const author = await Author.start(t);
  const { address } = await author.dev(t);
  const { code, stderr } = await author.run('dev', '--listen', address);
  t.regex(stderr, /^wasmpoll: listen EADDRINUSE: .*; take another by --listen\n$/);
  t.is(code, 1);
});

test('dev says of --workers, which the server has, how to serve by several', async (t) => {
  const { code, stdout, stderr } = await runCli(['dev', '--workers', '2'], { cwd: temporary(t) });
  t.regex(
    stderr,
    /^wasmpoll: dev has no --workers, .*: build first, .* --workers N; see --help\n$/,
  );
  t.deepEqual([code, stdout], [2, '']);
  const help = await runCli(['dev', '--help'], { cwd: temporary(t) });
  t.notRegex(help.stdout, /--workers/);
});
