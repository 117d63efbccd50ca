// Installs and builds what is missing or stale, and says nothing when nothing is. It runs before
// `npm start` and `npm test`, so it may use Node's own modules only.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The protocols that come with the package, and the AssemblyScript runtime each needs. */
export const protocols = {
  chat: 'stub',
  echo: 'stub',
  lines: 'stub',
  mqtt: 'incremental',
  proxy: 'stub',
  'resp-cache': 'incremental',
  resp: 'incremental',
};

/** Rooms that are pages for browsers. */
const pages = [
  ['admin/page', 'the dashboard'],
  ['playground/page', 'the playground'],
];
const browsers = { platform: 'browser', target: ['chrome111', 'firefox113', 'safari16.4'] };

/** Of both pages. */
const icon = join('host', 'admin', 'page', 'icon.svg');

/** What runs in threads of its own. */
const threadScripts = ['host/threads/worker.js', 'host/wasi/preview1/worker.js'];

export async function ensure() {
  ensureDependencies();
  const { buildNative } = await import('./native.mjs');
  await buildNative({ force: false });
  await ensureProtocols();
  await ensureTypeScript();
}

function ensureDependencies() {
  const installed = newest([join(root, 'node_modules', '.package-lock.json')]);
  if (installed >= newest([join(root, 'package-lock.json')])) return;
  // Not `npm ci`: it refuses a lock file that lacks a package for another platform, which a registry
  // need not have. This installs what the lock file says as well, and leaves it alone.
  const options = ['--no-save', '--include=dev', '--no-audit', '--no-fund'];
  run('npm', ['install', ...options], 'installing dependencies');
}

async function ensureProtocols() {
  const sources = [join(root, 'assembly'), join(root, 'asconfig.json')];
  const output = join(root, 'dist', 'protocols');
  await mkdir(output, { recursive: true });
  for (const [name, runtime] of Object.entries(protocols)) {
    const target = join(output, `${name}.wasm`);
    if (newest([target]) >= newest(sources)) continue;
    const source = join(root, 'assembly', `${name}.ts`);
    const options = ['--config', join(root, 'asconfig.json'), '--runtime', runtime, '-o', target];
    run(process.execPath, [bin('assemblyscript', 'asc'), source, ...options], `compiling ${name}`);
  }
}

async function ensureTypeScript() {
  const folders = ['host', 'test', 'bench', 'examples', 'assembly', 'tsconfig.json'];
  const stamp = join(root, 'dist', '.built');
  if (newest([stamp]) >= newest(folders.map((name) => join(root, name)))) return;
  // A module that was deleted must not be found, let alone run as a test.
  for (const name of readdirSync(join(root, 'dist'))) {
    if (name !== 'protocols') rmSync(join(root, 'dist', name), { recursive: true, force: true });
  }
  run(process.execPath, [bin('typescript', 'tsc'), '-p', root], 'compiling TypeScript');
  await bundleScripts();
  await bundleWorker();
  for (const [room, name] of pages) await buildPage(room, name);
  copyFileSync(join(root, icon), join(root, 'dist', icon));
  await declareAssembly();
  await writeFile(stamp, '');
}

/**
 * Threads start from one text each, which holds all that it imports: a thread that replaces another must not
 * depend on files. The texts are plain scripts, whose variables V8 knows to be constant as it does a module's.
 */
async function bundleScripts() {
  const { build } = await import('esbuild');
  const dist = join(root, 'dist');
  await build({
    absWorkingDir: dist,
    entryPoints: threadScripts,
    outdir: dist,
    outbase: dist,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    minifySyntax: true,
    sourcemap: true,
    logLevel: 'warning',
  });
}

/**
 * What editors read of `wasmpoll/assembly`. The sources alone would not do: with `nodenext` imports need endings,
 * and asc would look for `abi.js.ts`.
 */
async function declareAssembly() {
  const assembly = join(root, 'assembly');
  run(process.execPath, [bin('typescript', 'tsc'), '-p', assembly], 'declaring wasmpoll/assembly');
  const output = join(root, 'dist', 'assembly');
  for (const name of readdirSync(output, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const file = join(output, name);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replaceAll(RELATIVE, '$1.js$2'));
  }
}

/** The end of an import of a file that has no ending yet. */
const RELATIVE = /(\bfrom '\.[^'\n]*?|\bimport\('\.[^'\n]*?)(?<!\.js)(')/g;

/** The thread of the playground: the harness, for a browser. */
async function bundleWorker() {
  const { build } = await import('esbuild');
  const bench = join(root, 'dist', 'host', 'playground', 'bench');
  await build({
    ...browsers,
    entryPoints: [join(bench, 'worker.js')],
    outfile: join(bench, 'worker.cjs'),
    bundle: true,
    format: 'iife',
    minify: true,
    logLevel: 'warning',
  });
}

/** Checked with a browser's types, and put into one script. */
async function buildPage(room, name) {
  const page = join(root, 'host', room);
  run(process.execPath, [bin('typescript', 'tsc'), '-p', page], `checking ${name}`);
  const { build } = await import('esbuild');
  await build({
    ...browsers,
    absWorkingDir: page,
    entryPoints: ['app.ts', 'style.css', 'page.html'],
    outdir: join(root, 'dist', 'host', room),
    bundle: true,
    format: 'iife',
    minify: true,
    loader: { '.html': 'copy' },
    logLevel: 'warning',
  });
}

function bin(dependency, name) {
  return join(root, 'node_modules', dependency, 'bin', `${name}${name === 'asc' ? '.js' : ''}`);
}

/** The latest modification below the paths, folders included: deleting a file changes its folder. */
function newest(paths) {
  let latest = 0;
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const stat = statSync(path);
    latest = Math.max(latest, stat.mtimeMs);
    if (!stat.isDirectory() || basename(path) === 'build') continue;
    latest = Math.max(latest, newest(readdirSync(path).map((name) => join(path, name))));
  }
  return latest;
}

function run(command, args, what) {
  process.stderr.write(`wasmpoll: ${what}\n`);
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  process.stderr.write(`wasmpoll: ${what} failed${error ? `: ${error.message}` : ''}\n`);
  process.exit(1);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await ensure();
  } catch (error) {
    process.stderr.write(`wasmpoll: ${error.message}\n`);
    process.exitCode = 1;
  }
}
