// The loader: every rule is broken once and its whole message is read; what is accepted is bounded.

import test from 'ava';
import { WasmpollError } from '../../host/errors.ts';
import { type Rule, rules } from '../../host/module/interface.ts';
import { loadModule, type ModuleSource } from '../../host/module/protocol-module.ts';
import { type Policy, resolvePolicy } from '../../host/policy.ts';
import {
  assemble,
  type Code,
  call,
  drop,
  end,
  forever,
  get,
  guest,
  i32,
  leb,
  memoryGrow,
  name,
  rawModule,
  section,
  tryCatchAll,
  unreachable,
  withNames,
} from '../helpers/wasm.ts';

const defaults = resolvePolicy();
const small: Policy = resolvePolicy({ guestMemoryBytes: 1_048_576, maxTableElements: 10 });

async function refusal(source: ModuleSource, policy = defaults, name = 'echo'): Promise<string> {
  const thrown: unknown = await loadModule(source, policy, name).catch((error: unknown) => error);
  if (thrown instanceof WasmpollError && thrown.code === 'ERR_MODULE') return thrown.message;
  throw new Error(`not refused with ERR_MODULE: ${thrown}`);
}

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

interface Broken {
  readonly title: string;
  readonly source: ModuleSource;
  readonly rule: Rule;
  readonly found: RegExp;
  readonly policy?: Policy;
}

const text = (characters: string) => new TextEncoder().encode(characters);
const memory = (...content: number[]) => rawModule(section(5, content));
const good = guest();

/** So many `if`s, one in the other. */
function nested(depth: number): Code {
  return [Array(depth).fill([i32(0), 0x04, 0x40]), Array(depth).fill(end)];
}

// The page size stands where other memories have their maximum.
const ownPageSize = guest({ memory: { min: 1, max: 0, flags: 8 } });

