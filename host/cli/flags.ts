// Flags: how settings are written on the command line. It reads and shows numbers with units, and
// derives one flag from each row of the policy table.

import { WasmpollError } from '../errors.ts';
import { checkSetting, type Policy, type SettingName, settings, type Unit } from '../policy.ts';

const UNITS: { readonly [unit in Unit]: ReadonlyMap<string, number> } = {
  bytes: new Map([
    ['B', 1],
    ['KiB', 1024],
    ['MiB', 1024 ** 2],
    ['GiB', 1024 ** 3],
  ]),
  ms: new Map([
    ['ms', 1],
    ['s', 1000],
    ['m', 60_000],
    ['h', 3_600_000],
  ]),
  count: new Map(),
};

const FORMS: { readonly [unit in Unit]: string } = {
  bytes: 'a size such as 512B, 64KiB or 8MiB',
  ms: 'a time such as 250ms, 30s, 5m or 0',
  count: 'a whole number',
};

/** The value's placeholder in --help. */
export const PLACEHOLDERS: { readonly [unit in Unit]: string } = {
  bytes: 'SIZE',
  ms: 'TIME',
  count: 'N',
};

export const settingNames = Object.keys(settings) as SettingName[];

/** `idleTimeoutMs` → `--idle-timeout`: the name without its unit, but for one that is a flag already. */
export function flagOf(name: SettingName): string {
  if (name === 'storeBytes') return '--store-bytes';
  const bare = name.replace(/(?:Bytes|Ms)$/, '');
  return `--${bare.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Reads a setting's value as written on the command line.
 * @throws WasmpollError ERR_OPTION naming the flag, the form, and the range
 */
export function parseSetting(name: SettingName, text: string): number {
  const { unit, min, max } = settings[name];
  const allowed = `${FORMS[unit]}, from ${showValue(min, unit)} to ${showValue(max, unit)}`;
  const match = /^(\d{1,15})([A-Za-z]*)$/.exec(text);
  const factor = match === null ? undefined : factorOf(unit, match[1]!, match[2]!);
  try {
    if (match === null || factor === undefined) throw new RangeError();
    return checkSetting(name, Number(match[1]) * factor);
  } catch {
    throw new WasmpollError('ERR_OPTION', `${flagOf(name)} must be ${allowed}, got '${text}'`);
  }
}

// 0 needs no unit, and bytes may go without: nobody could mean anything else.
function factorOf(unit: Unit, digits: string, suffix: string): number | undefined {
  if (suffix !== '') return UNITS[unit].get(suffix);
  return unit !== 'ms' || Number(digits) === 0 ? 1 : undefined;
}

/** The value in the largest unit that leaves it whole: `64KiB`, `5m`, `4096`. */
export function showValue(value: number, unit: Unit): string {
  if (value === 0) return '0';
  const fitting = [...UNITS[unit]].filter(([, factor]) => value % factor === 0);
  const [suffix, factor] = fitting.at(-1) ?? ['', 1];
  return `${value / factor}${suffix}`;
}

/** The settings among parsed flags, keyed as commander keys them. */
export function policyFrom(values: Readonly<Record<string, unknown>>): Partial<Policy> {
  const policy: { [name in SettingName]?: number } = {};
  for (const name of settingNames) {
    const value = values[keyOf(name)];
    if (typeof value === 'number') policy[name] = value;
  }
  return policy;
}

const keyOf = (name: SettingName): string =>
  flagOf(name)
    .slice(2)
    .replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
