// Figures: numbers as people read them: few digits, a unit, a width that hardly changes. It knows no page and
// no terminal.

const SI = ['', ' k', ' M', ' G', ' T', ' P', ' E'];
const BINARY = [' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB', ' EiB'];
/** Below this a count is written out. */
const WRITTEN_OUT = 100_000;
/** What stands for a number that is not known. */
export const UNKNOWN = '–';

/** Three digits, and no more than the number has: 1.23, 12.3, 123. */
function threeDigits(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let at = 0;
  let rest = value;
  // Four digits are never shown: what would be rounded to a thousand is of the next unit.
  while (rest >= 999.5 && at < units.length - 1) {
    rest /= step;
    at += 1;
  }
  const digits = at === 0 ? String(Math.round(rest)) : threeDigits(rest);
  return `${digits}${units[at]}`;
}

const known = (value: number | null | undefined): value is number =>
  value !== null && value !== undefined && Number.isFinite(value);

/** A whole number: `12,345`, and from a hundred thousand on `1.23 M`. */
export function count(value: number | null): string {
  if (!known(value)) return UNKNOWN;
  if (Math.abs(value) >= WRITTEN_OUT) return signed(value, (of) => scaled(of, 1000, SI));
  const text = String(Math.round(Math.abs(value))).replace(/(?<=\d)(?=(\d{3})+$)/g, ',');
  return value <= -0.5 ? `-${text}` : text;
}

/** Any number, as a guest's metric may be: `0.25`, `-12,345`. */
export function number(value: number | null): string {
  if (!known(value)) return UNKNOWN;
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return count(value);
  if (Math.abs(value) < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** So many a second. */
export function rate(value: number | null): string {
  if (!known(value)) return UNKNOWN;
  if (value > 0 && value < 9.95) return `${value.toFixed(1)} /s`;
  const text = value >= WRITTEN_OUT / 10 ? scaled(value, 1000, SI) : count(value);
  return text.includes(' ') ? `${text}/s` : `${text} /s`;
}

export function bytes(value: number | null): string {
  return known(value) ? signed(value, (of) => scaled(of, 1024, BINARY)) : UNKNOWN;
}

export const byteRate = (value: number | null): string =>
  known(value) ? `${bytes(value)}/s` : UNKNOWN;

/** 1 is a whole. */
export function percent(value: number | null): string {
  if (!known(value)) return UNKNOWN;
  const hundredths = value * 100;
  const few = hundredths > 0 && hundredths < 9.95;
  return `${few ? hundredths.toFixed(1) : count(hundredths)} %`;
}

/** A short time, from a tenth of a microsecond on. */
export function latency(ms: number | null): string {
  if (!known(ms)) return UNKNOWN;
  if (ms === 0) return '0 ms';
  if (ms < 0.9995) return `${threeDigits(ms * 1000)} µs`;
  if (ms < 999.5) return `${threeDigits(ms)} ms`;
  return ms < 60_000 ? `${threeDigits(ms / 1000)} s` : duration(ms);
}

const PARTS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** A long time, in its two largest units: `3 d 4 h`. */
export function duration(ms: number | null): string {
  if (!known(ms)) return UNKNOWN;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const first = PARTS.findIndex(([length]) => seconds >= length);
  if (first < 0) return '0 s';
  const [length, unit] = PARTS[first]!;
  const whole = Math.floor(seconds / length);
  const next = PARTS[first + 1];
  const rest = next === undefined ? 0 : Math.floor((seconds % length) / next[0]);
  const text = `${count(whole)} ${unit}`;
  return next === undefined || rest === 0 ? text : `${text} ${rest} ${next[1]}`;
}

function signed(value: number, show: (of: number) => string): string {
  return value < 0 ? `-${show(-value)}` : show(value);
}

/** `1 swap`, `2 swaps`. */
export const several = (value: number, word: string): string =>
  `${count(value)} ${word}${value === 1 ? '' : 's'}`;
