// The reader of binaries: what the engine accepts it reads, and nothing but BinaryError comes out.

import test from 'ava';
import fc from 'fast-check';
import { type ParsedModule, parseModule } from '../../host/module/binary.ts';
import { edited } from '../../host/module/edits.ts';
import { limitEdits } from '../../host/module/maxima.ts';
import { BinaryError } from '../../host/module/reader.ts';
import { functionType, signatureOf } from '../../host/module/signatures.ts';
import { atOnce } from '../../host/module/slices.ts';
import {
  assemble,
  call,
  callIndirect,
  drop,
  get,
  guest,
  i32,
  leb,
  memoryCopy,
  name,
  rawModule,
  section,
  throws,
  tryCatchAll,
  typeBytes,
  vector,
} from '../helpers/wasm.ts';

/** A copy with the maxima alone. */
const withMemoryMaximum = (
  binary: Uint8Array,
  module: ParsedModule,
  maxPages: number,
  maxTableElements?: number,
): Uint8Array<ArrayBuffer> =>
  atOnce(edited(binary, limitEdits(binary, module, maxPages, maxTableElements)));

const rich = guest({
  imports: {
    'env.abort': '(i32, i32, i32, i32) -> ()',
    'env.base': [3, 0x7f, 0],
    'env.oops': [4, 0, 0],
  },
  functions: {
    on_open: [get(0), i32(0), i32(5), call('send'), drop],
    on_close: [tryCatchAll([throws(1), i32(0), i32(0), i32(0), memoryCopy])],
    through: { type: '(i32) -> (i32, i64)', body: [get(0), 0x42, 1] },
    indirect: [i32(0), callIndirect('() -> ()')],
    started: { body: [], export: false },
  },
  start: 'started',
  tables: [{ min: 2, max: 9 }, { min: 3 }],
  elements: ['started', 'indirect'],
  memory: { min: 1, max: 300 },
  tags: 1,
  data: [{ at: 16, bytes: 'hello' }],
});

/** True when it was read; anything but a BinaryError fails the test. */
function reads(binary: Uint8Array): boolean {
  try {
    parseModule(binary);
    return true;
  } catch (thrown) {
    if (thrown instanceof BinaryError) return false;
    throw thrown;
  }
}

const refusalOf = (binary: Uint8Array): string => {
  try {
    parseModule(binary);
  } catch (thrown) {
    if (thrown instanceof BinaryError) return `${thrown.rule}: ${thrown.message}`;
    throw thrown;
  }
  return 'read';
};

test('the sections that a loader judges are read', (t) => {
  t.true(WebAssembly.validate(rich));
  const parsed = parseModule(rich);
  t.deepEqual(
    parsed.imports.map(({ module, name, kind }) => [module, name, kind]),
    [
      ['env', 'abort', 'function'],
      ['env', 'base', 'global'],
      ['env', 'oops', 'tag'],
      ['wasmpoll', 'send', 'function'],
    ],
  );
  t.is(parsed.functions.length, 10);
  t.deepEqual(
    parsed.tables.map(({ elementType, limits }) => [elementType, limits.minimum, limits.maximum]),
    [
      [0x70, 2, 9],
      [0x70, 3, null],
    ],
  );
  t.deepEqual(
    parsed.memories.map(({ minimum, maximum, shared }) => [minimum, maximum, shared]),
    [[1, 300, false]],
  );
  t.is(parsed.start, 9);
  t.is(parsed.tags.length, 1);
  const through = parsed.exports.find((item) => item.name === 'through');
  t.is(through?.kind, 'function');
  t.is(signatureOf(functionType(rich, parsed, through!.index)), '(i32) -> (i32, i64)');
});

