// `wasmpoll replay`: what it says of a crash file, and how it ends.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { type Crash, crashText } from '../../host/crashes/crash.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { type Owner, refused, runCli, temporary } from '../helpers/process.ts';

const utf8 = new TextEncoder();

/** A folder with the module, and a crash of it. */
function folderWith(owner: Owner, input: string, more: Partial<Crash> = {}): string {
  const folder = temporary(owner);
  writeFileSync(path.join(folder, 'hazard.wasm'), hazard());
  const crash: Crash = {
    module: { name: 'hazard.wasm', sha256: '' },
    reason: 'unreachable',
    source: 'src/hazard.ts:4:5',
    frames: ['on_data (wasm-function[3]:0x101)'],
    connection: 1,
    policy: resolvePolicy(),
    call: {
      ...{ callback: 'on_data', handle: 0, numbers: [], now: 1000, wall: 2000, sha256: '' },
      stateVersion: 0,
      ...{ state: new Uint8Array(8), bytes: utf8.encode(input), length: input.length },
      topicLength: 0,
    },
    ...more,
  };
  writeFileSync(path.join(folder, 'crash.json'), crashText(crash));
  return folder;
}

const args = ['replay', 'crash.json', './hazard.wasm'];

test('a crash that comes again is reproduced, with the place that the file has', async (t) => {
  const { code, stdout } = await runCli(args, { cwd: folderWith(t, 'T') });
  t.is(
    stdout,
    'reproduced: unreachable, in on_data\n  at src/hazard.ts:4:5\n  in on_data (wasm-function[3]:0x101)\n',
  );
  t.is(code, 0);
});

test('one that does not is not, and what a file does not hold is said', async (t) => {
  const { code, stdout } = await runCli(args, { cwd: folderWith(t, 'x') });
  t.regex(stdout, /^not reproduced: unreachable, in on_data\n/);
  t.regex(stdout, /\n {2}now: the callback has returned\n {2}A crash file holds .* globals/s);
  t.is(code, 3);
});

test('one that hangs now and has trapped then is not reproduced', async (t) => {
  const { code, stdout } = await runCli([...args, '--timeout', '3s'], { cwd: folderWith(t, 'H') });
  t.regex(stdout, /\n {2}now: the callback has not returned for 3 s\n/);
  t.is(code, 3);
});

test('another module, wrong usage and what is no crash file have exit statuses of their own', async (t) => {
  const module = { name: 'hazard.wasm', sha256: '12'.repeat(32) };
  const cwd = folderWith(t, 'T', { module });
  refused(
    t,
    await runCli(args, { cwd }),
    1,
    /hazard\.wasm: another module than the one that failed/,
  );
  refused(t, await runCli(['replay', 'crash.json', './none.wasm'], { cwd }), 1, /no such file/);
  refused(
    t,
    await runCli(['replay', 'crash.json'], { cwd }),
    2,
    /missing required argument 'module'/,
  );
  refused(t, await runCli(['replay', 'none.json', 'echo'], { cwd }), 2, /none\.json': ENOENT/);
  refused(t, await runCli(['replay', 'hazard.wasm', 'echo'], { cwd }), 2, /not a crash file/);
});
