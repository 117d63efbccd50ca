// What the bench of TLS prints, and the options it takes.

import test from 'ava';
import { parseTlsOptions } from '../../bench/options.ts';
import { goalLines, type Measured, tlsTable } from '../../bench/tls/table.ts';

const measured = (name: string, ...smallNs: number[]): Measured => ({
  name,
  title: name,
  rounds: smallNs.map((ns) => ({
    smallNs: ns,
    largeNs: ns * 2,
    fullNs: 500_000,
    resumedNs: 250_000,
    resumed: name === 'c' ? 1 : 0,
  })),
  idleBytes: 20_480,
});

const c = measured('c', 10_000, 20_000, 30_000);
// What disturbed a round disturbed both.
const ours = measured('ours', 11_000, 22_000, 45_000);

test('each contender is divided by C in the same round, and the share that was resumed is shown', (t) => {
  const [, , first, second] = tlsTable([c, ours], c).split('\n');
  t.is(first, '| c | 20.0 | 1.00 | 40.0 | 1.00 | 2000 | 1.00 | 4000 | 1.00 | 100 % | 20.0 |');
  t.is(second, '| ours | 22.0 | 1.10 | 44.0 | 1.10 | 2000 | 1.00 | none | none | 0 % | 20.0 |');
});

test('a goal is met at its bound, and a loss is printed like a win', (t) => {
  t.regex(goalLines([ours], c, 1.1), /^met: ours, 64 B: 1.10 times C; at most 1.1$/m);
  t.regex(goalLines([ours], c, 1.09), /^missed: ours, 16 KiB: 1.10 times C; at most 1.09$/m);
});

test('contenders are named, and rounds are a number', (t) => {
  const known = ['c', 'node'];
  t.deepEqual(parseTlsOptions([], known), { rounds: 7, contenders: null, flood: false });
  const args = ['--rounds', '2', '--contenders', 'node', '--flood'];
  const expected = { rounds: 2, contenders: ['node'], flood: true };
  t.deepEqual(parseTlsOptions(args, known), expected);
  t.throws(() => parseTlsOptions(['--contenders', 'nobody'], known), {
    message: "--contenders: there is no 'nobody'; there are c, node",
  });
});
