// A newcomer's way: the package from its tarball in an empty folder, and then the commands that docs/tutorial.md
// begins with. Steps and seconds are in the log.

import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { connect } from '../helpers/client.ts';
import { root } from '../helpers/documents.ts';
import { type Owner, Running, temporary } from '../helpers/process.ts';

const execute = promisify(execFile);
// Without the settings that npm hands to its children, which would point at this checkout.
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD$|NODE_V8_COVERAGE$)/i.test(name),
  ),
) as Record<string, string>;

/** Packs a copy: packing builds what is stale, which must not happen to what tests run from. */
async function pack(owner: Owner): Promise<string> {
  const copy = path.join(temporary(owner), 'checkout');
  for (const name of readdirSync(root)) {
    if (/^(node_modules|\.git|dist|coverage|prebuilds|package-lock\.json|.*\.tgz)$/.test(name))
      continue;
    cpSync(path.join(root, name), path.join(copy, name), {
      recursive: true,
      preserveTimestamps: true,
    });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  const options = { cwd: copy, env, maxBuffer: 16 * 1024 * 1024 };
  const { stdout } = await execute('npm', ['pack', '--json'], options);
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  return path.join(copy, packed!.filename);
}

/** Runs commands one after the other, and notes how long each takes. */
class Steps {
  readonly lines: string[] = [];

  async take(command: string, cwd: string): Promise<string> {
    const began = performance.now();
    const { stdout } = await execute('sh', ['-c', command], { cwd, env });
    this.note(command, began);
    return stdout;
  }

  note(what: string, began: number): void {
    this.lines.push(`${((performance.now() - began) / 1000).toFixed(1)} s  ${what}`);
  }
}

test('from an empty folder to an own protocol that is served, edited, tested and built', async (t) => {
  const tarball = await pack(t);
  const here = path.join(temporary(t), 'fresh');
  mkdirSync(here);
  const steps = new Steps();
  cpSync(tarball, path.join(here, path.basename(tarball)));
  await steps.take(`npm install --no-audit --no-fund ./${path.basename(tarball)}`, here);
  await steps.take('npx wasmpoll new redis', here);
  const project = path.join(here, 'redis');
  await steps.take('npm install --no-audit --no-fund', project);
  t.true(existsSync(path.join(project, 'node_modules/assemblyscript')));

  let began = performance.now();
  const line = ['npx', 'wasmpoll', 'dev', '--listen', '127.0.0.1:0'];
  const running = new Running(line.slice(1), {
    cwd: project,
    env,
    program: 'npx',
    prefix: ['setsid'],
  });
  t.teardown(async () => {
    // Its group, as a terminal's ^C does, since npx and a shell stand between.
    if (existsSync(`/proc/${running.pid}`)) process.kill(-running.pid, 'SIGINT');
    await running.exited;
  });
  await running.written('stdout', /^listening on .*\n/m);
  steps.note('npx wasmpoll dev', began);
  const client = await connect(running.address, { owner: t });
  await client.send('hello\n');
  t.is(String(await client.readExactly(8)), '1 hello\n');

  const source = path.join(project, 'src/redis.ts');
  const text = readFileSync(source, 'utf8');
  began = performance.now();
  writeFileSync(source, text.replace("text(' ')", "text('-')"));
  await running.written('stderr', /module swapped/);
  steps.note('save, and it is served', began);
  await client.send('again\n');
  t.is(String(await client.readExactly(8)), '2-again\n');

  t.regex(await steps.take('npx wasmpoll build', project), /^build\/redis\.wasm: \d+ bytes\n$/);
  t.log(steps.lines.join('\n'));
});
