// Options: settings as they are written on the command line.

import test from 'ava';
import fc from 'fast-check';
import { flagOf, parseSetting, policyFrom, settingNames } from '../../host/cli/flags.ts';
import { WasmpollError } from '../../host/errors.ts';
import { type SettingName, settings } from '../../host/policy.ts';
import { showValue } from '../../host/units.ts';

const read = (text: string, name: SettingName) => parseSetting(name, text);

test('every setting has a flag of its own, without its unit', (t) => {
  const flags = settingNames.map(flagOf);
  t.is(new Set(flags).size, Object.keys(settings).length);
  for (const flag of flags) t.regex(flag, /^--[a-z]+(-[a-z]+)*$/);
  t.is(flagOf('idleTimeoutMs'), '--idle-timeout');
  t.is(flagOf('guestMemoryBytes'), '--guest-memory');
  t.is(flagOf('hostCallsPerCallback'), '--host-calls-per-callback');
});

const written = [
  ['poolBytes', '1048576', 1_048_576],
  ['poolBytes', '1048576B', 1_048_576],
  ['poolBytes', '2048KiB', 2_097_152],
  ['poolBytes', '8MiB', 8_388_608],
  ['poolBytes', '1GiB', 1_073_741_824],
  ['lowWaterBytes', '0', 0],
  ['idleTimeoutMs', '0', 0],
  ['idleTimeoutMs', '0s', 0],
  ['idleTimeoutMs', '250ms', 250],
  ['idleTimeoutMs', '30s', 30_000],
  ['idleTimeoutMs', '5m', 300_000],
  ['idleTimeoutMs', '24h', 86_400_000],
  ['maxConnections', '10', 10],
  ['maxConnections', '0010', 10],
] as const;

test('sizes, times and counts are read', (t) => {
  for (const [name, text, value] of written) t.is(read(text, name), value, `${name} ${text}`);
});

const garbage = [
  ...[
    '',
    ' ',
    '-',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    'ten',
    '1 KiB',
    ' 1',
    '1 ',
  ],
  ...[
    '1kib',
    '1K',
    '1MB',
    '1S',
    '1d',
    '1KiBs',
    'KiB',
    's',
    '99999999999999999999',
    '１',
    '1\n',
    '\0',
  ],
];

test('what is not a value is refused by every setting, naming its flag and its range', (t) => {
  for (const name of settingNames) {
    const { unit, min, max } = settings[name];
    for (const text of garbage) {
      const error = t.throws(() => read(text, name), { instanceOf: WasmpollError });
      t.is(error.code, 'ERR_OPTION');
      t.true(error.message.startsWith(`${flagOf(name)} must be `), error.message);
      t.true(error.message.includes(`from ${showValue(min, unit)} to ${showValue(max, unit)}`));
      t.true(error.message.endsWith(`got '${text}'`));
    }
  }
});

test('a unit of another kind is refused', (t) => {
  for (const [name, text] of [
    ['maxConnections', '1KiB'],
    ['maxConnections', '1s'],
    ['poolBytes', '1048576s'],
    ['idleTimeoutMs', '30KiB'],
    ['idleTimeoutMs', '30'],
  ] as const) {
    t.throws(() => read(text, name), { code: 'ERR_OPTION' }, `${name} ${text}`);
  }
});

const suffixes = { bytes: 'B', ms: 'ms', count: '' };

test('the ends of every range are allowed, and what is beyond them is not', (t) => {
  for (const name of settingNames) {
    const { unit, min, max } = settings[name];
    const suffix = suffixes[unit];
    t.is(read(`${min}${suffix}`, name), min);
    t.is(read(`${max}${suffix}`, name), max);
    for (const beyond of [min - 1, max + 1]) {
      t.throws(() => read(`${beyond}${suffix}`, name), { code: 'ERR_OPTION' }, `${name} ${beyond}`);
    }
  }
});

test('a value that is shown can be read again', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...settingNames),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (name, part) => {
        const { unit, min, max } = settings[name];
        const value = min + Math.round(part * (max - min));
        return read(showValue(value, unit), name) === value;
      },
    ),
  );
  t.deepEqual(
    [showValue(65_536, 'bytes'), showValue(1025, 'bytes'), showValue(90_000, 'ms')],
    ['64KiB', '1025B', '90s'],
  );
});

test('only settings are taken from parsed flags', (t) => {
  const values = { idleTimeout: 5, maxConnections: 7, listen: ['x'], workers: 0, logLevel: 'info' };
  t.deepEqual(policyFrom(values), { idleTimeoutMs: 5, maxConnections: 7 });
});
