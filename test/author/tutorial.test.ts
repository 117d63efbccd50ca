// A newcomer's way: the package from its tarball in an empty folder, and then all that docs/tutorial.md says, command
// by command. Steps and seconds are in the log.

import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { keyboard } from '../helpers/authors.ts';
import { connect } from '../helpers/client.ts';
import { blocks, document, root } from '../helpers/documents.ts';
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

/** What the page shows in this language, in order. */
const shown = (language: string): string[] =>
  blocks(document('docs/tutorial.md'))
    .filter((block) => block.language === language)
    .map(({ code }) => code);

interface Command {
  readonly command: string;
  readonly output: string;
}

/** The commands of a session, with what they print. */
const commandsIn = (session: string): Command[] =>
  session
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), output: part.slice(end + 1) };
    });

const TO_PORT = / \| nc -N 127\.0\.0\.1 33445$/;

/** A folder in which the page is followed. */
class Reader {
  readonly steps = new Steps();
  readonly project: string;
  readonly #t: ExecutionContext;

  constructor(t: ExecutionContext, project: string) {
    this.#t = t;
    this.project = project;
  }

  /** Starts what goes on running, on a port that is free, until the test ends. */
  async start(command: string, prefix: readonly string[]): Promise<Running> {
    const began = performance.now();
    const [, ...args] = command.replace(/ --listen \S+/, '').split(' ');
    const options = { cwd: this.project, env, program: 'npx', prefix: ['setsid', ...prefix] };
    const running = new Running([...args, '--listen', '127.0.0.1:0'], options);
    this.#t.teardown(async () => {
      // Its group, as a terminal's ^C does, since npx and a shell stand between.
      if (existsSync(`/proc/${running.pid}`)) process.kill(-running.pid, 'SIGINT');
      await running.exited;
    });
    await running.written('stdout', /^listening on .*\n/m);
    this.steps.note(command, began);
    return running;
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.project, name), text);
  }

  /** Does what a session says with a server that is there, and finds what it says. */
  async talk(session: string, { address }: Running): Promise<void> {
    for (const { command, output } of commandsIn(session)) {
      this.#t.regex(command, TO_PORT);
      const options = { cwd: this.project, env };
      const { stdout } = await execute('sh', ['-c', command.replace(TO_PORT, '')], options);
      const client = await connect(address, { owner: this.#t });
      await client.send(stdout);
      client.end();
      this.#t.is(String(await client.readAll()), output, command);
    }
  }
}

test('docs/tutorial.md leads from an empty folder to a server', async (t) => {
  // Packing builds all, and npm installs twice.
  t.timeout(600_000);
  const tarball = await pack(t);
  const here = path.join(temporary(t), 'fresh');
  mkdirSync(here);
  cpSync(tarball, path.join(here, path.basename(tarball)));
  const reader = new Reader(t, path.join(here, 'tally'));
  const { steps, project } = reader;
  // The page's npx would do this, from the registry.
  // A registry may be slow, and leave a request unanswered.
  const options = '--no-audit --no-fund --fetch-retries=5';
  await steps.take(`npm install ${options} ./${path.basename(tarball)}`, here);

  writeFileSync(path.join(here, 'alone.ts'), '');
  for (const command of ['build', 'dev']) {
    const alone = execute('sh', ['-c', `npx wasmpoll ${command} alone.ts`], { cwd: here, env });
    const stderr = 'wasmpoll: assemblyscript is not installed: npm install -D assemblyscript\n';
    t.like(await t.throwsAsync(alone), { code: 1, stdout: '', stderr });
  }

  const [begin] = shown('sh');
  const [create, enter, install, dev, ...more] = begin!.trimEnd().split('\n');
  t.deepEqual([enter, install, dev, more], ['cd tally', 'npm install', 'npx wasmpoll dev', []]);
  await steps.take(create!, here);
  await steps.take(`${install} ${options}`, project);
  const keys = keyboard(t);
  const running = await reader.start(dev!, keys.prefix);
  const [first, second, plays, build, ...others] = shown('console');
  t.deepEqual(others, []);
  await reader.talk(first!, running);

  const [source] = shown('ts');
  reader.write('src/tally.ts', source!);
  await running.written('stderr', /module swapped/);
  await reader.talk(second!, running);
  const began = performance.now();
  reader.write('src/tally.ts', `${source}\n`);
  await running.written('stderr', /(?:module swapped[\s\S]*){2}/);
  steps.note('save, and it is served', began);

  const [mistake, transcript] = shown('txt');
  const call = "  console.log('hello');\n";
  reader.write('src/tally.ts', source!.replace(/^ {2}input\.begin/m, `${call}$&`));
  await running.written('stderr', /^the module before goes on\n/m);
  t.true(running.stderr.includes(mistake!), running.stderr);
  reader.write('src/tally.ts', source!);

  reader.write('test/tally.txt', transcript!);
  const [{ command, output }] = commandsIn(plays!) as [Command];
  t.is(await steps.take(command, project), output);

  const [built, served] = commandsIn(build!) as [Command, Command];
  const bytes = /\d+ bytes/;
  t.is(
    (await steps.take(built.command, project)).replace(bytes, ''),
    built.output.replace(bytes, ''),
  );
  t.is(served.output, `listening on ${served.command.split(' ').at(-1)}\n`);
  const server = await reader.start(served.command, []);
  await reader.talk(second!, server);
  t.log(steps.lines.join('\n'));
});
