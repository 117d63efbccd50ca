// The settings that hold for a command: some rows of the policy table, with the same defaults, names
// and flags.

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
  'compileTimeoutMs',
] as const satisfies readonly SettingName[];

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
  const policy = Object.fromEntries(
    runSettingNames.map((name) => [name, settings[name].default]),
  ) as { [name in (typeof runSettingNames)[number]]: number };
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
