// Decimal: numbers as text. It knows addresses, and no views.

const MINUS: u8 = 0x2d;
const PLUS: u8 = 0x2b;
const POINT: u8 = 0x2e;
const EXPONENT: u8 = 0x65;
const LOWER: u8 = 0x20;
const ZERO: u32 = 0x30;
const MOST: u64 = <u64>i64.MAX_VALUE;
const NINE_DIGITS: u64 = 1_000_000_000;
/** A number of so many digits fits into 64 bits. */
const SHORT_DIGITS: usize = 18;

/** The most bytes that a number of 64 bits has, with its sign. */
export const DECIMAL_BOUND: i32 = 20;

/** What `readDecimal` has read. */
export let parsed: i64 = 0;

/**
 * Reads a number of 64 bits: `-` perhaps, and digits.
 * @returns the address behind the last digit, or 0 if there is no such number
 */
export function readDecimal(at: usize, end: usize): usize {
  const negative = at < end && load<u8>(at) === MINUS;
  const start = at + <usize>negative;
  let to = start;
  let value: u64 = 0;
  for (; to < end; to += 1) {
    const digit = <u32>load<u8>(to) - ZERO;
    if (digit > 9) break;
    if (to - start >= SHORT_DIGITS && value > MOST / 10) return 0;
    value = value * 10 + <u64>digit;
  }
  if (to === start || value > MOST + <u64>negative) return 0;
  parsed = negative ? -(<i64>value) : <i64>value;
  return to;
}

/**
 * Writes a number where there is room for `DECIMAL_BOUND` bytes.
 * @returns how many they are
 */
export function writeDecimal(value: i64, target: usize): i32 {
  let at = target;
  if (value < 0) {
    store<u8>(at, MINUS);
    at += 1;
  }
  const size: u64 = value < 0 ? -value : value;
  if (size < NINE_DIGITS) return <i32>(writeFew(<u32>size, at) - target);
  const rest = size / NINE_DIGITS;
  if (rest < NINE_DIGITS) at = writeFew(<u32>rest, at);
  else {
    at = writeFew(<u32>(rest / NINE_DIGITS), at);
    writeDigits(<u32>(rest % NINE_DIGITS), at, at + 9);
    at += 9;
  }
  writeDigits(<u32>(size % NINE_DIGITS), at, at + 9);
  return <i32>(at + 9 - target);
}

/** At most nine digits, without zeros in front. @returns the address behind them */
function writeFew(value: u32, at: usize): usize {
  const end = at + <usize>digitsOf(value);
  writeDigits(value, at, end);
  return end;
}

/** How many digits a number below 10^9 has. */
function digitsOf(value: u32): i32 {
  if (value < 10_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    return value < 1000 ? 3 : 4;
  }
  if (value < 1_000_000) return value < 100_000 ? 5 : 6;
  if (value < 100_000_000) return value < 10_000_000 ? 7 : 8;
  return 9;
}

/** The last digits of a number, as many as there is room for. */
function writeDigits(value: u32, at: usize, end: usize): void {
  while (end - at >= 2) {
    const rest = value / 100;
    const pair = value - 100 * rest;
    const tens = pair / 10;
    value = rest;
    end -= 2;
    // The first digit lies in the low byte.
    store<u16>(end, (tens | ((pair - 10 * tens) << 8)) + 0x3030);
  }
  if (end > at) store<u8>(at, (value % 10) + ZERO);
}

/** Whether it is a number, as JSON has them, though zeros may be in front. */
export function isFloat(at: usize, end: usize): boolean {
  if (at < end && load<u8>(at) === MINUS) at += 1;
  let to = digits(at, end);
  if (to === at) return false;
  if (to < end && load<u8>(to) === POINT) {
    const fraction = to + 1;
    to = digits(fraction, end);
    if (to === fraction) return false;
  }
  if (to < end && (load<u8>(to) | LOWER) === EXPONENT) {
    const sign = to + 1 < end ? load<u8>(to + 1) : 0;
    const exponent = to + (sign === PLUS || sign === MINUS ? 2 : 1);
    to = digits(exponent, end);
    if (to === exponent) return false;
  }
  return to === end;
}

/** @returns the address behind the digits */
function digits(at: usize, end: usize): usize {
  while (at < end && <u32>load<u8>(at) - ZERO <= 9) at += 1;
  return at;
}

/**
 * Reads what `isFloat` has found to be a number; but for the last digit or two it is the nearest there is. The
 * compiler's own parseFloat is off by powers of ten from 1e38 on.
 */
export function readFloat(at: usize, end: usize): f64 {
  const negative = load<u8>(at) === MINUS;
  if (negative) at += 1;
  let value: u64 = 0;
  let power: i32 = 0;
  let fraction: i32 = 0;
  for (; at < end && (load<u8>(at) | LOWER) !== EXPONENT; at += 1) {
    if (load<u8>(at) === POINT) {
      fraction = 1;
      continue;
    }
    // Digits that 64 bits have no room for only make it larger.
    if (value < MOST / 10) {
      value = value * 10 + <u64>(<u32>load<u8>(at) - ZERO);
      power -= fraction;
    } else power += 1 - fraction;
  }
  if (at < end) power += readExponent(at + 1, end);
  power = min(max(power, -MOST_POWER), MOST_POWER);
  let found = scaled(<f64>value, power);
  // What is wrong with the last digits must not make the largest numbers infinite.
  if (found === Infinity && scaled(<f64>value, power - 2) < 1.79769313486234e306) {
    found = f64.MAX_VALUE;
  }
  return negative ? -found : found;
}

/** Twice as much as leads from the largest number of 64 bits to 0. */
const MOST_POWER: i32 = 1000;

function readExponent(at: usize, end: usize): i32 {
  const negative = load<u8>(at) === MINUS;
  if (negative || load<u8>(at) === PLUS) at += 1;
  let power: i32 = 0;
  for (; at < end && power < i32.MAX_VALUE / 20; at += 1) {
    power = power * 10 + <i32>(<u32>load<u8>(at) - ZERO);
  }
  return negative ? -power : power;
}

// In steps, since a power of ten may be too large, or too small, where the number is not.
function scaled(value: f64, power: i32): f64 {
  for (; power > 300; power -= 300) value *= 1e300;
  for (; power < -300; power += 300) value /= 1e300;
  return power < 0 ? value / tenTo(-power) : value * tenTo(power);
}

function tenTo(power: i32): f64 {
  let result: f64 = 1;
  for (let base: f64 = 10; power > 0; power >>= 1, base *= base) {
    if ((power & 1) !== 0) result *= base;
  }
  return result;
}