const broken: Broken[] = [
  {
    title: 'something that is no bytes',
    source: 'echo.wasm' as unknown as ModuleSource,
    rule: 'source',
    found: /it is of type string/,
  },
  {
    title: 'null',
    source: null as unknown as ModuleSource,
    rule: 'source',
    found: /it is null/,
  },
  {
    title: 'a file over the size limit',
    source: new Uint8Array(101),
    policy: { ...defaults, maxModuleBytes: 100 },
    rule: 'size limit',
    found: /101 bytes, over 100/,
  },
  { title: 'an empty file', source: new Uint8Array(), rule: 'empty file', found: /0 bytes/ },
  {
    title: 'a text module',
    source: text('(module)'),
    rule: 'not a module',
    found: /it starts with 28 6d 6f 64, not with 00 61 73 6d/,
  },
  {
    title: 'a component',
    source: Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0),
    rule: 'component',
    found: /its version is 0d 00 01 00, not 01 00 00 00/,
  },
  {
    title: 'another binary version',
    source: Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0),
    rule: 'binary version',
    found: /its version is 02 00 00 00, not 01 00 00 00/,
  },
  {
    title: 'a header cut short',
    source: good.slice(0, 6),
    rule: 'truncated',
    found: /the header ends at 6/,
  },
  {
    title: 'a file cut short',
    source: good.slice(0, 20),
    rule: 'truncated',
    found: /\d+ bytes expected, \d+ left, at byte \d+/,
  },
  {
    title: 'a section that is longer than its content',
    source: memory(1, 0, 1, 0),
    rule: 'malformed',
    found: /1 bytes too many in the memory section, at byte 13/,
  },
  {
    title: 'an unknown section',
    source: rawModule(section(14, [])),
    rule: 'unsupported',
    found: /section id 14, at byte 10/,
  },
  {
    title: 'more types than there may be',
    source: rawModule(section(1, leb(5001))),
    rule: 'too many',
    found: /5001 types, over 5000 in the type section, at byte 12/,
  },
  ...(
    [
      ['imports', 2, 10_000],
      ['functions', 3, 650_000],
      ['tables', 4, 100],
      ['memories', 5, 100],
      ['tags', 13, 1000],
      ['exports', 7, 10_000],
    ] as const
  ).map(([what, id, most]) => ({
    title: `more ${what} than there may be`,
    source: rawModule(section(id, leb(most + 1))),
    rule: 'too many' as const,
    found: new RegExp(`${most + 1} ${what}, over ${most} in the \\w+ section, at byte \\d+`),
  })),
  {
    title: 'types that are too long together',
    source: rawModule(section(1, Array(250_001).fill(0))),
    rule: 'too many',
    found: /250001 bytes of types, over 250000 in the type section, at byte 12/,
  },
  {
    title: 'more elements in segments than its tables may hold',
    source: guest({ tables: [{ min: 1 }], elements: Array(110_001).fill('on_data') }),
    rule: 'table limit',
    found: /its segments list 110001 elements, over 110000/,
  },
  {
    title: 'a guest of a newer ABI',
    source: guest({ functions: { wasmpoll_abi_1: null, wasmpoll_abi_2: [] } }),
    rule: 'ABI version',
    found: /the guest has ABI 2, newer than ABI 1 of this host/,
  },
  {
    title: 'a guest of an older ABI',
    source: guest({ functions: { wasmpoll_abi_1: null, wasmpoll_abi_0: [] } }),
    rule: 'ABI version',
    found: /the guest has ABI 0, older than ABI 1 of this host/,
  },
  {
    title: 'WASI imports that no guest needs',
    source: guest({ imports: { 'wasi_snapshot_preview1.sock_accept': '(i32, i32, i32) -> i32' } }),
    rule: 'WASI',
    found: /it imports wasi_snapshot_preview1\.sock_accept/,
  },
  {
    title: 'WASI imports of another version',
    source: guest({ imports: { 'wasi_unstable.fd_write': '(i32, i32, i32, i32) -> i32' } }),
    rule: 'WASI',
    found: /it imports wasi_unstable\.fd_write/,
  },
  {
    title: 'a WASI import of another type',
    source: guest({ imports: { 'wasi_snapshot_preview1.fd_write': '(i32) -> i32' } }),
    rule: 'import type',
    found: /wasi_snapshot_preview1\.fd_write is \(i32\) -> i32, not \(i32, i32, i32, i32\) -> i32/,
  },
  {
    title: 'a WASI command',
    source: assemble({ memory: { min: 1 }, functions: { _start: [] } }),
    rule: 'WASI',
    found: /it exports _start, as a command does/,
  },
  {
    title: 'a command that is a guest, too',
    source: guest({ functions: { _start: [] } }),
    rule: 'WASI',
    found: /it exports _start, as a command does/,
  },
  {
    title: 'an imported memory',
    source: guest({ imports: { 'env.memory': [2, 0, 1] } }),
    rule: 'memory',
    found: /it imports env\.memory/,
  },
  {
    title: 'two memories',
    source: guest({ memory: [{ min: 1 }, { min: 1 }] }),
    rule: 'memory',
    found: /it defines 2 memories/,
  },
  {
    title: 'no memory, and something else under its name',
    source: guest({ memory: null, exports: { memory: [0, 0] } }),
    rule: 'export type',
    found: /memory is a function, not memory/,
  },
  {
    title: 'a shared memory',
    source: guest({ memory: { min: 1, max: 2, flags: 3 } }),
    rule: 'shared memory',
    found: /its memory is shared between threads/,
  },
  {
    title: 'a struct type',
    source: withStructType(guest({})),
    rule: 'garbage collection',
    found: /it has struct or array types/,
  },
  {
    title: 'a 64-bit memory',
    source: guest({ memory: { min: 1, flags: 4 } }),
    rule: '64-bit memory',
    found: /its memory has 64-bit addresses/,
  },
  {
    title: 'a memory with its own page size',
    source: ownPageSize,
    rule: 'page size',
    found: /its memory has pages of its own size/,
  },
  {
    title: 'a memory that starts over the limit',
    source: guest({ memory: { min: 17 } }),
    policy: small,
    rule: 'memory limit',
    found: /it starts with 1114112 bytes, over 1048576/,
  },
  {
    title: 'tables that are together over the limit',
    source: guest({ tables: [{ min: 6 }, { min: 5 }] }),
    policy: small,
    rule: 'table limit',
    found: /11 elements, over 10/,
  },
  {
    title: 'more globals than an instance may have',
    source: guest({
      globals: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`g${index}`, 0])),
    }),
    rule: 'global limit',
    found: /10001 globals, over 10000/,
  },
  {
    title: 'an exception of many values',
    source: guest({ tags: ['(i32) -> ()', `(${Array(17).fill('i32').join(', ')}) -> ()`] }),
    rule: 'exception limit',
    found: /a tag has 17 values, over 16/,
  },
  {
    title: 'a function that is expensive to compile',
    source: guest({
      functions: { on_open: { locals: Array(20_000).fill('i32'), body: nested(500) } },
    }),
    rule: 'compile cost',
    found: /function 3 \(on_open\) costs \d+, over 8000000/,
  },
  {
    title: 'functions that are together more expensive than their size explains',
    source: guest({
      functions: Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [
          `f${index}`,
          { locals: Array(200).fill('i32'), body: nested(500), export: false },
        ]),
      ),
    }),
    policy: { ...defaults, maxFunctionCost: 250_000 },
    rule: 'compile cost',
    found: /its functions cost \d+, over \d+/,
  },
  {
    title: 'a compiled module with a long name for a function',
    source: new WebAssembly.Module(withNames(good, [[0, 'x'.repeat(4097)]])),
    rule: 'name limit',
    found: /a function's name has 4097 bytes, over 4096/,
  },
  {
    title: 'unknown imports, the first five of which are named',
    source: guest({
      imports: Object.fromEntries([...'abcdefg'].map((letter) => [`env.${letter}`, '() -> ()'])),
    }),
    rule: 'import not allowed',
    found: /env\.a, env\.b, env\.c, env\.d, env\.e and 2 more/,
  },
  {
    title: 'imports that a plain object would resolve through its prototype',
    source: guest({
      imports: { 'env.constructor': '() -> ()', 'constructor.constructor': '() -> ()' },
    }),
    rule: 'import not allowed',
    found: /env\.constructor, constructor\.constructor/,
  },
  {
    title: 'an imported name with control characters and without end',
    source: guest({ imports: { [`env.\n\u001b[2J${'x'.repeat(300)}`]: '() -> ()' } }),
    rule: 'import not allowed',
    found: /env\.\\x0a\\x1b\[2Jx{191}…/,
  },
  {
    title: 'a host function imported with another type',
    source: guest({
      imports: { 'wasmpoll.send': '(i32, i64) -> (i32, f32)', 'env.abort': '() -> ()' },
    }),
    rule: 'import type',
    found:
      /wasmpoll\.send is \(i32, i64\) -> \(i32, f32\), not \(i32, i32, i32\) -> i32, env\.abort is \(\) -> \(\), not \(i32, i32, i32, i32\) -> \(\)/,
  },
  {
    title: 'a host function imported as a global',
    source: guest({ imports: { 'wasmpoll.now': [3, 0x7f, 0] } }),
    rule: 'import type',
    found: /wasmpoll\.now is a global, not \(\) -> f64/,
  },
  {
    title: 'missing exports',
    source: assemble({ functions: { allocate: [i32(0)] } }),
    rule: 'missing export',
    found: /memory, wasmpoll_abi_1, on_data/,
  },
  {
    title: 'a guest with on_message that could not be told what it has missed',
    source: guest({ functions: { on_message: [] } }),
    rule: 'missing callback',
    found: /it exports on_message, and does not export on_missed/,
  },
  {
    title: 'a guest that takes replies together, and none by itself',
    source: guest({ functions: { on_replies: [] } }),
    rule: 'missing callback',
    found: /it exports on_replies, and does not export on_reply/,
  },
  {
    title: 'a guest that asks the store and would hear no answer',
    source: guest({ imports: { 'wasmpoll.store_get': '(i32, i32, i32, i32) -> i32' } }),
    rule: 'missing callback',
    found: /it imports wasmpoll\.store_get, and does not export on_reply/,
  },
  {
    title: 'exports of other types',
    source: guest({
      functions: {
        on_open: { type: '(i32) -> ()', body: [] },
        state_size: { type: '() -> ()', body: [] },
      },
    }),
    rule: 'export type',
    found:
      /on_open is \(i32\) -> \(\), not \(i32, i32\) -> \(\), state_size is \(\) -> \(\), not \(\) -> i32/,
  },
  {
    title: 'a function exported under a name of the interface as a global',
    source: guest({ exports: { on_drain: [3, 0] } }),
    rule: 'export type',
    found: /on_drain is a global, not \(i32, i32\) -> \(\)/,
  },
  {
    title: 'code that does not validate',
    source: guest({ functions: { on_data: [] } }),
    rule: 'engine',
    found: /WebAssembly\.compile\(\): Compiling function #2.*/,
  },
];

