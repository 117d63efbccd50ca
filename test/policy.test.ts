// Policy: ranges of single settings, and what they demand of each other.

import test from 'ava';
import { PAGE_BYTES, type Policy, reservePages, resolvePolicy, settings } from '../host/policy.ts';

type Name = keyof typeof settings;
const names = Object.keys(settings) as Name[];
const MiB = 1024 * 1024;

test('without overrides every setting has its default, and all defaults agree', (t) => {
  const policy = resolvePolicy();
  for (const name of names) t.is(policy[name], settings[name].default);
  t.deepEqual(resolvePolicy({}), policy);
});

test('every default is within its range, and every row says why', (t) => {
  for (const name of names) {
    const { default: value, min, max, why } = settings[name];
    t.true(min <= value && value <= max, name);
    t.true(why.length > 0, name);
  }
});

const wrong = [NaN, Infinity, -Infinity, 1.5, -1, 2 ** 53, '5', null, true, [5], {}, 5n, 'ten'];

test('a value that is not a whole number in range is refused, naming setting and range', (t) => {
  for (const name of names) {
    const { min, max } = settings[name];
    for (const value of [...wrong, min - 1, max + 1, min + 0.5]) {
      const error = t.throws(() => resolvePolicy({ [name]: value }), { code: 'ERR_POLICY' });
      t.true(
        error.message.startsWith(`policy.${name}: must be a whole number from ${min} to ${max}`),
        error.message,
      );
    }
  }
});

test('an unknown setting is refused by name', (t) => {
  for (const name of ['idleTimeout', 'constructor', '__proto__', '']) {
    const overrides = Object.defineProperty({}, name, { value: 1, enumerable: true });
    t.throws(() => resolvePolicy(overrides), {
      code: 'ERR_POLICY',
      message: `policy: there is no setting '${name}'`,
    });
  }
});

test('an override that is undefined leaves the default', (t) => {
  const overrides = { graceMs: undefined } as unknown as Partial<Policy>;
  t.is(resolvePolicy(overrides).graceMs, settings.graceMs.default);
});

const relations: [title: string, fits: Partial<Policy>, breaks: Partial<Policy>][] = [
  ['lowWaterBytes', { lowWaterBytes: 262_143 }, { lowWaterBytes: 262_144 }],
  ['highWaterBytes', { highWaterBytes: 7 * MiB }, { highWaterBytes: 8 * MiB + 1 }],
  ['maxBacklogBytes', { maxBacklogBytes: 256 * MiB }, { maxBacklogBytes: 256 * MiB + 1 }],
  [
    'maxFrameBytes',
    { maxFrameBytes: 131_072, receiveWindowBytes: 131_072 },
    { maxFrameBytes: 131_072, receiveWindowBytes: 131_071 },
  ],
  [
    'receiveWindowBytes',
    { receiveWindowBytes: MiB, guestMemoryBytes: 2 * MiB },
    { receiveWindowBytes: MiB, guestMemoryBytes: 2 * MiB - 1 },
  ],
];

for (const [title, fits, breaks] of relations) {
  test(`${title} is held against the setting that bounds it`, (t) => {
    t.notThrows(() => resolvePolicy(fits));
    t.throws(() => resolvePolicy(breaks), {
      code: 'ERR_POLICY',
      message: new RegExp(`^policy\\.${title}: must be .+ policy\\.\\w+, got \\d+ and \\d+$`),
    });
  });
}

test('above the high-water mark there is room for what was received by then', (t) => {
  t.notThrows(() => resolvePolicy({ maxBacklogBytes: 524_288 }));
  t.throws(() => resolvePolicy({ maxBacklogBytes: 524_287 }), {
    code: 'ERR_POLICY',
    message:
      'policy.maxBacklogBytes: must be at least policy.highWaterBytes and twice ' +
      'policy.receiveWindowBytes together (524288), got 524287',
  });
});

test('a message names settings as the caller does', (t) => {
  t.throws(() => resolvePolicy({ poolBytes: MiB }, (name) => `<${name}>`), {
    message: '<maxBacklogBytes>: must be at most <poolBytes>, got 8388608 and 1048576',
  });
});

test('the budget of a turn follows the window unless it is given', (t) => {
  t.is(resolvePolicy({ receiveWindowBytes: MiB }).bytesPerTurn, MiB);
  t.is(resolvePolicy({ receiveWindowBytes: MiB, bytesPerTurn: 4096 }).bytesPerTurn, 4096);
});

test('the longest frame is one receive window unless it is given', (t) => {
  t.is(resolvePolicy({ receiveWindowBytes: MiB }).maxFrameBytes, MiB);
  t.is(resolvePolicy({ receiveWindowBytes: 4096 }).maxFrameBytes, 4096);
  t.is(resolvePolicy({ receiveWindowBytes: MiB, maxFrameBytes: 4096 }).maxFrameBytes, 4096);
});

test('a longer frame alone widens the window and the budget of a turn', (t) => {
  const { receiveWindowBytes, bytesPerTurn } = resolvePolicy({ maxFrameBytes: MiB });
  t.deepEqual([receiveWindowBytes, bytesPerTurn], [MiB, MiB]);
  t.is(resolvePolicy({ maxFrameBytes: 4096 }).receiveWindowBytes, 131_072);
});

test('what a longer frame demands of the other settings is said in terms of the frame', (t) => {
  const fails = (overrides: Partial<Policy>, message: string) =>
    t.throws(() => resolvePolicy(overrides), { code: 'ERR_POLICY', message });
  fails(
    { maxFrameBytes: 5 * MiB },
    'policy.maxBacklogBytes: must be at least policy.highWaterBytes and twice ' +
      'policy.receiveWindowBytes (as large as policy.maxFrameBytes) together (10747904), got 8388608',
  );
  fails(
    { maxFrameBytes: MiB, guestMemoryBytes: MiB },
    'policy.receiveWindowBytes (as large as policy.maxFrameBytes): must be at most half of ' +
      'policy.guestMemoryBytes, got 1048576 and 1048576',
  );
});

test('a sixteenth of the pool is its reserve, and a page at least', (t) => {
  t.is(reservePages(resolvePolicy()), (256 * MiB) / PAGE_BYTES / 16);
  const small = {
    poolBytes: MiB,
    maxBacklogBytes: 65_536,
    highWaterBytes: 4096,
    lowWaterBytes: 0,
    receiveWindowBytes: 8192,
    maxFrameBytes: 4096,
  };
  t.is(reservePages(resolvePolicy(small)), 4);
  t.is(reservePages({ ...resolvePolicy(), poolBytes: PAGE_BYTES }), 1);
});

test('PROXY headers of all connections fit one buffer', (t) => {
  const most = { maxConnections: 1_048_576, maxProxyHeaderBytes: 1024 };
  t.like(resolvePolicy(most), most);
  t.throws(() => resolvePolicy({ ...most, maxProxyHeaderBytes: 2048 }), {
    code: 'ERR_POLICY',
    message:
      'policy.maxProxyHeaderBytes: must be at most 2047 with 1048576 policy.maxConnections, got 2048',
  });
});
