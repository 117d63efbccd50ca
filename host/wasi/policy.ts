// The settings that hold for a command: some rows of the policy table, with the same names, flags and
// ranges, and defaults for one program in place of a thousand guests.

import { WasmpollError } from '../errors.ts';
import { checkSetting, type Policy, resolvePolicy, type SettingName, settings } from '../policy.ts';

export const runSettingNames = [
  'maxConnections',
  'listenBacklog',
  'keepaliveMs',
  'graceMs',
  'drainQuietMs',
  'guestMemoryBytes',
  'maxTableElements',
  'maxModuleBytes',
  'maxFunctionCost',
  'compileTimeoutMs',
] as const satisfies readonly SettingName[];

const MiB = 1024 ** 2;

/** Defaults that differ: CPython, Ruby and pandoc run with these. */
const runDefaults: Readonly<Partial<Policy>> = {
  guestMemoryBytes: 1024 * MiB,
  maxTableElements: 1_000_000,
  maxModuleBytes: 256 * MiB,
  compileTimeoutMs: 60_000,
};

/** What a setting is for a command that is not given it. */
export const runDefault = (name: SettingName): number =>
  runDefaults[name] ?? settings[name].default;

export type RunPolicy = Pick<Policy, (typeof runSettingNames)[number]>;

/**
 * The defaults with `overrides` applied.
 * @param called how a message names a setting: the way in which it was given
 * @throws WasmpollError ERR_POLICY naming the setting, what was given and what is allowed
 */
export function resolveRunPolicy(
  overrides: Partial<RunPolicy> = {},
  called = (name: SettingName): string => `policy.${name}`,
): RunPolicy {
  const known: readonly string[] = runSettingNames;
  const policy = Object.fromEntries(runSettingNames.map((name) => [name, runDefault(name)])) as {
    [name in (typeof runSettingNames)[number]]: number;
  };
  for (const [name, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    if (!known.includes(name)) {
      throw new WasmpollError(
        'ERR_POLICY',
        `${called(name as SettingName)}: a command has no such setting`,
      );
    }
    policy[name as keyof RunPolicy] = checkSetting(name as keyof RunPolicy, value);
  }
  return policy;
}

/** What a listener is given: it reads two rows, and takes the whole table. */
export const listenerPolicy = ({ listenBacklog, keepaliveMs }: RunPolicy): Policy =>
  resolvePolicy({ listenBacklog, keepaliveMs });
