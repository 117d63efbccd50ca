// Topics: which names may be topics and patterns as MQTT has them, and which patterns comprise which. It knows
// bytes only, and no members.

import { Bytes } from './bytes';

const SLASH: u8 = 0x2f;
const PLUS: i32 = 0x2b;
const HASH: i32 = 0x23;
const DOLLAR: i32 = 0x24;

/** Whether it is UTF-8 without U+0000 and wildcards, and not empty. */
export function isTopic(name: Bytes): boolean {
  return isName(name) && name.find(<u8>PLUS) < 0 && name.find(<u8>HASH) < 0;
}

/** Whether it is a topic, or one whose wildcards are whole levels, `#` the last one. */
export function isPattern(name: Bytes): boolean {
  if (!isName(name)) return false;
  for (let i = 0; i < name.length; i += 1) {
    const byte = name.byte(i);
    if (byte !== PLUS && byte !== HASH) continue;
    if (i > 0 && name.byte(i - 1) !== SLASH) return false;
    if (i + 1 < name.length && (byte === HASH || name.byte(i + 1) !== SLASH)) return false;
  }
  return true;
}

/** Whether a pattern matches all topics that another one, or a topic, stands for. */
export function covers(pattern: Bytes, other: Bytes): boolean {
  return compare(pattern, other, true);
}

/** Whether there may be a topic that both patterns match. */
export function overlaps(pattern: Bytes, other: Bytes): boolean {
  return compare(pattern, other, false);
}

function isName(name: Bytes): boolean {
  return name.length > 0 && name.find(0) < 0 && name.isUtf8();
}

const isWild = (byte: i32): boolean => byte === PLUS || byte === HASH;

// Topics that begin with `$` are matched only by patterns that spell out their first level.
function compare(pattern: Bytes, other: Bytes, all: boolean): boolean {
  if (isWild(pattern.byte(0)) && other.byte(0) === DOLLAR) return false;
  if (!all && isWild(other.byte(0)) && pattern.byte(0) === DOLLAR) return false;
  let mine = 0;
  let its = 0;
  while (mine <= pattern.length && its <= other.length) {
    const own = pattern.byte(mine);
    const byte = other.byte(its);
    if (own === HASH) return true;
    if (byte === HASH) return !all;
    const end = endOf(pattern, mine);
    const itsEnd = endOf(other, its);
    if (own !== PLUS && (all || byte !== PLUS)) {
      if (!pattern.slice(mine, end).equals(other.slice(its, itsEnd))) return false;
    }
    mine = end + 1;
    its = itsEnd + 1;
  }
  // `a/#` matches `a`, too.
  if (its > other.length) return mine > pattern.length || pattern.byte(mine) === HASH;
  return !all && other.byte(its) === HASH;
}

function endOf(name: Bytes, from: i32): i32 {
  const found = name.find(SLASH, from);
  return found < 0 ? name.length : found;
}
