// Guest ABI 1 stands in six places: host/module/interface.ts, assembly/abi.ts, assembly/wasmpoll.ts,
// assembly/wasmpoll.h, assembly/rust/ and docs/abi.md. They say the same, and the bundled guests keep to it.

import { readFileSync } from 'node:fs';
import test from 'ava';
import * as abi from '../../assembly/abi.ts';
import { parseModule } from '../../host/module/binary.ts';
import { guestImports, optionalExports, requiredExports } from '../../host/module/interface.ts';
import { functionType, signatureOf } from '../../host/module/signatures.ts';
import { bundledProtocols } from '../../host/module/source.ts';
import { reasonName } from '../../host/server/endings.ts';
import { harness } from '../../host/testing/harness.ts';
import { blocks, document, root, section, workshop } from '../helpers/documents.ts';

type Signatures = Readonly<Record<string, string>>;

const documentation = document('docs/abi.md');
const hostFunctions = guestImports.wasmpoll!;
const allExports: Signatures = { ...requiredExports, ...optionalExports };

/** Imports as `module.name` and exports of a module, with their types. */
function interfaceOf(binary: Uint8Array): { imports: Signatures; exports: Signatures } {
  const parsed = parseModule(binary);
  const signature = (index: number): string => signatureOf(functionType(binary, parsed, index));
  const imports = parsed.imports.map(({ module, name }, index) => [
    `${module}.${name}`,
    signature(index),
  ]);
  const exports = parsed.exports.map(({ name, kind, index }) => [
    name,
    kind === 'function' ? signature(index) : kind,
  ]);
  return { imports: Object.fromEntries(imports), exports: Object.fromEntries(exports) };
}

const pick = (from: Signatures, names: readonly string[]): Signatures =>
  Object.fromEntries(names.map((name) => [name, from[name]!]));

const always = ['memory', 'wasmpoll_abi_1', 'allocate', 'on_data'];
// The kit tells callbacks apart by `now`.
const bundled: Record<string, { imports: string[]; exports: string[] }> = {
  echo: { imports: ['send'], exports: [] },
  lines: { imports: ['now', 'send', 'want', 'close'], exports: ['state_size', 'on_end'] },
  chat: {
    imports: ['now', 'send', 'close', 'pause', 'resume', 'set_timer', 'join', 'publish', 'want'],
    exports: [
      ...['state_size', 'on_open', 'on_drain', 'on_timer', 'on_close', 'on_message', 'on_missed'],
    ],
  },
  mqtt: {
    imports: [
      ...[
        'send',
        'want',
        'close',
        'set_timer',
        'now',
        'wall_clock',
        'random',
        'config',
        'metric',
        'property',
      ],
      ...['measure', 'join', 'leave', 'publish', 'store_get', 'store_put', 'store_delete'],
      ...['publish_for', 'store_add'],
    ],
    exports: [
      ...['_initialize', 'state_size', 'on_open', 'on_timer', 'on_close', 'on_message'],
      ...['on_end', 'on_missed', 'on_reply', 'on_restore', 'on_start'],
    ],
  },
  proxy: {
    imports: ['now', 'config', 'connect', 'splice', 'close', 'send'],
    exports: ['on_open', 'on_connect'],
  },
  resp: {
    imports: [
      'now',
      ...['close', 'store_get', 'leave', 'join', 'config', 'want', 'wall_clock'],
      ...['store_put', 'store_delete', 'send', 'resume', 'random', 'publish', 'peer_address'],
      ...['pause', 'metric', 'measure'],
    ],
    exports: [
      ...[
        '_initialize',
        'state_size',
        'on_reply',
        'on_replies',
        'on_close',
        'on_restore',
        'on_message',
        'on_missed',
      ],
    ],
  },
  'resp-cache': {
    imports: [
      ...['close', 'measure', 'send', 'now', 'config', 'want', 'resume'],
      ...['random', 'property', 'pause', 'metric', 'connect'],
    ],
    exports: [...['_initialize', 'state_size', 'on_open', 'on_connect', 'on_restore', 'on_close']],
  },
};

test('these are the bundled guests', async (t) => {
  t.deepEqual(await bundledProtocols(), Object.keys(bundled).sort());
});

for (const [name, { imports, exports }] of Object.entries(bundled)) {
  test(`the guest ${name} imports and exports what it uses, and nothing else`, (t) => {
    const found = interfaceOf(readFileSync(`${root}dist/protocols/${name}.wasm`));
    const expected = imports.map((each) => [`wasmpoll.${each}`, hostFunctions[each]]);
    t.deepEqual(found.imports, {
      ...Object.fromEntries(expected),
      'env.abort': guestImports.env!.abort,
    });
    t.deepEqual(found.exports, pick(allExports, [...always, ...exports]));
  });
}

