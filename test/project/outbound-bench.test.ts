// What the bench of proxies prints, and the options it takes.

import test from 'ava';
import type { Sample } from '../../bench/load/measure.ts';
import { parseOutboundOptions } from '../../bench/options.ts';
import { goalLines, type Measured, proxyTable } from '../../bench/outbound/table.ts';

const sample = (ns: number): Sample => ({
  ...{ messages: 1000, windowNs: 1e9, serverNs: 1000 * ns, userTicks: 0, systemTicks: 0 },
  ...{ loadNs: 0, serverIdleNs: 0, loadIdleNs: 0, latencyUs: { '99': ns / 10 } },
});

const measured = (name: string, ...ns: number[]): Measured => ({
  ...{ name, title: name },
  rounds: ns.map((each) => ({
    ...{ small: sample(each), large: sample(2 * each), cycle: sample(100_000) },
  })),
});

const haproxy = measured('haproxy', 10_000, 20_000, 30_000);
// What disturbed a round disturbed both.
const ours = measured('wasmpoll-0', 11_000, 22_000, 45_000);

test('each proxy is divided by haproxy in the same round', (t) => {
  const [, , first, second] = proxyTable([haproxy, ours], haproxy).split('\n');
  t.is(first, '| haproxy | 20.0 | 1.00 | 2000 | 40.0 | 1.00 | 4000 | 10000 | 1.00 |');
  t.is(second, '| wasmpoll-0 | 22.0 | 1.10 | 2200 | 44.0 | 1.10 | 4400 | 10000 | 1.00 |');
});

test('a goal is met at its bound, a loss is printed like a win, and others have no goal', (t) => {
  t.is(goalLines([haproxy], haproxy), '');
  t.regex(goalLines([ours], haproxy), /^met: wasmpoll-0, 64 B: 1.10 times haproxy; at most 1.1$/m);
  const slow = measured('through-1', 14_000, 28_000, 42_000);
  t.regex(goalLines([slow], haproxy), /^missed: through-1, 16 KiB: 1.40 times haproxy; at most 1/m);
});

test('rounds and seconds are numbers, and proxies are named', (t) => {
  t.deepEqual(parseOutboundOptions([], ['haproxy']), { rounds: 7, seconds: 0.4, contenders: null });
  t.throws(() => parseOutboundOptions(['--contenders', 'x'], ['haproxy']), {
    message: "--contenders: there is no 'x'; there are haproxy",
  });
});
