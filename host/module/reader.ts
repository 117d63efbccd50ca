// Reads the bytes of a WebAssembly binary: integers, names, value types, limits, never past a
// section's end. It knows the encoding, and neither sections' order nor any policy.

/** Why a file cannot be read. `unsupported` is a form this reader has not been taught. */
export type BinaryRule =
  | 'empty file'
  | 'not a module'
  | 'component'
  | 'binary version'
  | 'truncated'
  | 'malformed'
  | 'unsupported'
  | 'too many';

/** The only thing that reading throws; the message says what was found and at which byte. */
export class BinaryError extends Error {
  override readonly name = 'BinaryError';
  readonly rule: BinaryRule;

  constructor(rule: BinaryRule, found: string) {
    super(found);
    this.rule = rule;
  }
}

export type Kind = 'function' | 'table' | 'memory' | 'global' | 'tag';

/** Pages of a memory or elements of a table; from 2^53 on, 64-bit numbers are approximate. */
export interface Limits {
  readonly minimum: number;
  readonly maximum: number | null;
  readonly shared: boolean;
  readonly index64: boolean;
  readonly customPageSize: boolean;
  /** Where they stand in the file: the flags, the end of the minimum, the end of both. */
  readonly at: readonly [flags: number, minimumEnd: number, end: number];
}