const garbage: [title: string, binary: Uint8Array, refusal: RegExp][] = [
  [
    'an integer that is too long',
    rawModule([5, 0x86, 0x80, 0x80, 0x80, 0x80, 0]),
    /^malformed: .*32 bits/,
  ],
  [
    'an integer with unused bits',
    rawModule([5, 0xff, 0xff, 0xff, 0xff, 0x1f]),
    /^malformed: .*32 bits/,
  ],
  [
    'a section that goes past the file',
    rawModule([5, 9, 1, 0]),
    /^truncated: 9 bytes expected, 2 left/,
  ],
  [
    'a vector that goes past its section',
    rawModule(section(5, [2, 0, 1])),
    /^malformed: 1 bytes exp/,
  ],
  [
    'a section twice',
    rawModule(section(5, [0]), section(5, [0])),
    /^malformed: the memory section twice/,
  ],
  [
    'sections out of order',
    rawModule(section(6, [0]), section(13, [0])),
    /^malformed: the tag section/,
  ],
  [
    'a name that is not UTF-8',
    rawModule(section(7, [1, 2, 0xc0, 0x80, 0, 0])),
    /^malformed: a name/,
  ],
  [
    'a name with half a surrogate pair',
    rawModule(section(7, [1, 3, 0xed, 0xa0, 0x80, 0, 0])),
    /^malformed: a name/,
  ],
  ['an unknown kind', rawModule(section(7, [1, ...name('x'), 5, 0])), /^unsupported: kind 5/],
  [
    'an unknown value type',
    rawModule(section(1, [1, 0x60, 1, 0x40, 0])),
    /^unsupported: value type 40/,
  ],
  ['an unknown type form', rawModule(section(1, [1, 0x5d, 0])), /^unsupported: type form 5d/],
  [
    'unknown flags of limits',
    rawModule(section(5, [1, 0x10, 0])),
    /^unsupported: limits with flags 10/,
  ],
  ['an unknown tag attribute', rawModule(section(13, [1, 1, 0])), /^unsupported: tag attribute 1/],
  [
    "a call in a table's initializer",
    rawModule(section(4, [1, 0x40, 0, 0x70, 0, 1, 0x10, 0, 0x0b])),
    /^unsupported: constant instruction 10/,
  ],
  [
    'a function whose type is missing',
    rawModule(section(3, [1, 7])),
    /^malformed: a function has type 7/,
  ],
  [
    'a function whose type is a struct',
    rawModule(section(1, [1, 0x5f, 0]), section(3, [1, 0])),
    /^malformed: a function has type 0/,
  ],
  [
    'an exported function that is missing',
    rawModule(section(7, [1, ...name('f'), 0, 3])),
    /^malformed: export 'f' is function 3/,
  ],
  [
    'too many parameters',
    rawModule(section(1, [1, 0x60, ...leb(1001)])),
    /^too many: 1001 parameters/,
  ],
  [
    'too many types in one group',
    rawModule(section(1, [1, 0x4e, ...leb(5001)])),
    /^too many: 5001 types/,
  ],
];

for (const [title, binary, refusal] of garbage) {
  test(`refuses ${title}`, (t) => {
    t.regex(refusalOf(binary), refusal);
    t.false(WebAssembly.validate(binary as Uint8Array<ArrayBuffer>));
  });
}

