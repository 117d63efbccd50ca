// What a command finds and leaves besides its sockets: arguments, environment, standard streams, a
// directory, its exit status. Through wasi-libc by command.c, and Rust's standard library by command.rs.

import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { connect } from '../../helpers/client.ts';
import { runCli, temporary } from '../../helpers/process.ts';
import { compiledC, compiledRust, startWasi } from '../../helpers/wasi-programs.ts';

const module = compiledC('command');
const inRust = compiledRust('command');

test('a command has its arguments, its environment and nothing of the host’s, and its own status', async (t) => {
  const server = await startWasi(t, module, ['7', 'a b'], {
    flags: ['--env', 'COLOUR=blue', '--env', 'EMPTY='],
  });
  const client = await connect(server.address, { owner: t });
  t.is(String(await client.readAll()), 'served\n');
  t.deepEqual(await server.process.exited, { code: 7, signal: null });
  const lines = server.process.stdout.trimEnd().split('\n');
  t.deepEqual(
    lines.filter((line) => line.startsWith('argument')),
    ['argument command.wasm', 'argument 7', 'argument a b'],
  );
  t.deepEqual(lines.filter((line) => line.startsWith('environment')).sort(), [
    'environment COLOUR=blue',
    'environment EMPTY=',
    'environment LISTEN_FDS=1',
  ]);
  t.regex(server.process.stderr, /^exit 7$/m);
  t.true(lines.includes('listener 3'));
});

test('standard input is the command’s', async (t) => {
  const outcome = await runCli(['run', module, '--', '0'], {
    prefix: ['sh', '-c', 'printf "one\\ntwo\\n" | "$@"', 'sh'],
  });
  t.is(outcome.code, 0, outcome.stderr);
  t.regex(outcome.stdout, /^input one\ninput two$/m);
  t.regex(outcome.stdout, /^listener -1$/m);
});

test('a directory comes before the listeners, and is all there is of the file system', async (t) => {
  const folder = temporary(t);
  writeFileSync(path.join(folder, 'here'), '');
  const server = await startWasi(t, module, ['0'], { flags: ['--dir', `${folder}:/data`] });
  const client = await connect(server.address, { owner: t });
  t.is(String(await client.readAll()), 'served\n');
  await server.process.exited;
  const lines = server.process.stdout.trimEnd().split('\n');
  const at = lines.indexOf('rename: done');
  const entries = lines.filter((line) => line.startsWith('entry')).sort();
  t.deepEqual(lines.slice(at, at + 3), ['rename: done', 'stat: done', '12 bytes']);
  t.deepEqual(entries, ['entry here', 'entry renamed']);
  t.deepEqual(lines.slice(-4), [
    'unlink: done',
    '/etc/passwd: Capabilities insufficient',
    '/data/../etc/passwd: Operation not permitted',
    'listener 4',
  ]);
  t.deepEqual(readdirSync(folder), ['here']);
});

test('without a directory there is no file system', async (t) => {
  const outcome = await runCli(['run', module, '--', '0']);
  t.is(outcome.code, 0, outcome.stderr);
  t.regex(outcome.stdout, /^fopen: /m);
  t.notRegex(outcome.stdout, /^(?:rename|entry)/m);
});

test('Rust’s standard library finds arguments, environment, input, time and random numbers', async (t) => {
  const outcome = await runCli(['run', inRust, '--env', 'COLOUR=blue', '--', '5', 'ü'], {
    prefix: ['sh', '-c', 'printf "one\\ntwo" | "$@"', 'sh'],
  });
  t.deepEqual(outcome.stdout.split('\n').slice(0, 6), [
    'arguments ["command-rust.wasm", "5", "ü"]',
    'environment [("COLOUR", "blue")]',
    'input one',
    'input two',
    'sum 328350',
    'slept true',
  ]);
  t.is(outcome.stderr, '');
  t.is(outcome.code, 5);
});

test('Rust’s std::fs works in a directory, and only there', async (t) => {
  const folder = temporary(t);
  const { stdout, code } = await runCli(['run', inRust, '--dir', `${folder}:/data`, '--', '0']);
  t.is(code, 0);
  t.deepEqual(stdout.trimEnd().split('\n').slice(-4), [
    'entry renamed of 12 bytes',
    'read twelve bytes',
    'files done',
    'escape denied',
  ]);
  t.deepEqual(readdirSync(folder), []);
});

test('a panic in Rust is a trap, in one line behind what the program says itself', async (t) => {
  const { stderr, code } = await runCli(['run', inRust, '--', 'panic']);
  t.is(code, 134);
  t.regex(stderr, /^thread 'main' panicked at 'a number: /m);
  t.regex(stderr, /^wasmpoll: command-rust\.wasm: trap: unreachable\n$/m);
});
