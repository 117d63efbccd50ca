// Which modules are commands, and how others are refused.

import test, { type ExecutionContext } from 'ava';
import type { ModuleSource } from '../../host/module/load.ts';
import { isCommand, loadCommand } from '../../host/wasi/command.ts';
import { resolveRunPolicy } from '../../host/wasi/policy.ts';
import { WASI_MODULE, wasiImports } from '../../host/wasi/preview1/interface.ts';
import { echoModule } from '../helpers/guests.ts';
import { command } from '../helpers/wasi.ts';
import { assemble, guest, unreachable } from '../helpers/wasm.ts';

const policy = resolveRunPolicy();

const names = Object.keys(wasiImports) as (keyof typeof wasiImports)[];

async function refused(t: ExecutionContext, source: ModuleSource, message: string): Promise<void> {
  const load = async () => loadCommand(source, policy, 'guest.wasm');
  const error = await t.throwsAsync(load, { code: 'ERR_MODULE' });
  t.is(error!.message, `guest.wasm: ${message}`);
}

test('a module may import every function of preview 1', async (t) => {
  t.is(names.length, 46);
  const { module, exports } = await loadCommand(command(names, []), policy, 'guest.wasm');
  t.is(WebAssembly.Module.imports(module).length, 46);
  t.deepEqual([...exports].sort(), ['_start', 'memory']);
});

test('what is imported from elsewhere, or under another name, is refused by its name', async (t) => {
  const advice = `import only the functions of ${WASI_MODULE}`;
  for (const name of [
    `${WASI_MODULE}.sock_open`,
    'env.abort',
    'wasi_unstable.fd_write',
    'wasmpoll.send',
  ]) {
    const source = command([], [], { imports: { [name]: '(i32) -> i32' } });
    await refused(t, source, `import not allowed: ${name}; ${advice}`);
  }
  const memory = { [`${WASI_MODULE}.memory`]: [2, 0, 1] };
  const found = `it imports ${WASI_MODULE}.memory`;
  await refused(
    t,
    command([], [], { imports: memory }),
    `memory: ${found}; define exactly one memory in the module and export it as memory`,
  );
});

test('an import of another type is refused with both types', async (t) => {
  for (const name of names) {
    const type = '(f64, f64) -> f64';
    const source = command([], [], { imports: { [`${WASI_MODULE}.${name}`]: type } });
    const types = `${WASI_MODULE}.${name} is ${type}, not ${wasiImports[name]}`;
    await refused(t, source, `import type: ${types}; declare it as WASI preview 1 does`);
  }
});

test('a command exports _start and its memory', async (t) => {
  const advice = 'a command exports _start and memory; a protocol is served without run';
  await refused(
    t,
    await echoModule(),
    'import not allowed: env.abort, wasmpoll.send; import only the functions of wasi_snapshot_preview1',
  );
  await refused(t, guest(), `missing export: _start; ${advice}`);
  const hidden = { _start: { body: [], export: false } };
  await refused(
    t,
    assemble({ memory: { min: 1 }, functions: hidden }),
    `missing export: _start; ${advice}`,
  );
  await refused(t, assemble({ functions: { _start: [] } }), `missing export: memory; ${advice}`);
  const wrong = { _start: { type: '(i32) -> ()', body: [] } };
  await refused(
    t,
    assemble({ memory: { min: 1 }, functions: wrong }),
    'export type: _start is (i32) -> (), not () -> (); declare it as WASI preview 1 does',
  );
});

test('the limits of the policy hold for commands', async (t) => {
  const large = command([], [], { memory: { min: 20_000 } });
  await refused(
    t,
    large,
    'memory limit: it starts with 1310720000 bytes, over 1073741824; lower its initial memory or raise guestMemoryBytes (--guest-memory)',
  );
  const shared = command([], [], { memory: { min: 1, max: 2, flags: 3 } });
  await refused(
    t,
    shared,
    'shared memory: its memory is shared between threads; build it without threads',
  );
  const tables = command([], [], { tables: [{ min: 1_000_001 }] });
  await refused(
    t,
    tables,
    'table limit: 1000001 elements, over 1000000; make its tables smaller or raise maxTableElements (--max-table-elements)',
  );
});

test('a command may be larger than a guest is by default', async (t) => {
  const source = command([], [], { memory: { min: 2000 }, tables: [{ min: 200_000 }] });
  const { module } = await loadCommand(source, policy, 'guest.wasm');
  t.notThrows(() => new WebAssembly.Instance(module));
});

test('a memory grows to the limit and no further', async (t) => {
  const limits = resolveRunPolicy({ guestMemoryBytes: 128 * 1024 });
  const { module } = await loadCommand(command([], []), limits, 'guest.wasm');
  const { exports } = new WebAssembly.Instance(module);
  const memory = exports.memory as WebAssembly.Memory;
  t.is(memory.grow(1), 1);
  t.throws(() => memory.grow(1), { instanceOf: RangeError });
});

test('bytes and compiled modules are told apart by their exports', async (t) => {
  const start = command([], [unreachable]);
  t.true(isCommand(start));
  t.true(isCommand(await WebAssembly.compile(start)));
  t.false(isCommand(guest()));
  t.false(isCommand(await echoModule()));
  t.false(isCommand(guest({ functions: { _start: [] } })));
  t.false(isCommand(new Uint8Array([1, 2, 3])));
});

test('a setting that a command has not is refused, as is one out of its range', (t) => {
  t.throws(() => resolveRunPolicy({ idleTimeoutMs: 1 } as never), {
    code: 'ERR_POLICY',
    message: 'policy.idleTimeoutMs: a command has no such setting',
  });
  t.throws(() => resolveRunPolicy({ graceMs: -1 }), { message: /^policy.graceMs: must be/ });
  t.is(resolveRunPolicy({ graceMs: 7 }).graceMs, 7);
});
