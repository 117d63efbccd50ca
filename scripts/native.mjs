// Builds the addon with node-gyp when a source is newer than it: in a checkout, and in an installed package where the
// prebuilt one does not run. Knows where the compiler's inputs are; knows nothing of the TypeScript or the guests.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const directory = path.join(root, 'native');
const addon = path.join(directory, 'build', 'Release', 'wasmpoll.node');

/** What `node-gyp` cannot do without, and the Debian package that has it. */
const TOOLS = { 'c++': 'g++', make: 'make', python3: 'python3' };

/**
 * Builds native/build/Release/wasmpoll.node if it is missing or older than a source, or if `force`.
 * Returns its path. Throws an Error of one line when a tool is missing; node-gyp's whole output
 * comes with the error when the build fails, and is not shown when it succeeds.
 */
export async function buildNative({ force = false } = {}) {
  if (!force && !stale()) return addon;
  const missing = missingTools();
  if (missing.length > 0) {
    const packages = missing.map((tool) => TOOLS[tool]).join(' ');
    throw new Error(
      `the addon cannot be built: ${missing.join(', ')} not found (apt-get install ${packages})`,
    );
  }
  process.stderr.write('wasmpoll: building the addon\n');
  const output = await gyp(force ? ['rebuild'] : ['configure', 'build']);
  if (!existsSync(addon)) throw new Error(`the addon did not compile:\n${output}`);
  return addon;
}

function stale() {
  if (!existsSync(addon)) return true;
  const built = statSync(addon).mtimeMs;
  return readdirSync(directory)
    .filter((name) => /\.(cc|h|gyp)$/.test(name))
    .some((name) => statSync(path.join(directory, name)).mtimeMs > built);
}

function missingTools() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const chosen = { 'c++': process.env.CXX, make: process.env.MAKE, python3: process.env.PYTHON };
  return Object.keys(TOOLS).filter(
    (tool) => !chosen[tool] && !folders.some((folder) => existsSync(path.join(folder, tool))),
  );
}

/** Runs node-gyp in the folder of a binding.gyp. Returns what it says; the error has it if it fails. */
export function gyp(commands, folder = directory) {
  const script = nodeGyp();
  const prefix = path.dirname(path.dirname(process.execPath));
  const headers = existsSync(path.join(prefix, 'include/node/node.h'));
  const options = [`--directory=${folder}`, '--jobs=max'];
  // With the running Node's own headers nothing is downloaded.
  if (headers) options.push(`--nodedir=${prefix}`);
  // binding.gyp calls `node`, which must be this one.
  const PATH = `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH ?? ''}`;
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [script, ...commands, ...options],
      { cwd: folder, env: { ...process.env, PATH }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (!error) resolve(`${stdout}${stderr}`);
        else reject(new Error(`the addon did not compile:\n${stdout}${stderr}`));
      },
    );
  });
}

/** node-gyp of the checkout; for a package, that of npm. */
function nodeGyp() {
  const { resolve } = createRequire(import.meta.url);
  const folders = () => spawnSync('npm', ['root', '-g'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  for (const find of [
    () => resolve('node-gyp/package.json'),
    () => resolve(path.join(folders(), 'npm/node_modules/node-gyp/package.json')),
    () => resolve(path.join(folders(), 'node-gyp/package.json')),
  ]) {
    try {
      return path.join(path.dirname(find()), 'bin', 'node-gyp.js');
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error('the addon cannot be built: node-gyp not found (npm install --global node-gyp)');
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await buildNative({ force: process.argv.includes('--force') });
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
