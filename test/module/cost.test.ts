// What functions cost to compile: each kind of instruction is counted, and bodies are read as the engine
// reads them.

import test from 'ava';
import { parseModule } from '../../host/module/binary.ts';
import { type Costs, scanBodies } from '../../host/module/cost/bodies.ts';
import { countElements } from '../../host/module/cost/elements.ts';
import { BinaryError, type BinaryRule } from '../../host/module/reader.ts';
import { atOnce } from '../../host/module/slices.ts';
import { compiledGuest, echoModule, linesModule } from '../helpers/guests.ts';
import { assemble, type Code, call, end, i32, leb, rawModule, section } from '../helpers/wasm.ts';

const scan = (binary: Uint8Array): Costs => atOnce(scanBodies(binary, parseModule(binary)));

const LOCALS = 1000;
const VALUES = 8;
const params = Array(VALUES).fill('i32').join(', ');

function costOf(body: Code, locals = LOCALS): number {
  const binary = assemble({
    memory: { min: 1 },
    tables: [{ min: 1 }],
    globals: { g: 0 },
    tags: ['(i32) -> ()'],
    functions: {
      f: { locals: Array(locals).fill('i32'), body },
      many: { type: `(${params}) -> (${params})`, body: [0x00] },
    },
  });
  if (!WebAssembly.validate(binary)) throw new Error('the body is not valid');
  return scan(binary).cost;
}

const times = (count: number, ...code: Code): Code => Array(count).fill(code);
const condition: Code = [0x3f, 0];

/** A body of an instruction that is there `count` times; at least so many units each. */
const kinds: [title: string, body: (count: number) => Code, units: number][] = [
  ['block', (n) => [times(n, 0x02, 0x40), times(n, end)], LOCALS],
  ['loop', (n) => [times(n, 0x03, 0x40), times(n, end)], LOCALS],
  ['if', (n) => [times(n, condition, 0x04, 0x40), times(n, end)], 2 * LOCALS],
  ['else', (n) => times(n, condition, 0x04, 0x40, 0x05, end), 3 * LOCALS],
  ['try and catch_all', (n) => times(n, 0x06, 0x40, 0x19, end), 2 * LOCALS],
  ['catch', (n) => times(n, 0x06, 0x40, 0x07, 0, 0x1a, end), 2 * LOCALS],
  ['delegate', (n) => [times(n, 0x06, 0x40), times(n, 0x18, 0)], LOCALS],
  ['br_if', (n) => times(n, condition, 0x0d, 0), LOCALS / 4],
  ['a call', (n) => times(n, call('f')), LOCALS / 8],
  [
    'the values of a call',
    (n) => [times(VALUES, i32(1)), times(n, call('many')), times(VALUES, 0x1a)],
    LOCALS / 8 + 2 * VALUES * 8,
  ],
  ['memory.grow', (n) => times(n, i32(0), 0x40, 0, 0x1a), LOCALS / 8 + 64],
  ['memory.fill', (n) => times(n, times(3, i32(0)), 0xfc, 11, 0), LOCALS / 8 + 64],
  ['a division', (n) => times(n, i32(1), i32(1), 0x6d, 0x1a), 64],
];

for (const [title, body, units] of kinds) {
  test(`counted: ${title}`, (t) => {
    const each = (costOf(body(200)) - costOf(body(100))) / 100;
    t.true(each >= units && each < units + 700, `${each} for ${units}`);
  });
}

test('a local counts where it is declared', (t) => {
  t.true(costOf([], 2000) - costOf([], 1000) >= 1000);
});

test('the elements of every kind of segment are counted', (t) => {
  const [at, two, expressions] = [
    [0x41, 0, 0x0b],
    [2, 0, 0],
    [2, 0xd2, 0, 0x0b, 0xd2, 0, 0x0b],
  ];
  const segments = [
    [0, ...at, ...two],
    [1, 0, ...two],
    [2, 0, ...at, 0, ...two],
    [3, 0, ...two],
    [4, ...at, ...expressions],
    [5, 0x70, ...expressions],
    [6, 0, ...at, 0x70, ...expressions],
    [7, 0x70, ...expressions],
  ];
  const withSegments = (...list: number[][]): Uint8Array<ArrayBuffer> =>
    rawModule(
      section(1, [1, 0x60, 0, 0]),
      section(3, [1, 0]),
      section(4, [1, 0x70, 0, 4]),
      section(9, [list.length, ...list.flat()]),
      section(10, [1, 2, 0, 0x0b]),
    );
  const count = (binary: Uint8Array): number => atOnce(countElements(binary, parseModule(binary)));
  for (const segment of segments) {
    t.true(WebAssembly.validate(withSegments(segment)));
    t.is(count(withSegments(segment)), 2);
  }
  t.is(count(withSegments(...segments)), 16);
  t.is(count(rawModule()), 0);
  const error = t.throws(() => count(withSegments([8, 0])), { instanceOf: BinaryError });
  t.is(error?.rule, 'unsupported');
});

