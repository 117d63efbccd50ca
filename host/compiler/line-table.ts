// Line table: which line of which file each instruction came from, as clang and rustc write it into a module: `.debug_line`
// of DWARF 4 and 5 (dwarfstd.org, section 6.2). It knows the encoding, and neither paths nor source maps.

/** From this address on, up to the next row's. */
export interface Row {
  /** From the beginning of the code section's content. */
  readonly address: number;
  /** As the compiler saw it; null where nothing is known. */
  readonly file: string | null;
  /** From 1; 0 if there is none. */
  readonly line: number;
  readonly column: number;
}

/** The sections by their names, without the names. */
export type DebugSections = ReadonlyMap<string, Uint8Array>;

/** @throws RangeError or Error for what cannot be read: another version, or a table that is cut short */
export function lineRows(sections: DebugSections): Row[] {
  const bytes = sections.get('.debug_line');
  const rows: Row[] = [];
  if (bytes === undefined) return rows;
  const input = new Input(bytes);
  while (input.at < bytes.length) {
    const end = input.u32() + input.at;
    const program = new Program(input, sections);
    program.run(end, rows);
    input.at = end;
  }
  return rows.sort(
    (a, b) => a.address - b.address || Number(a.file !== null) - Number(b.file !== null),
  );
}

class Input {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    this.at += 1;
    return this.#view.getUint8(this.at - 1);
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    this.at += 2;
    return this.#view.getUint16(this.at - 2, true);
  }

  u32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }

  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  }

  signed(): number {
    let value = 0;
    for (let shift = 0; ; ) {
      const byte = this.u8();
      value += (byte & 127) * 2 ** shift;
      shift += 7;
      if (byte < 128) return (byte & 64) === 0 ? value : value - 2 ** shift;
    }
  }

  text(): string {
    const end = this.#bytes.indexOf(0, this.at);
    if (end < 0) throw new RangeError('a text without an end');
    const text = new TextDecoder().decode(this.#bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }
}

// Of entries in version 5 (7.22, 7.5.6).
const CONTENT_PATH = 1;
const CONTENT_DIRECTORY = 2;
const FORM_DATA2 = 0x05;
const FORM_STRING = 0x08;
const FORM_DATA1 = 0x0b;
const FORM_STRP = 0x0e;
const FORM_UDATA = 0x0f;
const FORM_DATA16 = 0x1e;
const FORM_LINE_STRP = 0x1f;

const NAMES_OF_FORMS = new Map([
  [FORM_STRP, '.debug_str'],
  [FORM_LINE_STRP, '.debug_line_str'],
]);

// Opcodes (7.22).
const COPY = 1;
const ADVANCE_PC = 2;
const ADVANCE_LINE = 3;
const SET_FILE = 4;
const SET_COLUMN = 5;
const CONST_ADD_PC = 8;
const FIXED_ADVANCE_PC = 9;
const END_SEQUENCE = 1;
const SET_ADDRESS = 2;

/** One compilation unit. Instructions of WebAssembly have one part each, so there is no index of operations. */
class Program {
  readonly #input: Input;
  readonly #sections: DebugSections;
  readonly #start: number;
  readonly #step: number;
  readonly #lineBase: number;
  readonly #lineRange: number;
  readonly #opcodeBase: number;
  /** How many numbers each standard opcode has. */
  readonly #lengths: readonly number[];
  readonly #folders: string[] = [];
  readonly #files: string[] = [];
  #address = 0;
  #file = 1;
  #line = 1;
  #column = 0;

  constructor(input: Input, sections: DebugSections) {
    this.#input = input;
    this.#sections = sections;
    const version = input.u16();
    if (version < 2 || version > 5) throw new Error(`line tables of version ${version}`);
    // The sizes of addresses and of selectors, of which there are none.
    if (version === 5) input.at += 2;
    const length = input.u32();
    this.#start = input.at + length;
    this.#step = input.u8();
    if (version >= 4) input.u8();
    input.u8();
    this.#lineBase = input.i8();
    this.#lineRange = input.u8();
    if (this.#lineRange === 0) throw new Error('a range of no lines');
    this.#opcodeBase = input.u8();
    this.#lengths = Array.from({ length: this.#opcodeBase - 1 }, () => input.u8());
    if (version === 5) this.#readLists();
    else this.#readTexts();
  }

  #readTexts(): void {
    const input = this.#input;
    this.#folders.push('');
    for (let name = input.text(); name !== ''; name = input.text()) this.#folders.push(name);
    this.#files.push('');
    for (let name = input.text(); name !== ''; name = input.text()) {
      this.#files.push(joined(this.#folders[input.unsigned()], name));
      input.unsigned();
      input.unsigned();
    }
  }

  #readLists(): void {
    this.#folders.push(...this.#readList().map(({ path }) => path));
    const files = this.#readList();
    this.#files.push(...files.map(({ path, folder }) => joined(this.#folders[folder], path)));
  }

  #readList(): { path: string; folder: number }[] {
    const input = this.#input;
    const formats = Array.from({ length: input.u8() }, () => [input.unsigned(), input.unsigned()]);
    const count = input.unsigned();
    if (formats.length === 0 && count > 0) throw new Error('a list of nothing');
    return Array.from({ length: count }, () => {
      const entry = { path: '', folder: 0 };
      for (const [content, form] of formats) {
        const value = this.#read(form!);
        if (content === CONTENT_PATH) entry.path = String(value);
        if (content === CONTENT_DIRECTORY) entry.folder = Number(value);
      }
      return entry;
    });
  }

  #read(form: number): string | number {
    const input = this.#input;
    if (form === FORM_STRING) return input.text();
    if (form === FORM_UDATA) return input.unsigned();
    if (form === FORM_DATA1) return input.u8();
    if (form === FORM_DATA2) return input.u16();
    if (form === FORM_DATA16) {
      input.at += 16;
      return 0;
    }
    const section = NAMES_OF_FORMS.get(form);
    if (section === undefined) throw new Error(`a form of the number ${form}`);
    const texts = new Input(this.#sections.get(section) ?? new Uint8Array(0));
    texts.at = input.u32();
    return texts.text();
  }

  /** Adds its rows. */
  run(end: number, rows: Row[]): void {
    const input = this.#input;
    let sequence: Row[] = [];
    input.at = this.#start;
    while (input.at < end) {
      const opcode = input.u8();
      if (opcode >= this.#opcodeBase) {
        this.#advance(opcode);
        this.#line += this.#lineBase + ((opcode - this.#opcodeBase) % this.#lineRange);
        sequence.push(this.#row());
      } else if (opcode === COPY) sequence.push(this.#row());
      else if (opcode !== 0) this.#standard(opcode);
      else if (this.#extended()) {
        // A function that the linker has left out begins nowhere.
        const first = sequence[0]?.address ?? 0;
        if (first > 0 && first < NOWHERE) {
          for (const row of sequence) rows.push(row);
          rows.push({ address: this.#address, file: null, line: 0, column: 0 });
        }
        sequence = [];
        [this.#address, this.#file, this.#line, this.#column] = [0, 1, 1, 0];
      }
    }
  }

  #advance(opcode: number): void {
    this.#address += this.#step * Math.floor((opcode - this.#opcodeBase) / this.#lineRange);
  }

  #standard(opcode: number): void {
    const input = this.#input;
    if (opcode === ADVANCE_PC) this.#address += input.unsigned() * this.#step;
    else if (opcode === ADVANCE_LINE) this.#line += input.signed();
    else if (opcode === SET_FILE) this.#file = input.unsigned();
    else if (opcode === SET_COLUMN) this.#column = input.unsigned();
    else if (opcode === CONST_ADD_PC) this.#advance(LAST_OPCODE);
    else if (opcode === FIXED_ADVANCE_PC) this.#address += input.u16();
    else for (let count = this.#lengths[opcode - 1]!; count > 0; count -= 1) input.unsigned();
  }

  /** @returns whether a sequence ends */
  #extended(): boolean {
    const input = this.#input;
    const end = input.unsigned() + input.at;
    const opcode = input.u8();
    if (opcode === SET_ADDRESS) this.#address = input.u32();
    input.at = end;
    return opcode === END_SEQUENCE;
  }

  #row(): Row {
    const file = this.#files[this.#file] ?? null;
    return { address: this.#address, file, line: this.#line, column: this.#column };
  }
}

const LAST_OPCODE = 255;
/** Linkers write −1 or −2 for what is not there. */
const NOWHERE = 0xffff_fff0;

const joined = (folder: string | undefined, name: string): string =>
  name.startsWith('/') || folder === undefined || folder === '' ? name : `${folder}/${name}`;
