// Guests with as many parts of one kind as the loader lets through: what it takes to judge, compile and
// start them is the most that any module can take. Each is valid, and is served.

import { bytes, nameOf, repeat, sectionOf, vectorOf, withLength } from './hostile-modules.ts';
import { leb, name } from './wasm.ts';

const END = 0x0b;
const [I32, F64, FUNCTION] = [0x7f, 0x7c, 0x60];

interface Parts {
  /** Types beside those of the guest interface, as they stand in the file. */
  readonly types?: readonly Uint8Array[];
  /** So many times `now` is imported. */
  readonly imports?: number;
  /** Functions that do nothing, and the type of each; all of type 0 if not said. */
  readonly functions?: number;
  readonly typeOf?: (index: number) => number;
  /** Whether each of them has a name, and is exported. */
  readonly named?: boolean;
  readonly exported?: boolean;
  readonly tables?: number;
  readonly tags?: number;
  /** Elements in an active segment. */
  readonly elements?: number;
  readonly dataBytes?: number;
  readonly codeBytes?: number;
}

const FIRST_TYPE = 4;
const INTERFACE_TYPES = [
  [FUNCTION, 0, 0],
  [FUNCTION, 1, I32, 1, I32],
  [FUNCTION, 4, I32, I32, I32, I32, 1, I32],
  [FUNCTION, 0, 1, F64],
].map((type) => Uint8Array.from(type));
const OWN_FUNCTIONS = 3;

function guestOf(parts: Parts): Uint8Array<ArrayBuffer> {
  const { imports = 0, functions = 0, typeOf = () => 0, tables = 0, tags = 0 } = parts;
  const { elements = 0, dataBytes = 0, codeBytes = 0 } = parts;
  const all = (write: (index: number) => readonly number[]): Buffer =>
    Buffer.from(Array.from({ length: functions }, (_, index) => write(index)).flat());
  const first = imports + OWN_FUNCTIONS;
  const optional = (id: number, content: Uint8Array, count: number): Uint8Array =>
    count === 0 ? new Uint8Array() : sectionOf(id, content);
  const exported: [string, number, number][] = [
    ['memory', 2, 0],
    ['wasmpoll_abi_1', 0, imports],
    ['allocate', 0, imports + 1],
    ['on_data', 0, imports + 2],
  ];
  if (parts.exported === true) {
    for (let index = 0; index < functions; index += 1)
      exported.push([`e${index}`, 0, first + index]);
  }
  const many = codeBytes === 0 ? Buffer.alloc(0) : repeat(codeBytes / 3, 0x41, 0, 0x1a);
  const own = [
    bytes([0], many, [END]),
    bytes([0, 0x23, 0, 0x23, 0, 0x20, 0, 0x41, 15, 0x6a, 0x41], [0x70, 0x71, 0x6a, 0x24, 0, END]),
    bytes([0, 0x20, 3, END]),
  ];
  const names = all((index) => [...leb(first + index), 1, 0x61]);
  const list = bytes([1], withLength(bytes(leb(functions), names)));
  return Uint8Array.from(
    bytes(
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      sectionOf(1, vectorOf([...INTERFACE_TYPES, ...(parts.types ?? [])])),
      optional(
        2,
        bytes(leb(imports), repeat(imports, ...name('wasmpoll'), ...name('now'), 0, 3)),
        imports,
      ),
      sectionOf(
        3,
        bytes(
          leb(OWN_FUNCTIONS + functions),
          [0, 1, 2],
          all((at) => leb(typeOf(at))),
        ),
      ),
      optional(
        4,
        bytes(leb(tables), repeat(tables, 0x70, 0, ...leb(tables === 1 ? elements : 0))),
        tables,
      ),
      sectionOf(5, bytes([1, 0, 16])),
      optional(13, bytes(leb(tags), repeat(tags, 0, 0)), tags),
      sectionOf(6, bytes([1, I32, 1, 0x41, 0x80, 0x08, END])),
      sectionOf(
        7,
        vectorOf(exported.map(([text, kind, at]) => bytes(nameOf(text), [kind, ...leb(at)]))),
      ),
      optional(9, bytes([1, 0, 0x41, 0, END], leb(elements), Buffer.alloc(elements)), elements),
      optional(12, Uint8Array.of(1), dataBytes),
      sectionOf(
        10,
        bytes(leb(OWN_FUNCTIONS + functions), ...own.map(withLength), repeat(functions, 2, 0, END)),
      ),
      optional(11, bytes([1, 1], withLength(Buffer.alloc(dataBytes, 0xa5))), dataBytes),
      parts.named === true ? sectionOf(0, bytes(name('name'), list)) : [],
    ),
  );
}

/** A type of so many parameters, which differs from that of any other index below 2^parameters. */
const typeNumber = (index: number, parameters: number): Uint8Array =>
  bytes(
    [FUNCTION, ...leb(parameters)],
    Array.from({ length: parameters }, (_, bit) =>
      Math.floor(index / 2 ** bit) % 2 === 0 ? I32 : F64,
    ),
    [0],
  );

const types = (count: number, parameters: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => typeNumber(index, parameters));

const TYPES = 5000 - FIRST_TYPE;
const EXPORTED = 10_000 - 4;

export const extremes: readonly (readonly [title: string, build: () => Uint8Array<ArrayBuffer>])[] =
  [
    ['650,000 functions', () => guestOf({ functions: 650_000 - OWN_FUNCTIONS })],
    ['600,000 functions with names', () => guestOf({ functions: 600_000, named: true })],
    ['5,000 types of 45 parameters', () => guestOf({ types: types(TYPES, 45) })],
    [
      '10,000 exported functions of 5,000 types',
      () =>
        guestOf({
          types: types(TYPES, 45),
          functions: EXPORTED,
          typeOf: (index) => FIRST_TYPE + (index % TYPES),
          exported: true,
        }),
    ],
    ['10,000 imports', () => guestOf({ imports: 10_000 })],
    ['100 tables and 1,000 tags', () => guestOf({ tables: 100, tags: 1000 })],
    ['100,000 elements', () => guestOf({ tables: 1, elements: 100_000 })],
    ['48 MB of data', () => guestOf({ dataBytes: 48_000_000 })],
    ['300,000 instructions in one function', () => guestOf({ codeBytes: 900_000 })],
  ];
