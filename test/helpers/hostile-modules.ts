// Guests that are made to cost the engine as much as they can: nesting, locals, operands, branch tables,
// types, globals, names. Every one is valid; some the loader must refuse.

import { leb, name } from './wasm.ts';

export const bytes = (...pieces: readonly (Uint8Array | readonly number[])[]): Buffer =>
  Buffer.concat(pieces.map((piece) => (piece instanceof Uint8Array ? piece : Buffer.from(piece))));

export const repeat = (count: number, ...code: number[]): Buffer =>
  Buffer.alloc(code.length * count, Buffer.from(code));

export const sectionOf = (id: number, content: Uint8Array): Buffer =>
  bytes([id, ...leb(content.length)], content);

export const vectorOf = (items: readonly Uint8Array[]): Buffer =>
  bytes(leb(items.length), ...items);

export const withLength = (content: Uint8Array): Buffer => bytes(leb(content.length), content);

const functionType = (params: number, results: number): Buffer =>
  bytes([0x60, ...leb(params)], repeat(params, I32), leb(results), repeat(results, I32));

const I32 = 0x7f;
const VOID = 0x40;
const END = 0x0b;
const DROP = 0x1a;
/** 0, which the engine cannot know: the memory has one page. */
const NEVER = [0x3f, 0, 0x45];

/** What on_open does. Function 5 takes and gives as many values as `arity` says. */
export interface HostileBody {
  readonly locals: number;
  readonly code: Uint8Array;
}

export interface HostileSpec {
  readonly onOpen: HostileBody;
  /** Values of function 5. */
  readonly arity?: number;
  /** So many copies of on_open, called by it one after the other. */
  readonly copies?: number;
  readonly types?: number;
  readonly globals?: number;
  /** Length of the longest name of a function, and of an export. */
  readonly nameBytes?: number;
  readonly exportBytes?: number;
}

const [MARKER, ALLOCATE, ON_DATA, ON_OPEN, MANY] = [0, 1, 2, 3, 4];
const FIRST_COPY = 5;

/** A guest with `allocate` at 1,024 and an on_data that consumes all. */
export function hostileGuest(spec: HostileSpec): Uint8Array<ArrayBuffer> {
  const { onOpen, arity = 0, copies = 0, types = 0, globals = 0 } = spec;
  const signatures = [
    [functionType(0, 0), functionType(1, 1), functionType(4, 1), functionType(2, 0)],
    [functionType(arity, arity)],
    Array.from({ length: types }, (_, index) => functionType(index % 1001, (index * 7) % 1001)),
  ].flat();
  const body = ({ locals, code }: HostileBody): Buffer =>
    withLength(bytes(locals === 0 ? [0] : [1, ...leb(locals), I32], code, [END]));
  const calls = Array.from({ length: copies }, (_, index) => [
    ...[0x41, 0, 0x41, 0],
    ...[0x10, ...leb(FIRST_COPY + index)],
  ]).flat();
  const bodies = [
    body({ locals: 0, code: Buffer.alloc(0) }),
    body({
      locals: 0,
      code: bytes([0x23, 0, 0x23, 0, 0x20, 0, 0x41, 15, 0x6a, 0x41], [0x70, 0x71, 0x6a, 0x24, 0]),
    }),
    body({ locals: 0, code: bytes([0x20, 3]) }),
    copies === 0 ? body(onOpen) : body({ locals: 0, code: Buffer.from(calls) }),
    body({ locals: 0, code: repeat(arity, 0x41, 1) }),
    ...Array<Buffer>(copies).fill(body(onOpen)),
  ];
  const exported: [string, number, number][] = [
    ['memory', 2, 0],
    ['wasmpoll_abi_1', 0, MARKER],
    ['allocate', 0, ALLOCATE],
    ['on_data', 0, ON_DATA],
    ['on_open', 0, ON_OPEN],
  ];
  if (spec.exportBytes !== undefined) exported.push(['x'.repeat(spec.exportBytes), 0, MANY]);
  const global = [I32, 1, 0x41, 0x80, 0x08, END];
  return Uint8Array.from(
    bytes(
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      sectionOf(1, vectorOf(signatures)),
      sectionOf(3, bytes(leb(bodies.length), [0, 1, 2, 3, 4], repeat(copies, 3))),
      sectionOf(5, bytes([1, 0, 16])),
      sectionOf(6, bytes(leb(globals + 1), repeat(globals + 1, ...global))),
      sectionOf(
        7,
        vectorOf(exported.map(([text, kind, index]) => bytes(nameOf(text), [kind, ...leb(index)]))),
      ),
      sectionOf(10, vectorOf(bodies)),
      spec.nameBytes === undefined ? [] : namesOf(spec.nameBytes),
    ),
  );
}

