// Long doubles: numbers of 64 bits and an exponent, as C computes them on x86, and Redis with it. They are read,
// added and written to the last bit as there, but that numbers in hexadecimal are not read.

import { Bytes } from './bytes';
import { Natural } from './natural';
import { draft } from './output';

/** Longer texts are no numbers, as with Redis. */
const LONGEST: i32 = 5119;
/** Digits that count one by one; of those behind only whether there are any. */
const DIGITS: i32 = 64;
const FRACTION: i32 = 17;
const TOP: u64 = 1 << 63;
/** Of the largest number, and of the smallest that has all bits; below it is as good as nothing. */
const LARGEST: i32 = 16_320;
const SMALLEST: i32 = -16_508;
/** Decimal places of numbers that are far out of range. */
const FAR: i32 = 4960;

const ZERO: i32 = 0x30;
const POINT: i32 = 0x2e;
const PLUS: i32 = 0x2b;
const MINUS: i32 = 0x2d;
const EXPONENT: i32 = 0x65;

/** `bits` times two to the `power`; the highest bit is set, or it is zero. */
export class LongDouble {
  negative: boolean = false;
  bits: u64 = 0;
  power: i32 = 0;
  infinite: boolean = false;

  /** @returns whether the text is a number */
  read(text: Bytes): boolean {
    const first = text.byte(0);
    this.negative = first === MINUS;
    this.infinite = false;
    this.bits = 0;
    const from = first === MINUS || first === PLUS ? 1 : 0;
    const size = text.slice(from);
    if (size.like('inf') || size.like('infinity')) {
      this.infinite = true;
      return true;
    }
    return text.length <= LONGEST && readDigits(text, from) && this.fromDigits();
  }

  // `top` × 10^`scale`, which was read.
  private fromDigits(): boolean {
    if (top.bits === 0) return true;
    if (digits + scale > FAR || digits + scale < -FAR) return false;
    below.set(1);
    if (scale >= 0) top.timesTenTo(scale);
    else below.timesTenTo(-scale);
    const above = top.bits - below.bits;
    if (above > 0) below.shiftLeft(above);
    else top.shiftLeft(-above);
    let power = above - 63;
    let bits: u64 = 0;
    for (let count = 0; count < 64; top.shiftLeft(1)) {
      const one = top.compare(below) >= 0;
      if (one) top.minus(below);
      bits = (bits << 1) | <u64>one;
      // The quotient lies between a half and two.
      if (bits === 0) power -= 1;
      else count += 1;
    }
    const rest = top.compare(below);
    this.bits = bits;
    this.power = power;
    this.round(rest > 0 || (rest === 0 && more) ? 3 : rest === 0 ? 2 : 0);
    return this.power <= LARGEST && this.power >= SMALLEST;
  }

  /** @param rest what is behind the last bit: 2 is a half of it, 3 more than that */
  private round(rest: i32): void {
    if (rest < 2 || (rest === 2 && (this.bits & 1) === 0)) return;
    this.bits += 1;
    if (this.bits !== 0) return;
    this.bits = TOP;
    this.power += 1;
  }

  add(other: LongDouble): void {
    this.infinite = this.infinite || other.infinite;
    if (this.infinite || other.bits === 0) return;
    const greater =
      this.bits === 0 ||
      other.power > this.power ||
      (other.power === this.power && other.bits > this.bits);
    const large = greater ? other : this;
    const small = greater ? this : other;
    const apart = small.bits === 0 ? 0 : large.power - small.power;
    // The smaller one stands in 128 bits, aligned; what goes beyond only counts as not nothing.
    const high: u64 = apart < 64 ? small.bits >> apart : 0;
    let low: u64 = apart === 0 ? 0 : apart < 64 ? small.bits << (64 - apart) : 1;
    if (apart >= 64 && apart < 128) {
      const kept = small.bits >> (apart - 64);
      low = kept | <u64>(kept << (apart - 64) !== small.bits);
    }
    const power = large.power;
    const bits = large.bits;
    const subtracts = large.negative !== small.negative;
    this.negative = large.negative;
    this.power = power;
    if (subtracts) this.settle(bits - high - <u64>(low !== 0), 0 - low);
    else if (bits + high >= bits) this.settle(bits + high, low);
    else {
      const sum = bits + high;
      this.power += 1;
      this.settle((sum >> 1) | TOP, (sum << 63) | (low >> 1) | (low & 1));
    }
    this.infinite = this.power > LARGEST;
  }

