// Elements: how many the element segments of a module list. An engine writes those of active segments into
// the tables whenever an instance starts. It knows no limit, and not what an element is.

import { each, type ParsedModule, SECTIONS } from '../binary.ts';
import { Reader } from '../reader.ts';
import { PORTION_BYTES } from '../slices.ts';

const ELEMENT = SECTIONS.indexOf('element');

// Bits of a segment's flags (webassembly.github.io/spec/core/binary/modules.html#element-section).
const NOT_ACTIVE = 1;
const OTHER_TABLE = 2;
const EXPRESSIONS = 4;

/**
 * Counts what all segments list; yields after each portion.
 * @throws BinaryError when a segment cannot be read
 */
export function* countElements(binary: Uint8Array, module: ParsedModule): Generator<void, number> {
  const section = module.sections.get(ELEMENT);
  if (section === undefined) return 0;
  const reader = new Reader(binary, section.start, section.end, 'element');
  let total = 0;
  yield* each(reader, 'segments', () => {
    const flags = reader.u32();
    if (flags > (NOT_ACTIVE | OTHER_TABLE | EXPRESSIONS)) {
      throw reader.error('unsupported', `an element segment with flags ${flags}`);
    }
    if ((flags & NOT_ACTIVE) === 0) {
      if ((flags & OTHER_TABLE) !== 0) reader.u32();
      reader.constantExpression();
    }
    if ((flags & (NOT_ACTIVE | OTHER_TABLE)) !== 0) readType(reader, flags);
    const count = reader.u32();
    total += count;
    return listed(reader, count, flags);
  });
  return total;
}

/** The type of the elements, or how they are to be understood: 0 for functions. */
function readType(reader: Reader, flags: number): void {
  if ((flags & EXPRESSIONS) !== 0) reader.valueType();
  else reader.byte();
}

function* listed(reader: Reader, count: number, flags: number): Generator<void, void> {
  let portion = reader.at + PORTION_BYTES;
  for (let left = count; left > 0; left -= 1) {
    if ((flags & EXPRESSIONS) !== 0) reader.constantExpression();
    else reader.u32();
    if (reader.at < portion) continue;
    portion = reader.at + PORTION_BYTES;
    yield;
  }
}
