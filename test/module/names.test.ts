// Names: what the engine gets to know of a module's functions is short and printable, and nothing else
// of its custom sections.

import test from 'ava';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { guest, leb, name, section, unreachable, withNames } from '../helpers/wasm.ts';

const policy = resolvePolicy();
const trapping = guest({ functions: { on_open: [unreachable] } });
const ON_OPEN = 3;

async function stackOf(binary: Uint8Array): Promise<string> {
  const { module } = await loadModule(binary, policy);
  const { exports } = new WebAssembly.Instance(module, {});
  try {
    (exports.on_open as (connection: number, state: number) => void)(0, 0);
  } catch (error) {
    return (error as Error).stack ?? '';
  }
  throw new Error('it did not trap');
}

test('a short name is in the stack of a trap', async (t) => {
  t.regex(await stackOf(withNames(trapping, [[ON_OPEN, 'core::open']])), /at core::open \(wasm:/);
});

test('a name of 60 MB is cut before the engine sees it', async (t) => {
  const stack = await stackOf(withNames(trapping, [[ON_OPEN, 'x'.repeat(60_000_000)]]));
  t.regex(stack, /at x{63}… \(wasm:/);
});

test('what a terminal would obey is escaped in a name', async (t) => {
  const stack = await stackOf(withNames(trapping, [[ON_OPEN, 'a\u009b31m\u202eb é']]));
  t.regex(stack, /at a\\x9b31m\\u202eb é \(wasm:/);
});

test('a damaged name section, and names of functions that are not there, are ignored', async (t) => {
  const damaged = section(0, [...name('name'), 1, ...leb(50), 3, 3, 1, 0x61]);
  t.regex(await stackOf(Uint8Array.from([...trapping, ...damaged])), /wasm-function\[3\]|at a /);
  t.regex(await stackOf(withNames(trapping, [[99, 'nobody']])), /wasm-function\[3\]/);
});

test('of names that are out of order only those in order are kept, and the first of each', async (t) => {
  const all: [number, string][] = [
    [ON_OPEN, 'first'],
    [ON_OPEN, 'second'],
    [0, 'late'],
  ];
  const { module } = await loadModule(withNames(trapping, all), policy);
  const [content] = WebAssembly.Module.customSections(module, 'name');
  t.deepEqual([...new Uint8Array(content!)], [1, 8, 1, ON_OPEN, ...name('first')]);
});

test('other custom sections do not reach the engine', async (t) => {
  const binary = Uint8Array.from([...trapping, ...section(0, [...name('producers'), 1, 2, 3])]);
  const { module } = await loadModule(binary, policy);
  t.deepEqual(WebAssembly.Module.customSections(module, 'producers'), []);
  t.is(WebAssembly.Module.customSections(new WebAssembly.Module(binary), 'producers').length, 1);
});

test('a long exported name is refused, as one of 60 MB would be', async (t) => {
  const binary = guest({ exports: { ['x'.repeat(20_000)]: [0, 0] } });
  await t.throwsAsync(loadModule(binary, policy), {
    code: 'ERR_MODULE',
    message: /^guest: too many: 20000 bytes of a name, over 10000 in the export section/,
  });
});
