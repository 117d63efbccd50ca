// Topic names: names of any bytes, such as clients choose, as topics, and back. It joins and publishes nothing.

import { Bytes } from './bytes';
import { draft } from './output';

const SLASH: u32 = 0x2f;
const ESCAPE: u32 = 0x25;
const COLON: u32 = 0x3a;
const POINT: u32 = 0x2e;
const PLUS: u32 = 0x2b;
const HASH: u32 = 0x23;
/** From what is escaped to the letter that stands for it. */
const SHIFT: u32 = 0x40;

const topic = draft();
const name = draft();

/**
 * The topic of a name: a level begins at each `.`, `:` and `/` of it, and what means something in topics is escaped.
 * So `PREFIX` and the first levels of a name, with `/#` behind, is a pattern for all names that begin so.
 * @param prefix the first level, in ASCII
 * @param levels how many levels of the name are taken at most, the prefix not counted
 * @returns a view that ends with the next call
 */
export function topicOf(prefix: string, from: Bytes, levels: i32 = i32.MAX_VALUE): Bytes {
  topic.clear().text(prefix);
  if (levels === 0) return topic.view();
  topic.uint8(SLASH);
  for (let i = 0; i < from.length; i += 1) {
    const byte = <u32>from.byte(i);
    if (begins(byte)) {
      levels -= 1;
      if (levels === 0) break;
      topic.uint8(SLASH);
    }
    if (byte === SLASH || byte === ESCAPE || byte === PLUS || byte === HASH) {
      topic.uint8(ESCAPE).uint8(byte + SHIFT);
    } else topic.uint8(byte);
  }
  return topic.view();
}

/** Whether a level of a name begins with it. */
const begins = (byte: u32): boolean => byte === SLASH || byte === COLON || byte === POINT;

/** The pattern for all names that have the first `levels` levels of this one. See `topicOf`. */
export function patternOf(prefix: string, from: Bytes, levels: i32): Bytes {
  topicOf(prefix, from, levels);
  return topic.text('/#').view();
}

/** The name of a topic that `topicOf` has made. A view that ends with the next call */
export function nameOf(prefix: string, from: Bytes): Bytes {
  name.clear();
  for (let i = prefix.length + 1; i < from.length; i += 1) {
    const byte = <u32>from.byte(i);
    if (byte === ESCAPE) {
      i += 1;
      name.uint8(<u32>from.byte(i) - SHIFT);
    } else if (byte !== SLASH) name.uint8(byte);
  }
  return name.view();
}

/** How many levels a name has before an index, that in which the index lies not counted. */
export function levelsBefore(from: Bytes, index: i32): i32 {
  let levels = 0;
  for (let i = 0; i < index; i += 1) {
    if (begins(<u32>from.byte(i))) levels += 1;
  }
  return levels;
}
