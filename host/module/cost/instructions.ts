// Instructions: how long each one is and what it does to the operand stack, as a table for a scan of
// bodies. It knows no types: a body that mixes them up is the engine's to refuse.
// Source: webassembly.github.io/spec/core/appendix/index-instructions.html, with the proposals that V8 runs.

import {
  BYTES_4,
  BYTES_8,
  BYTES_16,
  CONTROL,
  INDEX,
  LANE,
  MEMORY,
  MEMORY_LANE,
  NONE,
  PREFIX,
  TWO_INDEXES,
  TYPES,
  UNKNOWN,
} from './code-reader.ts';

/** A table of one opcode space. */
export interface Instructions {
  /** What follows the opcode. */
  readonly immediate: Uint8Array;
  /** How many operands there are more after it than before. */
  readonly effect: Int8Array;
  /** 1 where its code is long: it traps in a way of its own, or calls the engine. */
  readonly slow: Uint8Array;
}

type Row = readonly [from: number, to: number, immediate: number, effect: number];
type Range = readonly [from: number, to: number];

function table(size: number, rows: readonly Row[], slowRanges: readonly Range[]): Instructions {
  const immediate = new Uint8Array(size).fill(UNKNOWN);
  const effect = new Int8Array(size);
  const slow = new Uint8Array(size);
  for (const [from, to, kind, change] of rows) {
    immediate.fill(kind, from, to + 1);
    effect.fill(change, from, to + 1);
  }
  for (const [from, to] of slowRanges) slow.fill(1, from, to + 1);
  return { immediate, effect, slow };
}

// Divisions and remainders, conversions that trap, table.get and table.set, memory.grow, ref.func.
const SLOW: readonly Range[] = [
  [0x6d, 0x70],
  [0x7f, 0x82],
  [0xa8, 0xab],
  [0xae, 0xb1],
  [0x25, 0x26],
  [0x40, 0x40],
  [0xd2, 0xd2],
];

/** Opcodes of one byte. Later rows replace earlier ones. */
export const PLAIN = table(
  256,
  [
    [0x00, 0x1f, CONTROL, 0],
    [0x16, 0x17, UNKNOWN, 0],
    [0x1d, 0x1e, UNKNOWN, 0],
    [0x01, 0x01, NONE, 0],
    [0x1a, 0x1a, NONE, -1],
    [0x1b, 0x1b, NONE, -2],
    [0x1c, 0x1c, TYPES, -2],
    // Locals and globals; table.get and table.set.
    [0x20, 0x20, INDEX, 1],
    [0x21, 0x21, INDEX, -1],
    [0x22, 0x22, INDEX, 0],
    [0x23, 0x23, INDEX, 1],
    [0x24, 0x24, INDEX, -1],
    [0x25, 0x25, INDEX, 0],
    [0x26, 0x26, INDEX, -2],
    // Loads and stores; memory.size and memory.grow.
    [0x28, 0x35, MEMORY, 0],
    [0x36, 0x3e, MEMORY, -2],
    [0x3f, 0x3f, INDEX, 1],
    [0x40, 0x40, INDEX, 0],
    [0x41, 0x42, INDEX, 1],
    [0x43, 0x43, BYTES_4, 1],
    [0x44, 0x44, BYTES_8, 1],
    // Comparisons, arithmetic, conversions: two operands become one, but for the rows after.
    [0x45, 0xa6, NONE, -1],
    [0x45, 0x45, NONE, 0],
    [0x50, 0x50, NONE, 0],
    [0x67, 0x69, NONE, 0],
    [0x79, 0x7b, NONE, 0],
    [0x8b, 0x91, NONE, 0],
    [0x99, 0x9f, NONE, 0],
    [0xa7, 0xc4, NONE, 0],
    [0xd0, 0xd0, INDEX, 1],
    [0xd1, 0xd1, NONE, 0],
    [0xd2, 0xd2, INDEX, 1],
    [0xd3, 0xd3, NONE, -1],
    [0xd4, 0xd4, NONE, 0],
    [0xd5, 0xd6, CONTROL, 0],
    [0xfb, 0xfe, PREFIX, 0],
  ],
  SLOW,
);

// Objects of the garbage collector are refused by their types; these need none.
const REFERENCES = table(
  31,
  [
    [20, 23, INDEX, 0],
    [24, 25, CONTROL, 0],
    [26, 30, NONE, 0],
  ],
  [],
);

const BULK = table(
  18,
  [
    [0, 7, NONE, 0],
    [8, 8, TWO_INDEXES, -3],
    [9, 9, INDEX, 0],
    [10, 10, TWO_INDEXES, -3],
    [11, 11, INDEX, -3],
    [12, 12, TWO_INDEXES, -3],
    [13, 13, INDEX, 0],
    [14, 14, TWO_INDEXES, -3],
    [15, 15, INDEX, -1],
    [16, 16, INDEX, 1],
    [17, 17, INDEX, -3],
  ],
  [[0, 17]],
);

const VECTOR = table(
  276,
  [
    [0, 10, MEMORY, 0],
    [11, 11, MEMORY, -2],
    [12, 12, BYTES_16, 1],
    [13, 13, BYTES_16, -1],
    [14, 14, NONE, -1],
    [15, 20, NONE, 0],
    // Lanes: extracted (0) and replaced (−1).
    ...[21, 22, 24, 25, 27, 29, 31, 33].map((at): Row => [at, at, LANE, 0]),
    ...[23, 26, 28, 30, 32, 34].map((at): Row => [at, at, LANE, -1]),
    [35, 76, NONE, -1],
    [77, 77, NONE, 0],
    [78, 81, NONE, -1],
    [82, 82, NONE, -2],
    [83, 83, NONE, 0],
    [84, 87, MEMORY_LANE, -1],
    [88, 91, MEMORY_LANE, -2],
    [92, 93, MEMORY, 0],
    [94, 100, NONE, 0],
    [101, 102, NONE, -1],
    [103, 106, NONE, 0],
    [107, 115, NONE, -1],
    [116, 117, NONE, 0],
    [118, 121, NONE, -1],
    [122, 122, NONE, 0],
    [123, 123, NONE, -1],
    [124, 129, NONE, 0],
    [130, 130, NONE, -1],
    [131, 132, NONE, 0],
    [133, 134, NONE, -1],
    [135, 138, NONE, 0],
    [139, 147, NONE, -1],
    [148, 148, NONE, 0],
    [149, 159, NONE, -1],
    [160, 170, NONE, 0],
    [171, 191, NONE, -1],
    [192, 202, NONE, 0],
    [203, 223, NONE, -1],
    [224, 227, NONE, 0],
    [228, 235, NONE, -1],
    [236, 239, NONE, 0],
    [240, 247, NONE, -1],
    [248, 255, NONE, 0],
    // Relaxed vector instructions.
    [256, 256, NONE, -1],
    [257, 260, NONE, 0],
    [261, 268, NONE, -2],
    [269, 274, NONE, -1],
    [275, 275, NONE, -2],
  ],
  [],
);

const ATOMIC = table(
  79,
  [
    [0, 0, MEMORY, -1],
    [1, 2, MEMORY, -2],
    [3, 3, LANE, 0],
    [16, 22, MEMORY, 0],
    [23, 29, MEMORY, -2],
    [30, 71, MEMORY, -1],
    [72, 78, MEMORY, -2],
  ],
  [[0, 78]],
);

/** Opcodes after each of the bytes 0xfb to 0xfe. */
export const PREFIXED: readonly Instructions[] = [REFERENCES, BULK, VECTOR, ATOMIC];
