// README and docs/ say what is so: settings are the policy's, files exist, and what they show works.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import * as abi from '../../assembly/abi.ts';
import { connect } from '../helpers/client.ts';
import { blocks, document, root, workshop } from '../helpers/documents.ts';
import { echoModule } from '../helpers/guests.ts';
import { runCli, startCli, temporary, works } from '../helpers/process.ts';

const readme = document('README.md');
const numbers: Readonly<Record<string, number>> = { ...abi };

test('the settings table is the policy table', async (t) => {
  const script = new URL('../../../scripts/settings.mjs', import.meta.url).href;
  const { withSettings } = (await import(script)) as {
    withSettings: (text: string) => Promise<string>;
  };
  t.is(await withSettings(readme), readme, 'run: npm run settings');
});

for (const name of [
  'README.md',
  'CONTRIBUTING.md',
  'docs/abi.md',
  'docs/operations.md',
  'docs/wasi.md',
  'docs/performance.md',
]) {
  test(`every file and heading that ${name} links to is there`, (t) => {
    const links = [...document(name).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    const missing = links.filter(([, file, anchor]) => {
      const target = file === '' ? name : path.join(path.dirname(name), file!);
      if (!existsSync(path.join(root, target))) return true;
      if (anchor === undefined) return false;
      const headings = [...document(target).matchAll(/^#+ (.*)$/gm)].map(([, text]) => text!);
      return !headings.some((text) => text.toLowerCase().replaceAll(' ', '-') === anchor);
    });
    t.deepEqual(
      missing.map(([link]) => link),
      [],
    );
  });
}

test('the protocol that it shows is the bundled echo', (t) => {
  const [shown] = blocks(readme);
  const statements = (source: string): string => source.replaceAll(/\s*\/\/.*$/gm, '').trim();
  t.is(statements(shown!.code), statements(document('assembly/echo.ts')));
});

/** The code block behind the paragraph that starts so. */
const example = (start: string): string => {
  const at = readme.indexOf(`\n**${start}`);
  if (at < 0) throw new Error(`README has no paragraph '${start}'`);
  return blocks(readme.slice(at))[0]!.code;
};

test('the command lines that it shows serve, or print what they say', async (t) => {
  const place = workshop(t);
  writeFileSync(path.join(place.folder, 'my-protocol.wasm'), echoModule());
  const lines = example('Run the binary.').trimEnd().split('\n');
  t.true(lines.length >= 4);
  const ipv6 = existsSync('/proc/net/if_inet6');
  for (const line of lines) {
    t.true(line.startsWith('npx wasmpoll '), line);
    // With ports that are free and a folder of the test's own.
    const command = line
      .replaceAll(':33445', ':0')
      .replaceAll('/run/', `${place.folder}/`)
      .replace(ipv6 ? /^$/ : "--listen '[::1]:0' ", '');
    const words = await place.run(
      `set -- ${command.replace('npx wasmpoll ', '')}\nprintf '%s\\n' "$@"`,
    );
    const args = words.trimEnd().split('\n');
    if (args.includes('--help')) {
      const outcome = await runCli(args);
      t.is(outcome.code, 0);
      t.regex(outcome.stdout, /--max-connections <N>/);
      continue;
    }
    if (!args.includes('--listen')) args.push('--listen', '127.0.0.1:0');
    const server = await startCli(t, args, { cwd: place.folder });
    for (const address of server.addresses) {
      const client = await connect(address, { owner: t });
      await client.send('hello');
      client.end();
      t.is(String(await client.readAll()), 'hello', `${line}: ${address}`);
    }
    if (args.includes('debug')) {
      await server.written('stderr', /"data":"hello","msg":"received"/);
      await server.written('stderr', /"address":"127\.0\.0\.1:\d+","msg":"connected"/);
    }
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, { code: 0, signal: null }, line);
  }
});

const tsc =
  'node_modules/.bin/tsc --target es2023 --module nodenext --lib es2023,esnext.disposable ' +
  '--types node --strict --skipLibCheck';

test('the server that it embeds compiles, serves, and ends by itself', async (t) => {
  const place = workshop(t);
  const source = example('Embed the server.').replace('/run/', `${place.folder}/`);
  place.write('server.ts', source);
  const output = await place.run(`${tsc} server.ts\nnode server.js`);
  const [addresses, ...stats] = output.split('\n');
  t.regex(addresses!, /^\[ '127\.0\.0\.1:\d+', 'unix:\/.*\/echo\.sock' \]$/);
  t.regex(stats.join('\n'), /connections: \{ open: 0, total: 0, refused: 0 \}/);
});

test('the unit test that it shows has the results that it says', async (t) => {
  const place = workshop(t);
  writeFileSync(path.join(place.folder, 'my-protocol.wasm'), echoModule());
  writeFileSync(path.join(place.folder, 'my-protocol-2.wasm'), echoModule());
  const expected: string[] = [];
  const source = example('Unit-test the module.').replaceAll(
    /^(peer\.\w+(?:\(\))?); \/\/ (.*)$/gm,
    (_line, expression: string, value: string) => {
      expected.push(String(numbers[value] ?? value));
      return `console.log(${expression});`;
    },
  );
  t.is(expected.length, 2);
  place.write('unit.ts', source);
  const output = await place.run(`${tsc} unit.ts\nnode unit.js`);
  t.is(output, `${expected.join('\n').replaceAll("'", '')}\n`);
});

test('the systemd unit that docs/operations.md shows is one', (t) => {
  if (!works('systemd-analyze', '--version')) {
    t.log('skipped: systemd-analyze(1) is not there');
    t.pass();
    return;
  }
  const unit = blocks(document('docs/operations.md')).find(({ language }) => language === 'ini')!;
  const file = path.join(temporary(t), 'echo.service');
  // The program must be there, wherever Node is.
  writeFileSync(file, unit.code.replace('/usr/bin/node', process.execPath));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
  t.is(stderr, '');
  t.is(status, 0);
});

test('the systemd unit starts the server with options that it takes', async (t) => {
  const unit = blocks(document('docs/operations.md')).find(({ language }) => language === 'ini')!;
  const folder = temporary(t);
  const [, ...args] = /^ExecStart=(.*)$/m
    .exec(unit.code)![1]!
    .replace(':33445', ':0')
    .replace('/run/echo/', `${folder}/`)
    .split(' ');
  t.true(args[0]!.endsWith('/node_modules/wasmpoll/dist/host/cli/main.js'));
  const server = await startCli(t, args.slice(1));
  t.is(server.addresses.length, 2);
});