for (const { title, source, rule, found, policy } of broken) {
  test(`refuses ${title}`, async (t) => {
    const message = await refusal(source, policy);
    t.regex(message, new RegExp(`^echo: ${rule}: ${found.source}; ${escaped(rules[rule])}$`, 'u'));
  });
}

/** The module with `(struct)` behind its other types; sizes and counts stay below 128. */
function withStructType(binary: Uint8Array): Uint8Array {
  const [id, size = 0, count = 0] = binary.subarray(8);
  const types = binary.subarray(11, 10 + size);
  const rest = binary.subarray(10 + size);
  return Uint8Array.from([
    ...binary.subarray(0, 8),
    ...[id ?? 0, size + 2, count + 1, ...types, 0x5f, 0x00],
    ...rest,
  ]);
}

test('every rule has a test that breaks it', (t) => {
  const provoked = new Set<Rule>([...broken.map(({ rule }) => rule), 'compile limit']);
  t.deepEqual([...provoked].sort(), (Object.keys(rules) as Rule[]).sort());
});

test("a refusal by the engine keeps the engine's error as its cause", async (t) => {
  const error = await t.throwsAsync(loadModule(guest({ functions: { on_data: [] } }), defaults));
  t.true(error?.cause instanceof WebAssembly.CompileError);
});

