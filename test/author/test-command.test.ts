// `wasmpoll test`: which files it takes, what it says, and how it ends.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { workshop } from '../helpers/documents.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { type Owner, refused, runCli, temporary } from '../helpers/process.ts';
import { call, drop, get, guest, i32 } from '../helpers/wasm.ts';

/** A folder with these files. */
function folderWith(owner: Owner, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = temporary(owner);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

test('without files the transcripts of the project are played, and a guest that does what they say passes', async (t) => {
  const cwd = folderWith(t, {
    'test/b.txt': '> b\n< b\n',
    'test/a.txt': '> a\n< a\n',
    'test/c.ts': '',
  });
  const { code, stdout, stderr } = await runCli(['test', '--guest', 'echo'], { cwd });
  t.is(stderr, '');
  t.is(
    stdout,
    'ok    test/a.txt (23 plays)\nok    test/b.txt (23 plays)\n2 transcripts, 46 plays, 0 failed\n',
  );
  t.is(code, 0);
});

test('a guest that says something else fails, and the others are played still', async (t) => {
  const cwd = folderWith(t, { 'a.txt': '> a\n< b\n', 'b.txt': '> b\n< b\n' });
  const { code, stdout } = await runCli(['test', 'a.txt', 'b.txt', '--guest', 'echo'], { cwd });
  t.regex(stdout, /^FAIL {2}a\.txt:2: something else came; played whole\n/);
  t.regex(stdout, /\nok {4}b\.txt \(23 plays\)\n2 transcripts, 24 plays, 1 failed\n$/);
  t.is(code, 1);
});

test('a guest that does not return is ended, told of at its line, and tested with what follows', async (t) => {
  const files = { 'a.txt': '> a\n< a\n>= H\n', 'b.txt': '>= b\n<= b\n', 'hazard.wasm': hazard() };
  const cwd = folderWith(t, files);
  const args = ['test', 'a.txt', 'b.txt', '--guest', './hazard.wasm', '--timeout', '3s'];
  const { code, stdout } = await runCli(args, { cwd });
  t.regex(
    stdout,
    /^FAIL {2}a\.txt:3: the line has not come to rest for 3 s: a callback hangs, .* whole\n/,
  );
  t.regex(stdout, /\nok {4}b\.txt \(23 plays\)\n2 transcripts, 24 plays, 1 failed\n$/);
  t.is(code, 1);
});

test('callbacks that cause each other without end fail at their line, and are named', async (t) => {
  const loop = guest({
    functions: {
      on_data: [
        [get(0), i32(7), get(2), i32(1), i32(0), call('join'), drop],
        [get(2), i32(1), get(2), get(3), i32(0), call('publish'), drop],
        get(3),
      ],
      on_missed: [],
      on_message: [get(4), get(5), get(6), get(7), i32(0), call('publish'), drop],
    },
  });
  const cwd = folderWith(t, { 'a.txt': '+1ms\n> a\n< a\n', 'loop.wasm': loop });
  const { code, stdout } = await runCli(
    ['test', 'a.txt', '--guest', './loop.wasm', '--timeout', '60s'],
    { cwd },
  );
  t.regex(
    stdout,
    /^FAIL {2}a\.txt:2: callbacks cause each other without end: 200,000 while the clock stood at 2 ms, the last in on_message; /,
  );
  t.is(code, 1);
});

test('configuration is the transcript’s, or that of the command line', async (t) => {
  const cwd = folderWith(t, {
    'test/a.txt': 'config-file ../c.ini\n> a\n< a\n',
    'test/b.txt': 'config-file none.ini\n> a\n< a\n',
    'c.ini': 'x=y\n',
  });
  const guest = ['--guest', 'echo'];
  t.is((await runCli(['test', 'test/a.txt', ...guest, '--set', 'a=b'], { cwd })).code, 0);
  refused(
    t,
    await runCli(['test', 'test/b.txt', ...guest], { cwd }),
    2,
    /test\/b\.txt:1: config-file '.*none\.ini': ENOENT/,
  );
  t.is((await runCli(['test', 'test/b.txt', ...guest, '--config-file', 'c.ini'], { cwd })).code, 0);
});

test('what cannot be read is wrong usage, each mistake in a line of its own', async (t) => {
  const cwd = folderWith(t, {
    'a.txt': 'nothin\n',
    'b.txt': '>b\n',
    'c.txt': new Uint8Array([62, 32, 255]),
  });
  const files = ['a.txt', 'b.txt', 'c.txt', 'd.txt'];
  const { code, stdout, stderr } = await runCli(['test', ...files, '--guest', 'echo'], { cwd });
  t.is(stdout, '');
  t.deepEqual(
    stderr.split('\n').map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['wasmpoll: a.txt:1:', 'wasmpoll: b.txt:1:', 'wasmpoll: c.txt:', 'wasmpoll: d.txt:', ''],
  );
  t.regex(stderr, /c\.txt: it is not UTF-8\n/);
  t.is(code, 2);
});

test('wrong usage is said in one line', async (t) => {
  const cwd = folderWith(t, { 'a.txt': '> a\n< a\n' });
  refused(
    t,
    await runCli(['test', '--guest', 'echo'], { cwd }),
    2,
    /there are no transcripts here; give/,
  );
  refused(t, await runCli(['test', 'a.txt', '--seed', 'x'], { cwd }), 2, /--seed must be a number/);
  refused(
    t,
    await runCli(['test', 'a.txt', '--timeout', '5'], { cwd }),
    2,
    /--timeout must be a time/,
  );
  refused(t, await runCli(['test', 'a.txt', '--guest', './no.wasm'], { cwd }), 1, /no such file/);
  refused(t, await runCli(['test', 'a.txt', '--guest', './a.txt'], { cwd }), 1, /a\.txt: /);
});

test('in a project its source is built first, and what is wrong with that is told', async (t) => {
  const { folder } = workshop(t);
  t.is((await runCli(['new', 'mine'], { cwd: folder })).code, 0);
  const cwd = path.join(folder, 'mine');
  const { code, stdout, stderr } = await runCli(['test'], { cwd });
  t.is(stderr, '');
  t.regex(stdout, /^ok {4}test\/mine\.txt \(23 plays\)\n/);
  t.is(code, 0);
  const source = path.join(cwd, 'src', 'mine.ts');
  const trapping = `export * from 'wasmpoll/assembly/guest';

export function on_data(_connection: i32, _state: usize, _data: usize, length: i32): i32 {
  return length / (length - length);
}
`;
  writeFileSync(source, trapping);
  const trapped = await runCli(['test'], { cwd });
  t.regex(trapped.stdout, /^FAIL {2}test\/mine\.txt:\d+: the guest failed: .* zero/);
  t.regex(trapped.stdout, /\n {6}at {8}src\/mine\.ts:4:\d+\n/);
  writeFileSync(source, 'export function on_data(): i32 { return x; }\n');
  // Where it is set, asc would write in colours.
  const env = { ...(process.env as Record<string, string>), CI: 'true' };
  const wrong = await runCli(['test'], { cwd, env });
  t.regex(wrong.stderr, /^src\/mine\.ts:1:\d+: .*'x'/);
  t.is(wrong.stdout, '');
  t.is(wrong.code, 1);
});
