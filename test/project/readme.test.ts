// README, docs/settings.md and docs/operations.md say what is so: settings are the policy's, and the
// commands and programs that they show work. links.test.ts has their links.

import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import * as abi from '../../assembly/abi.ts';
import { connect } from '../helpers/client.ts';
import { blocks, document, section, workshop } from '../helpers/documents.ts';
import { echoModule } from '../helpers/guests.ts';
import { runCli, startCli } from '../helpers/process.ts';
import { compiledAssemblyScript, Program } from '../helpers/wasi-programs.ts';

const readme = document('README.md');
const numbers: Readonly<Record<string, number>> = { ...abi };

test('the settings table is the policy table', async (t) => {
  const script = new URL('../../../scripts/settings.mjs', import.meta.url).href;
  const { withSettings } = (await import(script)) as {
    withSettings: (text: string) => Promise<string>;
  };
  const page = document('docs/settings.md');
  t.regex(page, /^\| `idleTimeoutMs` \|/m);
  t.is(await withSettings(page), page, 'run: npm run format');
});

test('README has at most 180 lines', (t) => {
  t.true(readme.split('\n').length <= 181);
});

test('the first protocol compiles, serves and echoes by the commands beside it', async (t) => {
  const shown = blocks(readme);
  const protocol = shown.find(({ language }) => language === 'ts')!;
  t.is(protocol.file, 'echo.ts');
  const session = shown.find(({ language }) => language === 'console')!.code;
  const place = workshop(t);
  place.write('echo.ts', protocol.code);
  const [, compile, serve, input, output] =
    /^\$ (npx asc .*)\n\$ npx wasmpoll (.*) &\nlistening on 127\.0\.0\.1:33445\n\$ echo (\w+) \| nc -N 127\.0\.0\.1 33445\n(\w+)\n$/.exec(
      session,
    )!;
  await place.run(compile!);
  // On a port that is free.
  const args = [...serve!.split(' '), '--listen', '127.0.0.1:0'];
  const server = await startCli(t, args, { cwd: place.folder });
  const client = await connect(server.address, { owner: t });
  await client.send(`${input}\n`);
  client.end();
  t.is(String(await client.readAll()), `${output}\n`);
});

/** The first code block under a heading. */
const example = (heading: string): string => blocks(section(readme, heading))[0]!.code;

test('the command lines that it shows serve, or print what they say', async (t) => {
  const place = workshop(t);
  writeFileSync(path.join(place.folder, 'my-protocol.wasm'), echoModule());
  const lines = example('Run the binary').trimEnd().split('\n');
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
  const source = example('Embed the server').replace('/run/', `${place.folder}/`);
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
  const source = example('Unit-test the protocol').replaceAll(
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

test('the command for a WASI server that it shows serves', async (t) => {
  const place = workshop(t);
  copyFileSync(compiledAssemblyScript(), path.join(place.folder, 'server.wasm'));
  const words = example('WASI preview 1 servers').trim().replace(':33445', ':0').split(' ');
  t.deepEqual(words.slice(0, 3), ['npx', 'wasmpoll', 'run']);
  const server = await startCli(t, words.slice(2), { cwd: place.folder, lines: 0 });
  await server.written('stderr', /^listening on /m);
  const client = await connect(new Program(server).address, { owner: t });
  await client.send('hello');
  client.end();
  t.is(String(await client.readAll()), 'hello');
});