const EVERYTHING = `
import {
  close, config, connect, join, leave, log, measure, metric, now, pause, peer_address, property, publish, publish_for,
  random, resume, send, set_timer, splice, start_tls, store_add, store_delete, store_get, store_put, wall_clock, want,
} from 'wasmpoll/assembly';

export * from 'wasmpoll/assembly/guest';

export function on_data(connection: i32, state: usize, data: usize, length: i32): i32 {
  send(connection, data, length);
  close(connection, length);
  pause(connection);
  resume(connection);
  want(connection, length);
  set_timer(connection, length);
  peer_address(connection, data, length);
  property(connection, data, length, data, length);
  random(data, length);
  config(data, length);
  start_tls(connection);
  splice(connection, connect(connection, data, length, 0));
  measure(metric(length, data, length), wall_clock());
  join(connection, length, data, length, 0);
  leave(connection, data, length, 0);
  publish(data, length, data, length, 0);
  publish_for(data, length, data, length, 0, 0);
  store_get(connection, length, data, length);
  store_put(connection, length, data, length, data, length, data, 0);
  store_delete(connection, length, data, length, data);
  store_add(connection, length, data, length, now(), 0);
  log(length, data, <i32>now());
  return length;
}
`;

const compileEcho = blocks(section(documentation, 'A whole guest in AssemblyScript')).find(
  (block) => block.language === 'sh',
)!.code;

test('AssemblyScript declares every host function as the host has it', async (t) => {
  const place = workshop(t);
  place.write('echo.ts', EVERYTHING);
  await place.run(compileEcho);
  const { imports } = interfaceOf(place.read('echo.wasm'));
  const expected = Object.entries(hostFunctions).map(([name, type]) => [`wasmpoll.${name}`, type]);
  t.deepEqual(imports, { ...Object.fromEntries(expected), 'env.abort': imports['env.abort'] });
});

test('AssemblyScript sees the numbers that TypeScript sees', async (t) => {
  const place = workshop(t);
  place.write('echo.ts', "export * from 'wasmpoll/assembly/abi';");
  await place.run(compileEcho);
  const module = new WebAssembly.Module(place.read('echo.wasm'));
  const { memory: _memory, ...globals } = new WebAssembly.Instance(module).exports;
  const seen = Object.entries(globals).map(([name, global]) => [
    name,
    (global as { value: unknown }).value,
  ]);
  t.deepEqual(Object.fromEntries(seen), { ...abi });
});

test('the guests that docs/abi.md shows in AssemblyScript compile with its command, and echo', async (t) => {
  const shown = blocks(section(documentation, 'A whole guest in AssemblyScript'));
  const sources = shown.filter((block) => block.language === 'ts');
  t.deepEqual(
    sources.map((block) => block.file),
    ['echo.ts', 'count.ts'],
  );
  for (const { code } of sources) {
    const place = workshop(t);
    place.write('echo.ts', code);
    await place.run(compileEcho);
    const network = await harness(place.read('echo.wasm'));
    const peer = network.connect();
    peer.send('hello');
    t.is(peer.text(), 'hello');
  }
});

const header = document('assembly/wasmpoll.h');

test('the header for C has the numbers of assembly/abi.ts', (t) => {
  const defined = header.matchAll(/^#define WASMPOLL_([A-Z_]+) \(?(-?\d+)\)?$/gm);
  const numbers = [...defined].map(([, name, value]) => [name, Number(value)]);
  t.deepEqual(Object.fromEntries(numbers), { ...abi });
});

test('the header for C declares every host function as the host has it', (t) => {
  const wasmType = (text: string): string => {
    if (text.includes('*') || text.includes('int32_t')) return 'i32';
    return text.startsWith('double') ? 'f64' : '()';
  };
  const declared = header.matchAll(
    /^WASMPOLL_IMPORT\((\w+)\)\n(\w+ )wasmpoll_(\w+)\(([^)]*)\);$/gm,
  );
  const functions = [...declared].map(([, imported, result, name, parameters]) => {
    t.is(name, imported);
    const types = parameters === 'void' ? [] : parameters!.split(/,\s+/).map(wasmType);
    return [name, `(${types.join(', ')}) -> ${wasmType(result!)}`];
  });
  t.deepEqual(Object.fromEntries(functions), hostFunctions);
});