// The number is the oldest V8 that takes it; with an older one it only has to be read.
const REF_NULL_0 = [0x63, 0];
const forms: [title: string, sinceV8: number, binary: Uint8Array<ArrayBuffer>][] = [
  [
    'several results and reference types',
    0,
    rawModule(section(1, vector([typeBytes('(externref, funcref, v128) -> (i32, f64)')]))),
  ],
  [
    'recursive, sub, struct and array types',
    12,
    rawModule(
      section(1, [
        ...leb(4),
        0x4e,
        2,
        0x50,
        0,
        0x5f,
        2,
        ...REF_NULL_0,
        1,
        0x78,
        0,
        0x4f,
        1,
        0,
        0x5f,
        3,
        ...REF_NULL_0,
        1,
        0x78,
        0,
        0x6e,
        0,
        0x5e,
        0x77,
        1,
        0x60,
        1,
        0x64,
        0x70,
        1,
        0x63,
        0x6b,
        0x60,
        0,
        0,
      ]),
    ),
  ],
  ['an empty recursive group', 12, rawModule(section(1, [1, 0x4e, 0]))],
  [
    'a table with an initializer',
    12,
    rawModule(
      section(1, [1, 0x60, 0, 0]),
      section(3, [1, 0]),
      section(4, [1, 0x40, 0, 0x64, 0x70, 0, 1, 0xd2, 0, 0x0b]),
      section(10, [1, 2, 0, 0x0b]),
    ),
  ],
  [
    'a table initialized with a new struct',
    12,
    rawModule(
      section(1, [1, 0x5f, 1, 0x7e, 0]),
      section(4, [1, 0x40, 0, 0x64, 0, 0, 1, 0x42, 1, 0x42, 0x7f, 0x7c, 0xfb, 0, 0, 0x0b]),
    ),
  ],
  [
    'a table initialized with a new array',
    12,
    rawModule(
      section(1, [1, 0x5e, 0x7c, 0]),
      section(4, [1, 0x40, 0, 0x64, 0, 0, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb, 8, 0, 1, 0x0b]),
    ),
  ],
  [
    'a table initialized with an i31',
    12,
    rawModule(section(4, [1, 0x40, 0, 0x6e, 0, 1, 0x41, 0xff, 0x7e, 0xfb, 0x1c, 0x0b])),
  ],
  [
    'a table initialized with null',
    12,
    rawModule(section(4, [1, 0x40, 0, 0x6f, 1, 1, 2, 0xd0, 0x6f, 0x0b])),
  ],
  ['a 64-bit memory', 13, rawModule(section(5, [1, 4, 1]))],
  ['a 64-bit table', 13, rawModule(section(4, [1, 0x70, 5, 1, 2]))],
  ['a shared memory', 0, rawModule(section(5, [1, 3, 1, 2]))],
  ['two memories', 12, rawModule(section(5, [2, 0, 1, 1, 1, 2]))],
  [
    'tags between memories and globals',
    0,
    rawModule(section(1, [1, 0x60, 1, 0x7f, 0]), section(13, [1, 0, 0]), section(6, [0])),
  ],
  [
    'a data count before the code',
    0,
    rawModule(section(9, [0]), section(12, [0]), section(10, [0]), section(11, [0])),
  ],
  [
    'integers with padding',
    0,
    rawModule([5, 0x87, 0x80, 0x80, 0x80, 0, 0x81, 0, 0, 0x81, 0x80, 0x80, 0]),
  ],
  [
    'custom sections anywhere',
    0,
    rawModule(section(0, name('a')), section(5, [0]), section(0, name('b'))),
  ],
  [
    'a name that begins with a byte order mark',
    0,
    rawModule(section(5, [1, 0, 1]), section(7, [1, ...name('\ufeffm'), 2, 0])),
  ],
];
const v8 = Number.parseInt(process.versions.v8, 10);

for (const [title, sinceV8, binary] of forms) {
  test(`reads ${title}, as the engine does`, (t) => {
    if (v8 >= sinceV8) t.true(WebAssembly.validate(binary));
    t.is(refusalOf(binary), 'read');
    t.deepEqual(
      withMemoryMaximum(binary, parseModule(binary), 65_536).slice(0, 8),
      binary.slice(0, 8),
    );
  });
}

test('a byte order mark is part of a name', (t) => {
  const [, , binary] = forms.at(-1)!;
  t.is(
    parseModule(binary).exports[0]?.name,
    WebAssembly.Module.exports(new WebAssembly.Module(binary))[0]?.name,
  );
});

test('a module cut short at any byte is read or refused, never anything else', (t) => {
  for (let length = 0; length < rich.length; length += 1) reads(rich.subarray(0, length));
  t.true(reads(rich));
});

const samples = [rich, ...forms.map(([, , binary]) => binary)];

// The engine's own refusals differ between versions; only its acceptance binds the reader.
test('every byte of every form, changed to any value: what the engine accepts is read', (t) => {
  let accepted = 0;
  for (const sample of samples.slice(1)) {
    for (let at = 8; at < sample.length; at += 1) {
      for (let value = 0; value < 256; value += 1) {
        const binary = sample.slice();
        binary[at] = value;
        if (WebAssembly.validate(binary)) {
          accepted += 1;
          if (!reads(binary)) t.fail(`${refusalOf(binary)}: ${binary}`);
        } else reads(binary);
      }
    }
  }
  t.true(accepted > samples.length);
});