test('operands count as locals do', (t) => {
  const body = (operands: number): Code => [
    times(operands, i32(1)),
    times(100, 0x02, 0x40, end),
    times(operands, 0x1a),
  ];
  t.true(costOf(body(1000), 0) - costOf(body(0), 0) >= 100 * 1000);
});

test('a local that a loop assigns counts for every branch back', (t) => {
  const body = (assigned: number): Code => [
    [0x03, 0x40],
    Array.from({ length: assigned }, (_, index) => [condition, 0x21, ...leb(index)]),
    [times(100, condition, 0x45, 0x0d, 0), end],
  ];
  t.true(costOf(body(500)) - costOf(body(0)) >= 100 * 500 * 9);
});

test('every target of a branch table counts', (t) => {
  const body = (targets: number): Code => [
    times(100, 0x02, 0x40),
    [condition, 0x0e, ...leb(targets), Array.from({ length: targets + 1 }, (_, at) => at)],
    times(100, end),
  ];
  t.true(costOf(body(99)) - costOf(body(9)) >= (90 * LOCALS) / 4);
});

test('what cannot be reached does not make a stack that is not there', (t) => {
  const body: Code = [
    [0x02, 0x40, 0x00],
    times(1000, 0x6a, 0x1a),
    end,
    times(100, 0x02, 0x40, end),
  ];
  t.true(costOf(body) < costOf(times(100, 0x02, 0x40, end)) + 1000 * 20);
});

test('the bodies of real modules are read to their ends', (t) => {
  for (const binary of [echoModule(), linesModule(), compiledGuest('chaos')]) {
    const { cost, total, worst } = scan(binary);
    t.true(worst >= 0 && cost > 0 && total >= cost && total < 32 * binary.length);
  }
});

test('each vector instruction and each other one with a prefix is as long as the engine says', (t) => {
  // Operands from an unreachable place: every type will do.
  const body = (code: Code): Uint8Array =>
    assemble({ memory: { min: 1 }, tables: [{ min: 1 }], functions: { f: [0x00, code, 0x00] } });
  const tails: Code[] = [[], [0], [0, 0], [0, 0, 0], Array(16).fill(0)];
  let known = 0;
  for (const [prefix, most] of [
    [0xfc, 17],
    [0xfd, 255],
    [0xfe, 78],
  ] as const) {
    for (let opcode = 0; opcode <= most; opcode += 1) {
      const tail = tails.find((bytes) =>
        WebAssembly.validate(body([prefix, ...leb(opcode), bytes]) as Uint8Array<ArrayBuffer>),
      );
      if (tail === undefined) continue;
      known += 1;
      const shown = `${prefix.toString(16)} ${opcode}`;
      const binary = body([prefix, ...leb(opcode), tail]);
      t.notThrows(() => scan(binary), shown);
      // `unreachable` and `end` follow: were the instruction taken for longer, they would be missing.
      const without = scan(body([])).cost;
      t.true(scan(binary).cost >= without + 8, shown);
    }
  }
  t.true(known > 290, `${known}`);
});

test('an instruction that nobody knows is refused, and a body that ends inside one', (t) => {
  const withBody = (...body: number[]): Uint8Array =>
    rawModule(
      section(1, [1, 0x60, 0, 0]),
      section(3, [1, 0]),
      section(10, [1, ...leb(body.length), ...body]),
    );
  const refused = (binary: Uint8Array, rule: BinaryRule): void => {
    const error = t.throws(() => scan(binary), { instanceOf: BinaryError });
    t.is(error?.rule, rule);
  };
  refused(withBody(0, 0x17, 0x0b), 'unsupported');
  refused(withBody(0, 0xfd, 0x99, 0x10, 0x0b), 'unsupported');
  refused(withBody(0, 0x43, 0, 0x0b), 'malformed');
});

test('a scan stops between two portions of a long body', (t) => {
  const binary = assemble({ functions: { f: times(50_000, i32(1), 0x1a) } });
  const steps = scanBodies(binary, parseModule(binary));
  let portions = 0;
  while (steps.next().done !== true) portions += 1;
  t.true(portions >= 2, `${portions}`);
});
