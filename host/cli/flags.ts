// Flags: how settings are written on the command line. It derives one flag from each row of the policy table.

import { WasmpollError } from '../errors.ts';
import { checkSetting, type Policy, type SettingName, settings, type Unit } from '../policy.ts';
import { FORMS, readValue, showValue } from '../units.ts';

/** The value's placeholder in --help. */
export const PLACEHOLDERS: { readonly [unit in Unit]: string } = {
  bytes: 'SIZE',
  ms: 'TIME',
  count: 'N',
};

export const settingNames = Object.keys(settings) as SettingName[];

/** `idleTimeoutMs` → `--idle-timeout`: the name without its unit, but for those of which another flag begins so. */
export function flagOf(name: SettingName): string {
  if (name === 'storeBytes') return '--store-bytes';
  if (name === 'crashBytes') return '--crash-bytes';
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
  try {
    return checkSetting(name, readValue(text, unit));
  } catch {
    throw new WasmpollError('ERR_OPTION', `${flagOf(name)} must be ${allowed}, got '${text}'`);
  }
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