test('the name of the module is made fit for one line', async (t) => {
  t.regex(await refusal(new Uint8Array(), defaults, 'a\nb'), /^a\\x0ab: empty file/);
});

test.serial('compiling ends at its limit, and the timer with it', async (t) => {
  const { compile } = WebAssembly;
  t.teardown(() => Object.assign(WebAssembly, { compile }));
  WebAssembly.compile = () => new Promise(() => {});
  const message = await refusal(good, { ...defaults, compileTimeoutMs: 1 });
  t.is(message, `echo: compile limit: not compiled within 1 ms; ${rules['compile limit']}`);
});

test.serial('no timer is left when a module has been compiled', async (t) => {
  const { setTimeout, clearTimeout } = globalThis;
  t.teardown(() => Object.assign(globalThis, { setTimeout, clearTimeout }));
  const [set, cleared]: unknown[][] = [[], []];
  const started = (...given: Parameters<typeof setTimeout>) => {
    const timer = setTimeout(...given);
    set!.push(timer);
    return timer;
  };
  const ended = (timer: NodeJS.Timeout) => {
    cleared!.push(timer);
    clearTimeout(timer);
  };
  Object.assign(globalThis, { setTimeout: started, clearTimeout: ended });
  await loadModule(good, defaults);
  t.is(set!.length, 1);
  t.deepEqual(cleared, set);
});

test('a module is loaded from every kind of source, and its exports of the interface are told', async (t) => {
  const bytes = guest({ functions: { on_open: [], other: [] } });
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 3)).subarray(3);
  shared.set(bytes);
  const inside = new Uint8Array([1, 2, ...bytes, 3]).subarray(2, bytes.length + 2);
  const sources = [
    bytes,
    bytes.buffer,
    Buffer.from(bytes),
    inside,
    shared,
    new WebAssembly.Module(bytes),
  ];
  for (const source of sources) {
    const { module, name: given, exports } = await loadModule(source, defaults);
    t.true(module instanceof WebAssembly.Module);
    t.is(given, 'guest');
    const expected = ['allocate', 'memory', 'on_data', 'on_open', 'wasmpoll_abi_1'];
    t.deepEqual([...exports].sort(), expected);
  }
});

test('a module may import every host function and export everything of the interface', async (t) => {
  const imports = ['send', 'close', 'pause', 'resume', 'want', 'set_timer', 'peer_address'];
  const calls = [...imports, 'now', 'log', 'abort'].map((host) => [unreachable, call(host)]);
  const { exports } = await loadModule(
    guest({
      functions: {
        ...{
          _initialize: [],
          on_open: [],
          on_drain: [],
          on_timer: [],
          on_close: [],
          on_restore: [],
        },
        ...{ migrate: [], state_size: [i32(0)], state_version: [i32(0)], on_end: [i32(0)] },
        on_data: [tryCatchAll([calls, unreachable]), get(3)],
      },
      tags: 1,
    }),
    defaults,
  );
  t.is(exports.size, 14);
});

