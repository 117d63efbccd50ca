// The server of the playground: which files it has, and for whom.

import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Playground } from '../../host/playground/playground.ts';
import { echoModule } from '../helpers/guests.ts';
import { startProgram } from '../helpers/installed.ts';
import { temporary } from '../helpers/process.ts';

async function opened(t: ExecutionContext, ...modules: string[]): Promise<string> {
  const playground = await Playground.open({ port: 0, modules });
  t.teardown(() => playground.close());
  return playground.url;
}

/** As no browser asks. @returns the status */
function asked(url: string, options: { path?: string; headers?: Record<string, string> }) {
  return new Promise<number>((resolve, reject) => {
    const outgoing = request(url, options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

test('the page and all that it loads come with a policy that lets nothing else in', async (t) => {
  const url = await opened(t);
  const types = new Map([
    ['', 'text/html'],
    ['style.css', 'text/css'],
    ['app.js', 'text/javascript'],
    ['worker.js', 'text/javascript'],
    ['icon.svg', 'image/svg+xml'],
    ['modules.json', 'application/json'],
    ['modules/0.wasm', 'application/wasm'],
  ]);
  for (const [file, type] of types) {
    const response = await fetch(`${url}${file}`);
    t.is(response.status, 200, file);
    t.true(response.headers.get('content-type')?.startsWith(type), file);
    const policy = response.headers.get('content-security-policy') ?? '';
    t.regex(policy, /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
    t.is(response.headers.get('content-length'), String((await response.arrayBuffer()).byteLength));
  }
});

test('the page weighs less than 100 KiB besides the harness', async (t) => {
  const url = await opened(t);
  const sizes = await Promise.all(
    ['', 'style.css', 'app.js', 'icon.svg', 'modules.json'].map(async (file) => {
      const response = await fetch(`${url}${file}`);
      return (await response.arrayBuffer()).byteLength;
    }),
  );
  const weight = sizes.reduce((sum, size) => sum + size, 0);
  t.log(`${weight} bytes`);
  t.true(weight < 100 * 1024);
});

test('the bundled modules are listed behind those that were named, with their bytes', async (t) => {
  const file = path.join(temporary(t), 'mine.wasm');
  writeFileSync(file, echoModule());
  writeFileSync(`${file}.map`, '{}');
  const url = await opened(t, file);
  const listed = (await (await fetch(`${url}modules.json`)).json()) as {
    name: string;
    path: string;
    map: string | null;
  }[];
  t.deepEqual(
    listed.map(({ name }) => name),
    ['mine.wasm', 'chat', 'echo', 'lines', 'mqtt', 'proxy', 'resp', 'resp-cache'],
  );
  const bytes = async (at: string) => new Uint8Array(await (await fetch(url + at)).arrayBuffer());
  t.deepEqual(await bytes(listed[0]!.path), new Uint8Array(echoModule()));
  t.is(await (await fetch(url + listed[0]!.map!)).text(), '{}');
  // It may have been built again.
  writeFileSync(file, 'other');
  t.deepEqual(await bytes(listed[0]!.path), new TextEncoder().encode('other'));
  t.is((await fetch(`${url}modules/1.wasm.map`)).status, 404);
});

test('a module that is not there is refused before anything is served', async (t) => {
  const none = path.join(temporary(t), 'none.wasm');
  await t.throwsAsync(Playground.open({ port: 0, modules: [none] }), { code: 'ERR_MODULE' });
});

test('no path leads to another file', async (t) => {
  const url = await opened(t);
  for (const name of [
    '/../package.json',
    '/%2e%2e/files.js',
    '/..%2ffiles.js',
    '//etc/passwd',
    '/page.html',
    '/modules/99.wasm',
    '/modules/../../../package.json',
    '/__proto__',
  ]) {
    t.is(await asked(url, { path: name }), 404, name);
  }
});

test('a name of somebody else that leads here is told nothing', async (t) => {
  const url = await opened(t);
  const { port } = new URL(url);
  t.is(await asked(url, { headers: { host: `attacker.example:${port}` } }), 421);
  t.is(await asked(url, { headers: { host: `localhost:${port}` } }), 200);
  t.is(await asked(url, { headers: { host: `127.0.0.1:${port}` } }), 200);
});

test('there is only GET', async (t) => {
  const url = await opened(t);
  t.is((await fetch(url, { method: 'POST', body: 'x' })).status, 405);
  const head = await fetch(url, { method: 'HEAD' });
  t.deepEqual([head.status, await head.text()], [200, '']);
});

test('the command prints where the page is, and ends when told to', async (t) => {
  const main = new URL('../../host/cli/main.js', import.meta.url).pathname;
  const running = startProgram(t, process.execPath, [main, 'playground']);
  const [, url] = await running.written('stdout', /the playground is at (http:\S+)\n/);
  t.is((await fetch(url!)).status, 200);
  running.kill('SIGTERM');
  t.deepEqual(await running.exited, { code: 0, signal: null });
});

test('a port that is none is refused with the usage', async (t) => {
  const main = new URL('../../host/cli/main.js', import.meta.url).pathname;
  const running = startProgram(t, process.execPath, [main, 'playground', '--port', '65536']);
  t.deepEqual(await running.exited, { code: 2, signal: null });
});