export const nameOf = (text: string): Buffer => withLength(Buffer.from(text));

function namesOf(length: number): Buffer {
  const text = nameOf('f'.repeat(length));
  const list = bytes([1, ...leb(ON_OPEN)], text);
  return sectionOf(0, bytes(name('name'), [1, ...leb(list.length)], list));
}

/** Blocks of a kind, one in the other, around some code; the stack is empty before and after. */
export function nest(kind: number, depth: number, inside: Uint8Array): Buffer {
  const open = kind === 0x04 ? [...NEVER, kind, VOID] : [kind, VOID];
  const close = kind === 0x06 ? [0x19, END] : [END];
  return bytes(repeat(depth, ...open), inside, repeat(depth, ...close));
}

/** A module of which one number or more is large. `next` gives numbers from 0 up to 1. */
export function randomHostile(next: () => number): Uint8Array<ArrayBuffer> {
  // Small numbers as often as large ones.
  const upTo = (most: number) => Math.floor((most + 1) ** next()) - (next() < 0.3 ? 1 : 0);
  const rarely = (most: number) => (next() < 0.2 ? upTo(most) : 0);
  const arity = rarely(1000);
  const locals = upTo(30_000);
  const operands = upTo(3000);
  const kinds = [0x02, 0x03, 0x04, 0x06];
  const depth = Math.max(1, upTo(5000));
  const label = () => leb(Math.min(depth - 1, upTo(depth)));
  const local = () => leb(Math.min(locals + 1, upTo(locals + 1)));
  const parts: (() => Uint8Array | number[])[] = [
    () => [0x41, 7, 0x21, ...local()],
    () => [0x3f, 0, 0x22, ...local(), DROP],
    () => [...NEVER, 0x0d, ...label()],
    () => [...NEVER, 0x04, VOID, 0x05, END],
    () => [0x3f, 0, 0x3f, 0, 0x6d, DROP],
    () => [0x3f, 0, 0x28, 2, 0, DROP],
    () => [0x43, 0, 0, 0, 0, 0xa8, DROP],
    () => [0x41, 0, 0x40, 0, DROP],
    () => [0x06, VOID, 0x10, MARKER, 0x19, END],
    () => bytes(repeat(arity, 0x41, 1), [0x10, MANY], repeat(arity, DROP)),
    () => {
      const targets = upTo(2000);
      return bytes(
        [...NEVER, 0x04, VOID, 0x3f, 0, 0x0e, ...leb(targets)],
        ...Array.from({ length: targets + 1 }, label),
        [END],
      );
    },
  ];
  // One or two kinds of code, very often.
  const chosen = Array.from(
    { length: 1 + Math.floor(next() * 2) },
    () => parts[Math.floor(next() * parts.length)]!,
  );
  const pieces: (Uint8Array | number[])[] = [];
  let size = 0;
  for (let left = upTo(20_000); left > 0 && size < 500_000; left -= 1) {
    const piece = chosen[left % chosen.length]!();
    pieces.push(piece);
    size += piece.length;
  }
  const nested = nest(kinds[Math.floor(next() * kinds.length)]!, depth, bytes(...pieces));
  const code = bytes(repeat(operands, 0x41, 1), nested, repeat(operands, DROP));
  return hostileGuest({
    onOpen: { locals, code },
    arity,
    copies: code.length < 20_000 ? rarely(200) : 0,
    types: rarely(3000),
    globals: rarely(100_000),
    ...(next() < 0.2 ? { nameBytes: upTo(5_000_000) } : {}),
    ...(next() < 0.1 ? { exportBytes: upTo(1_000_000) } : {}),
  });
}
