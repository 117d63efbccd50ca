// The settings that hold for a command: some rows of the policy table, with the same defaults, names
// and flags.

import { WasmpollError } from '../errors.ts';
import { checkSetting, type Policy, type SettingName, settings } from '../policy.ts';

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
 * @throws WasmpollError ERR_POLICY naming the setting, what was given and what is allowed
 */
export function resolveRunPolicy(overrides: Partial<RunPolicy> = {}): RunPolicy {
  const known: readonly string[] = runSettingNames;
  const policy = Object.fromEntries(
    runSettingNames.map((name) => [name, settings[name].default]),
  ) as { [name in (typeof runSettingNames)[number]]: number };
  for (const [name, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    if (!known.includes(name)) {
      throw new WasmpollError('ERR_POLICY', `policy: a command has no setting '${name}'`);
    }
    policy[name as keyof RunPolicy] = checkSetting(name as keyof RunPolicy, value);
  }
  return policy;
}
