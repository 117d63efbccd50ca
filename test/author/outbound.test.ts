// docs/outbound.md, followed by a newcomer: its commands serve, its guest compiles, its test passes, and its tables are
// those of the code.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { createServer as createSecure } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { readServices } from '../../host/services/services-file.ts';
import { readUpstream } from '../../host/upstreams/spec/read.ts';
import { Certificates } from '../helpers/certificates.ts';
import { connect } from '../helpers/client.ts';
import { type Block, blocks, document, section, workshop } from '../helpers/documents.ts';
import { runCli, startCli } from '../helpers/process.ts';

const page = document('docs/outbound.md');
const shown = blocks(page);

const of = (heading: string, language: string): string[] =>
  blocks(section(page, heading))
    .filter((block: Block) => block.language === language)
    .map(({ code }) => code);

/** An upstream that answers in capitals. */
async function listening(t: ExecutionContext): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => socket.write(String(data).toUpperCase()));
    t.teardown(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as { port: number }).port;
}

/** The arguments of a command of the page, with ports of the test's own. */
const argumentsOf = (command: string, upstream: number): string[] =>
  command
    .trim()
    .replace(/^npx wasmpoll /, '')
    .replace('127.0.0.1:6380', '127.0.0.1:0')
    .replace('127.0.0.1:6379', `127.0.0.1:${upstream}`)
    .split(' ');

test('every code block of the page is tried here', (t) => {
  const languages = shown.map(({ language }) => language).sort();
  t.deepEqual(languages, [...['js', 'js', 'sh', 'sh', 'sh', 'sh', 'toml', 'toml', 'ts']]);
});

test('the command of a minute serves a proxy', async (t) => {
  const [command] = of('A proxy in a minute', 'sh');
  const server = await startCli(t, argumentsOf(command!, await listening(t)));
  const client = await connect(server.address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'HELLO');
});

test('the program serves the same, and prints what there is of its upstream', async (t) => {
  const [program] = of('A proxy in a minute', 'js');
  const place = workshop(t);
  const ported = program!.replace(':6380', ':0').replace(':6379', `:${await listening(t)}`);
  place.write('proxy.mjs', `${ported}\nawait server.close();\n`);
  t.regex(await place.run('node proxy.mjs'), /^\{\s+open: 0,\s+connecting: 0,/);
});

test('the file of services is right, and the upstreams of a service are its own and all services’', async (t) => {
  const [file] = of('A proxy in a minute', 'toml');
  const place = workshop(t);
  place.write('w.toml', file!);
  const { services } = readServices(`${place.folder}/w.toml`);
  t.deepEqual(Object.keys(services[0]!.upstreams!), ['db', 'hooks']);
  const checked = await runCli(['check', '--config', 'w.toml'], { cwd: place.folder });
  t.deepEqual([checked.code, checked.stderr], [0, '']);
});

test('the commands with TLS serve a proxy, and the file with TLS is right', async (t) => {
  const certificates = new Certificates(t);
  const { folder } = certificates;
  const { cert, key, certFile } = certificates.make('api.internal');
  writeFileSync(path.join(folder, 'ca.pem'), cert);
  const server = createSecure({ cert, key }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => socket.write(String(data).toUpperCase()));
    t.teardown(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const [commands] = of('TLS', 'sh');
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certFile } as Record<string, string>;
  for (const command of commands!.trim().split('\n')) {
    const [, ...words] = command.replaceAll("'", '').split(' wasmpoll ')[1]!.split(' ');
    const own = ['--listen', ...words].map((word) =>
      word
        .replace('127.0.0.1:8080', '127.0.0.1:0')
        .replace(/=(api\.example\.com|10\.0\.0\.5):443/, `=127.0.0.1:${port}`),
    );
    const proxy = await startCli(t, own, { cwd: folder, env });
    const client = await connect(proxy.address, { owner: t });
    await client.send('hello');
    t.is(String(await client.readExactly(5)), 'HELLO', command);
  }
  const [file] = of('TLS', 'toml');
  const service =
    '[service.front]\nprotocol = "proxy"\nlisten = "127.0.0.1:0"\nconfig = "upstream=api"';
  writeFileSync(path.join(folder, 'w.toml'), `${file}\n${service}\n`);
  const checked = await runCli(['check', '--config', 'w.toml'], { cwd: folder });
  t.deepEqual([checked.code, checked.stderr], [0, '']);
});

test('each option of the table is one, and no other is', (t) => {
  const listed = [...section(page, 'What an operator says').matchAll(/^\| `(\w+)` \|/gm)];
  const names = listed.map(([, name]) => name!);
  const known: string[] = [];
  readUpstream('a', { targets: 'h:1', zzzzzzzzzz: 1 }, [], (_, message) => {
    known.push(...message.replace(/^.*there are /, '').split(', '));
  });
  t.deepEqual(names.sort(), known.sort());
  const text = /--upstream 'db=([^']+)'/.exec(page)![1]!;
  t.not(
    readUpstream('db', text, [], (_, message) => t.fail(message)),
    null,
  );
});

test('the guest compiles, and its test passes', async (t) => {
  const place = workshop(t);
  for (const { file, code, language } of shown) {
    if (file === 'meter.ts' && language === 'ts') place.write('meter.ts', code);
    if (file === 'meter.test.mjs' && language === 'js') place.write('meter.test.mjs', code);
  }
  const [command] = of('Test it', 'sh');
  const printed = await place.run(`${command!.trim()} 2>&1`);
  t.regex(printed, /# pass 2\n|pass 2\n/);
});

test('resp-cache is served by its command', async (t) => {
  const [command] = of('Many clients, few connections: resp-cache', 'sh');
  const server = await startCli(t, argumentsOf(command!, await listening(t)));
  const client = await connect(server.address, { owner: t });
  await client.send('PING\r\n');
  t.is(String(await client.readExactly(7)), '+PONG\r\n');
});