const KINDS: readonly Kind[] = ['function', 'table', 'memory', 'global', 'tag'];
// For some of these an engine works at one go, in the thread that loads or starts the module: V8 takes
// 0.4 s for 100,000 tables. Others it compares with each other: 100,000 types take over 10 s. In brackets
// is the most that 71 real modules have, see docs/decisions.md.
export const MOST = {
  // (662, in 8 KB)
  types: 5_000,
  'bytes of types': 250_000,
  // (619,936)
  functions: 650_000,
  // (2)
  tags: 1_000,
  // (791)
  imports: 10_000,
  // (25; 75,111 in modules for JavaScript, whose imports no interface of this host has)
  exports: 10_000,
  // (3)
  tables: 100,
  memories: 100,
  // (2)
  segments: 10_000,
  'parameters or results': 1_000,
  fields: 10_000,
  // V8 gives strings over 16,383 characters a hash by their length: many of them would take a set hours.
  // Real names have up to 701.
  'bytes of a name': 10_000,
} as const;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads one section, or the list of sections when `section` is null; never past its end. */
export class Reader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #section: string | null;

  constructor(bytes: Uint8Array, at: number, end: number, section: string | null) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
    this.#section = section;
  }

  get left(): number {
    return this.#end - this.at;
  }

  error(rule: BinaryRule, found: string): BinaryError {
    const where = this.#section === null ? '' : ` in the ${this.#section} section`;
    return new BinaryError(rule, `${found}${where}, at byte ${this.at}`);
  }

  skip(count: number): void {
    if (count > this.left) {
      const missing = `${count} bytes expected, ${this.left} left`;
      throw this.error(this.#section === null ? 'truncated' : 'malformed', missing);
    }
    this.at += count;
  }

  byte(): number {
    this.skip(1);
    return this.#bytes[this.at - 1]!;
  }

  peek(): number | undefined {
    return this.left > 0 ? this.#bytes[this.at] : undefined;
  }

  u32(): number {
    return this.unsigned(32);
  }

  /** LEB128: at most the bytes that so many bits need, and no other bits set in the last one. */
  unsigned(bits: number): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      if (shift + 7 > bits && byte >= 2 ** (bits - shift)) {
        throw this.error('malformed', `an integer of more than ${bits} bits`);
      }
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** As above, the last byte's other bits all equal to the sign; the value is not needed. */
  signed(bits: number): void {
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      if (shift + 7 >= bits) {
        const signs = 0x7f & -(2 ** (bits - shift - 1));
        if (byte < 0x80 && ((byte & signs) === 0 || (byte & signs) === signs)) return;
        throw this.error('malformed', `an integer of more than ${bits} bits`);
      }
      if (byte < 0x80) return;
    }
  }

  name(): string {
    const length = this.count('bytes of a name');
    this.skip(length);
    try {
      return utf8.decode(this.#bytes.subarray(this.at - length, this.at));
    } catch {
      throw this.error('malformed', 'a name that is not UTF-8');
    }
  }

  /** How long a vector is. */
  count(what: keyof typeof MOST): number {
    const count = this.u32();
    this.atMost(what, count);
    return count;
  }

  /** Refuses what is more than there may be. */
  atMost(what: keyof typeof MOST, count: number): void {
    if (count > MOST[what]) throw this.error('too many', `${count} ${what}, over ${MOST[what]}`);
  }

  vector(what: keyof typeof MOST, read: () => void): void {
    const count = this.count(what);
    for (let index = 0; index < count; index += 1) read();
  }

  kind(): Kind {
    const byte = this.byte();
    const kind = KINDS[byte];
    if (kind === undefined) throw this.error('unsupported', `kind ${byte}`);
    return kind;
  }

  valueTypes(): number[] {
    const types: number[] = [];
    this.vector('parameters or results', () => types.push(this.valueType()));
    return types;
  }

  valueType(): number {
    const type = this.byte();
    // (ref …) and (ref null …): a type index, or an abstract heap type as a negative number.
    if (type === 0x63 || type === 0x64) this.signed(33);
    else if (type > 0x7f || type < 0x68 || (type > 0x75 && type < 0x7b)) {
      throw this.error('unsupported', `value type ${hex([type])}`);
    }
    return type;
  }

  /** Of a struct or an array: a value type, i8 or i16, and whether it can be changed. */
  field(): void {
    if (this.peek() === 0x78 || this.peek() === 0x77) this.skip(1);
    else this.valueType();
    this.byte();
  }

  limits(): Limits {
    const at = this.at;
    const flags = this.byte();
    if (flags > 0x0f) throw this.error('unsupported', `limits with flags ${hex([flags])}`);
    const index64 = (flags & 4) !== 0;
    const minimum = this.unsigned(index64 ? 64 : 32);
    const minimumEnd = this.at;
    const maximum = (flags & 1) === 0 ? null : this.unsigned(index64 ? 64 : 32);
    return {
      ...{
        minimum,
        maximum,
        index64,
        shared: (flags & 2) !== 0,
        customPageSize: (flags & 8) !== 0,
      },
      at: [at, minimumEnd, this.at],
    };
  }

  constantExpression(): void {
    for (let opcode = this.byte(); opcode !== 0x0b; opcode = this.byte()) {
      if (opcode === 0x41) this.signed(32);
      else if (opcode === 0x42) this.signed(64);
      else if (opcode === 0x43) this.skip(4);
      else if (opcode === 0x44) this.skip(8);
      else if (opcode === 0x23 || opcode === 0xd2) this.u32();
      else if (opcode === 0xd0) this.signed(33);
      else if (opcode === 0xfb || opcode === 0xfd) this.#prefixed(opcode, this.u32());
      // i32 and i64 add, sub, mul take nothing.
      else if (![0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e].includes(opcode)) {
        throw this.error('unsupported', `constant instruction ${hex([opcode])}`);
      }
    }
  }

  #prefixed(prefix: number, opcode: number): void {
    if (prefix === 0xfd && opcode === 12) {
      this.skip(16);
    } else if (prefix === 0xfb && [0, 1, 6, 7, 8, 0x1a, 0x1b, 0x1c].includes(opcode)) {
      // struct.new, array.new and their _default forms name a type, array.new_fixed a length too;
      // any.convert_extern, extern.convert_any and ref.i31 take nothing.
      if (opcode <= 8) this.u32();
      if (opcode === 8) this.u32();
    } else throw this.error('unsupported', `constant instruction ${hex([prefix, opcode])}`);
  }
}

export const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