test('a ready-made module is checked by names and kinds', async (t) => {
  const imports = { 'env.other': '() -> ()' };
  t.regex(
    await refusal(new WebAssembly.Module(guest({ imports }))),
    /import not allowed: env\.other;/,
  );
  const global = new WebAssembly.Module(guest({ exports: { on_drain: [3, 0] } }));
  t.regex(await refusal(global), /export type: on_drain is a global, not/);
  const empty = new WebAssembly.Module(rawModule());
  t.regex(await refusal(empty), /missing export: memory, wasmpoll_abi_1, allocate, on_data;/);
});

test('a guest that supports a second ABI besides this one is loaded', async (t) => {
  const { exports } = await loadModule(guest({ functions: { wasmpoll_abi_7: [] } }), defaults);
  t.true(exports.has('wasmpoll_abi_1'));
});

test('a memory without a maximum cannot grow over the limit', async (t) => {
  const source = guest({
    functions: { grow: { type: '(i32) -> i32', body: [get(0), memoryGrow] } },
  });
  const before = source.slice();
  const { module } = await loadModule(source, small);
  const { grow } = new WebAssembly.Instance(module, {}).exports as Record<
    string,
    (pages: number) => number
  >;
  t.is(grow!(16), -1);
  t.is(grow!(15), 1);
  t.is(grow!(1), -1);
  t.deepEqual(source, before);
});

test('tables cannot grow over the limit together', async (t) => {
  const grow = (table: number) => ({
    type: '(i32) -> i32',
    body: [0xd0, 0x70, get(0), 0xfc, 15, table],
  });
  const { module } = await loadModule(
    guest({
      tables: [{ min: 1, max: 4 }, { min: 2 }],
      functions: { first: grow(0), second: grow(1) },
    }),
    small,
  );
  const exports = new WebAssembly.Instance(module, {}).exports as Record<
    string,
    (n: number) => number
  >;
  t.is(exports.first!(4), -1);
  t.is(exports.first!(3), 1);
  t.is(exports.second!(5), -1);
  t.is(exports.second!(4), 2);
});

test('a module that is changed while it is compiled is the one that was checked', async (t) => {
  const source = guest();
  const loading = loadModule(source, defaults);
  source.fill(0);
  t.true((await loading).exports.has('on_data'));
});

test('a start function does not run when the module is loaded', async (t) => {
  const source = guest({ functions: { hang: { body: [forever()] } }, start: 'hang' });
  await t.notThrowsAsync(loadModule(source, defaults));
});

// Without its data a module would be whole; code is what no module with functions can lack.
test('a module cut short at any byte is refused', async (t) => {
  const source = guest({
    imports: { 'env.abort': '(i32, i32, i32, i32) -> ()' },
    functions: { on_open: [get(0), i32(0), i32(5), call('send'), drop] },
    tables: [{ min: 2 }],
    elements: ['on_open'],
  });
  await t.notThrowsAsync(loadModule(source, defaults));
  for (let length = 0; length < source.length; length += 1) {
    t.regex(await refusal(source.slice(0, length)), /^echo: [\w -]+: [^\n]+; [^\n]+$/);
  }
});

// No clock: were each import's type written out, the time limit of the test runner would pass.
test('a long type that is named very often is refused like any other', async (t) => {
  const type = [0x60, ...leb(1000), ...Array.from({ length: 1000 }, () => 0x7f), 0];
  const item = [...name('wasmpoll'), ...name('send'), 0, 0];
  const imports = [...leb(10_000), ...Array.from({ length: 10_000 }, () => item).flat()];
  const head = rawModule(section(1, [1, ...type]), [2, ...leb(imports.length)]);
  const source = Uint8Array.from([...head, ...imports]);
  t.regex(
    await refusal(source),
    /^echo: import type: wasmpoll\.send is \(i32, .+…, not .+ and 9995 more; /u,
  );
});

test('a long name does not make a long message', async (t) => {
  const source = rawModule(section(7, [1, ...name('x'.repeat(9999)), 0, 3]));
  t.true((await refusal(source)).length < 400);
});
