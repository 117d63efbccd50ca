// The package as a user gets it: packed in a copy of this checkout, installed from its tarball into
// an empty folder where no compiler is found, and used from there in each way that README names.

import { execFile } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { machine } from '../../host/kernel/native.ts';
import { connect } from '../helpers/client.ts';
import { Running } from '../helpers/process.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'wasmpoll-package-')));
const copy = path.join(folder, 'checkout');
const user = path.join(folder, 'user');
const tools = path.join(folder, 'tools');
// Without the settings that `npm test` hands to its children, which would point at this checkout.
const inherited = Object.entries(process.env).filter(
  (entry): entry is [string, string] => !/^(npm_|INIT_CWD$|NODE_V8_COVERAGE$)/i.test(entry[0]),
);
/** What an installation finds: npm and Node, and nothing that compiles. */
const environment = { ...Object.fromEntries(inherited), PATH: tools };

const execute = promisify(execFile);

/** Where a command lies that is not among the user's tools. */
const found = (name: string): string =>
  (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((entry) => path.join(entry, name))
    .find((file) => existsSync(file))!;

/** Runs a command of the user's to its end. Rejects with its output when it fails. */
async function run(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute(command, args, { cwd: user, env: environment });
  return stdout;
}

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

let packed: Packed;

test.before(async () => {
  // Packing builds what is stale, which must not happen to the `dist` that other tests run from.
  for (const name of readdirSync(root)) {
    if (/^(node_modules|\.git|dist|coverage|prebuilds|package-lock\.json|.*\.tgz)$/.test(name)) {
      continue;
    }
    cpSync(path.join(root, name), path.join(copy, name), {
      recursive: true,
      preserveTimestamps: true,
    });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  const env = { ...environment, PATH: process.env.PATH ?? '' };
  const options = { cwd: copy, env, maxBuffer: 16 * 1024 * 1024 };
  const { stdout } = await execute('npm', ['pack', '--json'], options);
  packed = (JSON.parse(stdout) as Packed[])[0]!;

  mkdirSync(tools);
  symlinkSync(process.execPath, path.join(tools, 'node'));
  for (const name of ['npm', 'npx', 'sh']) symlinkSync(found(name), path.join(tools, name));

  mkdirSync(user);
  copyFileSync(path.join(copy, packed.filename), path.join(user, packed.filename));
  writeFileSync(path.join(user, 'package.json'), '{ "private": true, "type": "module" }');
  const { devDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    devDependencies: { assemblyscript: string };
  };
  const compiler = `assemblyscript@${devDependencies.assemblyscript}`;
  await run('npm', 'install', '--no-audit', '--no-fund', packed.filename, compiler);
});

test.after.always(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the installed binary through npx and waits until it listens. */
async function serving(
  t: { teardown(end: () => void | Promise<void>): void },
  ...args: string[]
): Promise<Running> {
  const line = [path.join(tools, 'npx'), 'wasmpoll', '--listen', '127.0.0.1:0', ...args];
  const prefix = [found('setsid')];
  const running = new Running(line, { cwd: user, env: environment, prefix });
  t.teardown(async () => {
    // Its group, as a terminal's ^C does, since npx and a shell stand between.
    if (running.pid > 0 && existsSync(`/proc/${running.pid}`)) process.kill(-running.pid, 'SIGINT');
    await running.exited;
  });
  await running.written('stdout', /^listening on .*\n/m);
  return running;
}

test('the tarball has what is needed to run and to write protocols, and nothing else', (t) => {
  const assembly = (readdirSync(`${root}assembly`, { recursive: true }) as string[]).filter(
    (name) => /\.(?:ts|h|rs)$/.test(name),
  );
  const declared = assembly
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      ['d.ts', 'd.ts.map'].map((end) => `dist/assembly/${name.replace(/ts$/, end)}`),
    );
  const host = (readdirSync(`${root}host`, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .filter((name) => !/^(?:admin|playground)\/page\//.test(name))
    .flatMap((name) => ['d.ts', 'js'].map((end) => `dist/host/${name.replace(/ts$/, end)}`));
  const page = ['app.js', 'page.html', 'style.css'];
  const pages = ['admin', 'playground'].flatMap((room) =>
    page.map((name) => `dist/host/${room}/page/${name}`),
  );
  const docs = (readdirSync(`${root}docs`, { recursive: true }) as string[])
    .filter((name) => name.includes('.') && !name.startsWith('images/'))
    .map((name) => `docs/${name}`);
  const deploy = readdirSync(`${root}deploy`).flatMap((name) =>
    readdirSync(`${root}deploy/${name}`).map((file) => `deploy/${name}/${file}`),
  );
  const templates = (readdirSync(`${root}templates`, { recursive: true }) as string[])
    .filter((name) => statSync(`${root}templates/${name}`).isFile())
    .map((name) => `templates/${name}`);
  const charts = readdirSync(`${root}bench/charts`).map((name) => `bench/charts/${name}`);
  const expected = [
    ...['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'],
    ...assembly.map((name) => `assembly/${name}`),
    ...declared,
    'dist/assembly/abi.js',
    ...host,
    'dist/host/webassembly.d.ts',
    ...pages,
    'dist/host/admin/page/icon.svg',
    ...['playground/bench', 'threads', 'wasi/preview1'].map(
      (room) => `dist/host/${room}/worker.cjs`,
    ),
    ...['chat', 'echo', 'lines', 'mqtt', 'proxy', 'resp', 'resp-cache'].map(
      (name) => `dist/protocols/${name}.wasm`,
    ),
    ...docs,
    ...deploy,
    ...templates,
    ...['bench/RESULTS.md', ...charts],
    // For where the prebuilt addon does not run.
    ...readdirSync(`${root}native`)
      .filter((name) => /\.(?:cc|h|gyp)$/.test(name))
      .map((name) => `native/${name}`),
    ...['LICENSE.md', 'napi-inl.deprecated.h', 'napi-inl.h', 'napi.h'].map(
      (name) => `native/napi/${name}`,
    ),
    'scripts/native.mjs',
    `prebuilds/${machine()}/wasmpoll.node`,
  ];
  t.deepEqual(packed.files.map((file) => file.path).sort(), expected.sort());
  t.true(packed.size < 2_100_000, `${packed.size} bytes`);
});

test('the package has no flaw that publint knows', async (t) => {
  const publint = path.join(root, 'node_modules/publint/src/cli.js');
  const options = { cwd: folder, env: environment };
  const tarball = path.join(user, packed.filename);
  const { stdout } = await execute(
    process.execPath,
    [publint, 'run', tarball, '--strict'],
    options,
  );
  t.regex(stdout, /All good/);
});

test('installing runs nothing', (t) => {
  const installed = path.join(user, 'node_modules/wasmpoll');
  const { scripts } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) t.false(name in scripts);
  // With this file at the top npm would call node-gyp.
  t.false(existsSync(path.join(installed, 'binding.gyp')));
});

test('a program embeds the installed package', async (t) => {
  writeFileSync(
    path.join(user, 'embed.js'),
    `import { once } from 'node:events';
     import { connect } from 'node:net';
     import { serve } from 'wasmpoll';

     const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0' });
     const client = connect(Number(server.addresses[0].split(':')[1]), '127.0.0.1');
     client.end('hello');
     console.log(String((await once(client, 'data'))[0]), server.stats().bytesIn);
     await server.close();
     console.log('closed');`,
  );
  t.is(await run('node', 'embed.js'), 'hello 5\nclosed\n');
});

test('npx runs the installed binary', async (t) => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    version: string;
  };
  t.is(await run('npx', 'wasmpoll', '--version'), `${version}\n`);
  const running = await serving(t);
  const client = await connect(running.address, { owner: t });
  await client.send('hello');
  client.end();
  t.is(String(await client.readAll()), 'hello');
});

test("a user's own protocol is compiled against the package, unit-tested and served", async (t) => {
  writeFileSync(
    path.join(user, 'shout.ts'),
    `import { REASON_PEER, LOG_INFO, log, send } from 'wasmpoll/assembly';

     export * from 'wasmpoll/assembly/guest';

     export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
       for (let at = data; at < data + length; at += 1) store<u8>(at, load<u8>(at) & 0xdf);
       send(connection, data, length);
       return length;
     }

     export function on_close(_connection: i32, state: usize, reason: i32): void {
       if (reason == REASON_PEER) log(LOG_INFO, state, 0);
     }`,
  );
  await run('npx', 'asc', 'shout.ts', '-O3', '--runtime', 'stub', '-o', 'shout.wasm');
  const module = new WebAssembly.Module(readFileSync(path.join(user, 'shout.wasm')));
  t.deepEqual(
    WebAssembly.Module.imports(module).map((entry) => `${entry.module}.${entry.name}`),
    ['wasmpoll.send', 'wasmpoll.log', 'env.abort'],
  );
  writeFileSync(
    path.join(user, 'shout.test.js'),
    `import { readFile } from 'node:fs/promises';
     import { harness } from 'wasmpoll/testing';

     const network = await harness(await readFile('shout.wasm'));
     const peer = network.connect();
     peer.send('hello');
     console.log(peer.text());`,
  );
  t.is(await run('node', 'shout.test.js'), 'HELLO\n');
  const running = await serving(t, './shout.wasm');
  const client = await connect(running.address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'HELLO');
});

test('what C and Rust need is where docs/languages.md says', (t) => {
  for (const name of ['wasmpoll.h', 'wasmpoll.rs']) {
    t.true(existsSync(path.join(user, 'node_modules/wasmpoll/assembly', name)), name);
  }
});

const PROGRAM = `import { type Code, type Policy, type Server, type Snapshot, serve } from 'wasmpoll';
import { EPOLLIN, Epoll } from 'wasmpoll/epoll';
import { listenTcp } from 'wasmpoll/socket';
import { harness, type Peer } from 'wasmpoll/testing';
new Epoll().register(listenTcp('127.0.0.1', 0), EPOLLIN);
const peer: Peer = (await harness(new Uint8Array(8))).connect();
export const text: string = peer.text();
const policy: Partial<Policy> = { idleTimeoutMs: 30_000 };
const server: Server = await serve({ protocol: 'echo', listen: ['127.0.0.1:0'], policy });
server.on('restart', ({ reason }) => reason.trim());
export const stats: Snapshot = server.stats();
export const code: Code = 'ERR_ADDON';
// @ts-expect-error There is no such setting.
await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy: { nothing: 1 } });
`;

for (const [title, lib] of [
  ["with a browser's types", ['es2023', 'esnext.disposable', 'dom']],
  ["without a browser's types", ['es2023', 'esnext.disposable']],
] as const) {
  test(`its own types are checked in a strict program ${title}`, async (t) => {
    const program = path.join(user, `types-${lib.length}`);
    mkdirSync(path.join(program, 'node_modules'), { recursive: true });
    symlinkSync(path.join(root, 'node_modules/@types'), path.join(program, 'node_modules/@types'));
    writeFileSync(path.join(program, 'program.ts'), PROGRAM);
    const compilerOptions = {
      ...{ target: 'es2023', lib, module: 'nodenext', types: ['node'], noEmit: true },
      ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
    };
    const files = ['program.ts'];
    writeFileSync(path.join(program, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    // Rejects with what tsc found.
    await t.notThrowsAsync(execute(process.execPath, [tsc, '-p', program], { cwd: program }));
  });
}

test('what wasmpoll/testing declares needs neither Node nor a browser', async (t) => {
  const program = path.join(user, 'types-testing');
  mkdirSync(program);
  writeFileSync(
    path.join(program, 'program.ts'),
    `import { harness } from 'wasmpoll/testing';
     export const text = (await harness(new Uint8Array(8))).connect().text();`,
  );
  const compilerOptions = {
    ...{ target: 'es2023', lib: ['es2023'], module: 'esnext', moduleResolution: 'bundler' },
    ...{ types: [], noEmit: true, strict: true, skipLibCheck: false },
  };
  const files = ['program.ts'];
  writeFileSync(path.join(program, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  await t.notThrowsAsync(execute(process.execPath, [tsc, '-p', program], { cwd: program }));
});