const damaged = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
  )
  .map(([sample, changes]) => {
    const binary = sample.slice();
    for (const [at, value] of changes) binary[8 + (at % (binary.length - 8))] = value;
    return binary;
  });

test('any damage: what the engine accepts is read, and still accepted with limits imposed', (t) => {
  fc.assert(
    fc.property(damaged, (binary) => {
      const read = reads(binary);
      if (!WebAssembly.validate(binary)) return;
      t.true(read);
      const parsed = parseModule(binary);
      const before = binary.slice();
      const limited = withMemoryMaximum(binary, parsed, 65_536, 10_000_000);
      t.deepEqual(binary, before);
      t.true(WebAssembly.validate(limited));
      for (const { maximum } of parseModule(limited).memories) t.true(maximum! <= 65_536);
    }),
    { numRuns: 5000, seed: 1 },
  );
  t.pass();
});

test('any bytes after the header are read or refused', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      reads(rawModule([...bytes]));
    }),
    { numRuns: 5000, seed: 1 },
  );
  t.pass();
});

test('the lower of the declared and the imposed maximum counts', (t) => {
  const maximum = (max: number | undefined, maxPages: number) => {
    const binary = assemble({ memory: max === undefined ? { min: 1 } : { min: 1, max } });
    const limited = withMemoryMaximum(binary, parseModule(binary), maxPages);
    t.true(WebAssembly.validate(limited));
    return parseModule(limited).memories[0]?.maximum;
  };
  t.is(maximum(undefined, 200), 200);
  t.is(maximum(100, 200), 100);
  t.is(maximum(300, 200), 200);
  t.is(maximum(undefined, 65_536), 65_536);
});

test('imposing limits changes two sections and no other byte', (t) => {
  const parsed = parseModule(rich);
  const limited = withMemoryMaximum(rich, parsed, 200, 100);
  const after = parseModule(limited);
  t.deepEqual(
    after.tables.map(({ limits }) => limits.maximum),
    [9, 91],
  );
  t.deepEqual([...after.sections.keys()], [...parsed.sections.keys()]);
  for (const [id, { start, end }] of parsed.sections) {
    if (id === 4 || id === 5) continue;
    const now = after.sections.get(id)!;
    t.deepEqual(limited.slice(now.start, now.end), rich.slice(start, end));
  }
});

test('a module without a memory is only copied', (t) => {
  const binary = rawModule(section(1, [0]));
  const copy = withMemoryMaximum(binary, parseModule(binary), 1, 1);
  t.deepEqual(copy, binary);
  t.not(copy, binary);
});

test('a minimum over the imposed maximum is left for the engine to refuse', (t) => {
  const binary = assemble({ memory: { min: 3 }, tables: [{ min: 3 }] });
  t.false(WebAssembly.validate(withMemoryMaximum(binary, parseModule(binary), 2)));
  t.false(WebAssembly.validate(withMemoryMaximum(binary, parseModule(binary), 3, 2)));
});

// No clock: a reader that is not linear would run into the time limit of the test runner.
test('as much as there may be is read', (t) => {
  const many = (count: number, id: number, item: number[]) => {
    const [head, size] = [leb(count), item.length];
    const content = new Uint8Array(head.length + count * size);
    content.set(head);
    for (let at = head.length; at < content.length; at += size) content.set(item, at);
    return join(Uint8Array.of(id, ...leb(content.length)), content);
  };
  const binary = join(
    rawModule(),
    many(5_000, 1, typeBytes('(i32) -> i32')),
    many(10_000, 2, [...name('m'), ...name('n'), 0, 5]),
    many(640_000, 3, [7]),
    many(100, 4, [0x70, 0, 1]),
    many(10_000, 7, [...name('f'), 0, 9]),
  );
  const parsed = parseModule(binary);
  t.is(parsed.functions.length, 650_000);
  t.is(parsed.exports.length, 10_000);
  const limited = parseModule(withMemoryMaximum(binary, parsed, 1, 105));
  t.is(limited.tables[0]?.limits.maximum, 6);
  t.is(limited.tables[1]?.limits.maximum, 1);
});

function join(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