  private settle(high: u64, low: u64): void {
    this.bits = 0;
    if ((high | low) === 0) {
      this.negative = false;
      return;
    }
    while ((high & TOP) === 0) {
      high = (high << 1) | (low >> 63);
      low <<= 1;
      this.power -= 1;
    }
    this.bits = high;
    this.round((low & TOP) === 0 ? 0 : low === TOP ? 2 : 3);
  }

  /** @returns it with 17 decimal places, without zeros at the end; a view until the next one */
  text(): Bytes {
    const places = this.toPlaces();
    written.clear();
    if (places.bits === 0) return written.uint8(ZERO).view();
    if (this.negative) written.uint8(MINUS);
    const all = digitsOf(places);
    const point = all.length - FRACTION;
    written.bytes(all.slice(0, point));
    let end = all.length;
    while (end > point && all.byte(end - 1) === ZERO) end -= 1;
    if (end > point) written.uint8(POINT).bytes(all.slice(point, end));
    return written.view();
  }

  // Times 10^17, rounded to a whole number.
  private toPlaces(): Natural {
    if (this.bits === 0 || this.power < -128) return top.set(0);
    top.set(this.bits).timesTenTo(FRACTION);
    if (this.power >= 0) return top.shiftLeft(this.power);
    let half: u32 = 0;
    let rest: u32 = 0;
    for (let i = this.power; i < 0; i += 1) {
      rest |= half;
      half = top.halve();
    }
    return half !== 0 && (rest !== 0 || top.odd) ? top.timesPlus(1, 1) : top;
  }
}

const top = new Natural();
const below = new Natural();
const written = draft();
const line = draft();
const chunks: u32[] = [];

/** How many digits `top` has, what power of ten it is to be multiplied with, and whether digits are left out. */
let digits: i32 = 0;
let scale: i32 = 0;
let more: boolean = false;

/** Reads digits, a point and an exponent up to the end. @returns whether it is that */
function readDigits(text: Bytes, from: i32): boolean {
  let at = from;
  let point = -1;
  digits = 0;
  scale = 0;
  more = false;
  top.set(0);
  for (; at < text.length; at += 1) {
    const digit = text.byte(at) - ZERO;
    if (digit >= 0 && digit <= 9) take(digit, point >= 0);
    else if (digit === POINT - ZERO && point < 0) point = at;
    else break;
  }
  if (at - from - i32(point >= 0) === 0) return false;
  if (at === text.length) return true;
  if ((text.byte(at) | 0x20) !== EXPONENT) return false;
  const signed = text.byte(at + 1) === PLUS || text.byte(at + 1) === MINUS;
  const power = text.slice(signed ? at + 2 : at + 1);
  let size = 0;
  for (let i = 0; i < power.length; i += 1) {
    const digit = power.byte(i) - ZERO;
    if (digit < 0 || digit > 9) return false;
    size = min(10 * size + digit, 3 * FAR);
  }
  scale += text.byte(at + 1) === MINUS ? -size : size;
  return power.length > 0;
}

function take(digit: i32, isFraction: boolean): void {
  if (digits === DIGITS) {
    more = more || digit !== 0;
    scale += isFraction ? 0 : 1;
    return;
  }
  if (digit !== 0 || digits > 0) {
    top.timesPlus(10, digit);
    digits += 1;
  }
  scale -= isFraction ? 1 : 0;
}

/** At least 18 of them. */
function digitsOf(number: Natural): Bytes {
  chunks.length = 0;
  while (number.bits > 0 || chunks.length < 2) chunks.push(number.takeNine());
  line.clear();
  for (let i = chunks.length - 1; i >= 0; i -= 1) {
    const isFirst = i > 1 && i === chunks.length - 1;
    let place: u32 = 100_000_000;
    while (isFirst && place > chunks[i]) place /= 10;
    for (; place > 0; place /= 10) line.uint8(((chunks[i] / place) % 10) + ZERO);
  }
  return line.view();
}