test('the module for Rust has the numbers of assembly/abi.ts', (t) => {
  const defined = document('assembly/rust/numbers.rs').matchAll(
    /^pub const ([A-Z_]+): i32 = (-?\d+);$/gm,
  );
  const numbers = [...defined].map(([, name, value]) => [name, Number(value)]);
  t.deepEqual(Object.fromEntries(numbers), { ...abi });
});

test('the module for Rust declares every host function as the host has it', (t) => {
  const wasmType = (text: string): string => (text.trim() === 'f64' ? 'f64' : 'i32');
  const [, declarations] = /"wasmpoll"\)\]\s+extern "C" \{(.*?)^\}/ms.exec(
    document('assembly/rust/host.rs'),
  )!;
  const declared = declarations!.matchAll(/pub fn (\w+)\(([^)]*)\)(?: -> (\w+))?;/g);
  const functions = [...declared].map(([, name, parameters, result]) => {
    const types = [...parameters!.matchAll(/: ([^,]+)/g)].map(([, type]) => wasmType(type!));
    return [name, `(${types.join(', ')}) -> ${result === undefined ? '()' : wasmType(result)}`];
  });
  t.deepEqual(Object.fromEntries(functions), hostFunctions);
});

/** The rows of the tables in a part of docs/abi.md: their cells. */
const rows = (heading: string): string[][] =>
  [...section(documentation, heading).matchAll(/^\|(.*)\|$/gm)]
    .map(([, row]) => row!.split('|').map((cell) => cell.trim()))
    .filter(([first]) => !/^(?:export|import|status|reason|---|)$/.test(first!));

const parameterType = (text: string): string => /: (f64)$/.exec(text)?.[1] ?? 'i32';

/** `` `on_data(a, b) → c` `` as a name and a type. Parameters and results are i32 if not said. */
function documented(cell: string): Signatures {
  const found = cell.matchAll(/`(\w+)(?:\(([^)]*)\)(?: → (\w+(?: ≥ 0)?))?)?`/g);
  return Object.fromEntries(
    [...found].map(([, name, parameters, result]) => {
      if (parameters === undefined) return [name, name];
      const types = parameters === '' ? [] : parameters.split(', ').map(parameterType);
      const to = result === undefined ? '()' : result === 'f64' ? 'f64' : 'i32';
      return [name, `(${types.join(', ')}) -> ${to}`];
    }),
  );
}

test('docs/abi.md names every export with its type, and says which a guest must have', (t) => {
  const table = rows('Exports');
  const named = (which: string) =>
    Object.assign(
      {},
      ...table.filter(([, second]) => second === which).map(([first]) => documented(first!)),
    );
  t.deepEqual(named('required'), requiredExports);
  t.deepEqual(named('optional'), optionalExports);
});

test('docs/abi.md names every host function with its type', (t) => {
  const names = rows('Imports').filter(([first]) => first!.startsWith('`') && first!.includes('('));
  t.deepEqual(Object.assign({}, ...names.map(([first]) => documented(first!))), hostFunctions);
});

/** Those of the numbers whose names start so, without the start. */
const numbers = (prefix: string): Record<string, number> =>
  Object.fromEntries(
    Object.entries(abi)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );

const numbered = (table: readonly string[][]): Record<string, number> =>
  Object.fromEntries(
    table
      .filter(([name]) => /^[A-Z_]+$/.test(name!))
      .map(([name, value]) => [name!, Number(value!.replace('−', '-'))]),
  );

test('docs/abi.md has every status and every close reason with its number', (t) => {
  t.deepEqual(numbered(rows('Imports')), numbers('STATUS_'));
  t.deepEqual(numbered(rows('Close reasons')), numbers('REASON_'));
});

test('docs/abi.md has every way to close with its number', (t) => {
  const row = rows('Imports').find(([first]) => first!.startsWith('`close('))!;
  const ways = [...row[1]!.matchAll(/\b([A-Z]+) \((\d)\)/g)].map(([, name, value]) => [
    name,
    Number(value),
  ]);
  t.deepEqual(Object.fromEntries(ways), numbers('CLOSE_'));
});

test('docs/abi.md has every kind of metric with its number', (t) => {
  const row = rows('Imports').find(([first]) => first!.startsWith('`metric('))!;
  const kinds = [...row[1]!.matchAll(/\b([A-Z]+) \((\d)\)/g)].map(([, name, value]) => [
    name,
    Number(value),
  ]);
  t.deepEqual(Object.fromEntries(kinds), numbers('METRIC_'));
});

test('every close reason has a name of its own in events', (t) => {
  const names = Object.values(numbers('REASON_')).map(reasonName);
  t.is(new Set(names).size, names.length);
});
