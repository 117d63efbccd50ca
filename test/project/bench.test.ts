// What the bench makes of its measurements: arithmetic, judgements, and words. Nothing is measured.

import test from 'ava';
import { type CaseResult, MISSING } from '../../bench/campaign/campaign.ts';
import { cases } from '../../bench/campaign/cases.ts';
import { failuresOf } from '../../bench/growth/footprint.ts';
import { parseCpuList } from '../../bench/load/machine.ts';
import type { Sample } from '../../bench/load/measure.ts';
import { callsPerMessage, parseSummary } from '../../bench/load/syscalls.ts';
import { parseGrowthOptions, parseOptions, UsageError } from '../../bench/options.ts';
import { contenders } from '../../bench/peers/contenders.ts';
import { figures } from '../../bench/report/figures.ts';
import { caseText, resultsMarkdown } from '../../bench/report/report.ts';
import { quantile, ratios, spread } from '../../bench/report/statistics.ts';
import { summarize } from '../../bench/report/summary.ts';
import { linear, logarithmic } from '../../bench/report/svg.ts';
import { markdownTable, textTable } from '../../bench/report/table.ts';
import { judge, targetTables } from '../../bench/report/targets.ts';

/** So many messages in a second, each for so many nanoseconds of the server. */
const sample = (messages: number, nanoseconds: number, p50 = 100): Sample => ({
  messages,
  windowNs: 1e9,
  serverNs: messages * nanoseconds,
  userTicks: 25,
  systemTicks: 75,
  loadNs: 0.5e9,
  serverIdleNs: 1e9 - messages * nanoseconds,
  loadIdleNs: 0.3e9,
  latencyUs: { '50': p50, '75': p50, '90': p50, '95': p50, '99': 2 * p50, '99.9': 3 * p50 },
});

const measured = (
  name: string,
  results: Readonly<Record<string, readonly Sample[]>>,
): CaseResult => ({
  name,
  results: Object.entries(results).map(([contender, samples]) => {
    return { contender, samples, failure: null };
  }),
});

test('quantiles lie between values by proportion, whatever their order', (t) => {
  t.is(quantile([3, 1, 2], 0.5), 2);
  t.is(quantile([4, 1, 3, 2], 0.5), 2.5);
  t.is(quantile([4, 1, 3, 2], 0.25), 1.75);
  t.is(quantile([7], 0.99), 7);
  t.is(quantile([], 0.5), Number.NaN);
  t.deepEqual(spread([1, 2, 3, 4, 100]), { median: 3, low: 2, high: 4 });
});

test('a disturbance that meets both contenders in a round does not change their ratio', (t) => {
  t.deepEqual(ratios([2, 20, 2], [1, 10, 1]), [2, 2, 2]);
  t.deepEqual(ratios([2, Number.NaN, 4], [1, 1, 2]), [2, 2]);
  t.deepEqual(ratios([2, 2], []), []);
});

test('a summary compares with the reference round by round', (t) => {
  const result = measured('50x64B', {
    c: [sample(1000, 100), sample(500, 200), sample(1000, 100, 50)],
    'wasmpoll-0': [sample(900, 110), sample(450, 220), sample(2000, 50)],
  });
  const [reference, ours] = summarize(result);
  t.is(reference!.throughputRatio.median, 1);
  t.is(ours!.throughput, 900);
  t.is(ours!.throughputRatio.median, 0.9);
  t.is(ours!.processorNs, 110);
  t.is(ours!.processorRatio.median, 1.1);
  t.is(ours!.userShare, 0.25);
  t.is(ours!.loadBusy, 0.5);
  t.is(ours!.foreign.toFixed(3), '0.200');
  t.is(ours!.latencyUs['99.9'], 300);
  t.is(ours!.latencyRatio['50'], 1);
});

test('targets are met at their bounds and missed beyond, and losses are printed like wins', (t) => {
  const result = measured('50x64B', {
    c: [sample(1000, 1000)],
    'wasmpoll-0': [sample(950, 1050)],
    'wasmpoll-1': [sample(949, 1051)],
    'node-pipe': [sample(500, 2000)],
    bun: [sample(900, 1050.5)],
  });
  const outcome = judge([result]).map(({ contender, over, what, met }) => {
    return `${contender} ${what} / ${over}: ${met}`;
  });
  t.deepEqual(outcome, [
    'wasmpoll-0 processor / c: true',
    'wasmpoll-0 throughput / c: true',
    'wasmpoll-0 throughput / node-pipe: true',
    'wasmpoll-0 throughput / node-write: null',
    'wasmpoll-0 processor / bun: true',
    'wasmpoll-0 processor / go: null',
    'wasmpoll-0 processor / uvloop: null',
    'wasmpoll-1 processor / c: false',
    'wasmpoll-1 throughput / c: false',
    'wasmpoll-1 throughput / node-pipe: true',
    'wasmpoll-1 throughput / node-write: null',
    'wasmpoll-1 processor / bun: false',
    'wasmpoll-1 processor / go: null',
    'wasmpoll-1 processor / uvloop: null',
  ]);
  const { reference, verdict } = targetTables([result], markdownTable);
  t.is(verdict, '5 of 8 targets are met');
  const [, , processor, throughput] = reference.split('\n');
  t.is(processor, '| 50 × 64 B | CPU ≤ 1.05 | 1.05 (1.05–1.05) pass | 1.05 (1.05–1.05) MISS |');
  t.is(
    throughput,
    '| 50 × 64 B | throughput ≥ 0.95 | 0.95 (0.95–0.95) pass | 0.95 (0.95–0.95) MISS |',
  );
});

test('a contender that is missing or has failed is in the table, and the failure below it', (t) => {
  const { name, results } = measured('1x64B', { c: [sample(1000, 1000)] });
  const failure = "'bun' ended with 1: out of luck";
  const others = [
    { contender: 'go', samples: [], failure: MISSING },
    { contender: 'bun', samples: [], failure },
  ];
  const text = caseText({ name, results: [...results, ...others] });
  t.regex(text, /^Go net +missing +—/m);
  t.regex(text, /^Bun +failed +—/m);
  t.true(text.includes(`Bun failed: ${failure}\n`));
  t.false(text.includes('NaN'));
});

test('RESULTS.md names machine, date, command and versions, and says what was not measured', (t) => {
  const markdown = resultsMarkdown({
    date: '2031-02-03',
    command: 'npm run bench',
    machine: 'a machine',
    unpinned: 'there is only one core',
    rounds: 10,
    seconds: 1,
    versions: [{ contender: 'go', version: 'missing: no go' }],
    cases: [measured('50x64B', { c: [sample(1000, 1000)] })],
    calls: null,
    notCounted: 'there is no strace',
    idle: null,
    opinions: null,
  });
  for (const words of [
    'a machine; not pinned: there is only one core.',
    '2031-02-03, by `npm run bench`: 10 rounds of 1 s.',
    '| Go net | missing: no go |',
    '## 50 × 64 B\n',
    'Not counted: there is no strace.',
  ]) {
    t.true(markdown.includes(words), words);
  }
  t.false(markdown.includes('NaN'));
});

test("strace's summary is read with and without its column of errors", (t) => {
  const counts = parseSummary(`% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 58.43    0.126629          22       100           sendto
 39.56    0.085727          15       110        10 recvfrom
  1.82    0.003942          24         5           epoll_wait
  0.12    0.000261           5         1           accept4
------ ----------- ----------- --------- --------- ----------------
100.00    0.216723          19       216        10 total
`);
  t.deepEqual(
    [...counts],
    [
      ['sendto', 100],
      ['recvfrom', 110],
      ['epoll_wait', 5],
      ['accept4', 1],
    ],
  );
  const { other, ...rest } = callsPerMessage(counts, 100);
  t.deepEqual(rest, { receive: 1.1, send: 1, wait: 0.05 });
  t.true(Math.abs(other - 0.01) < 1e-9);
});

test('tables align their columns', (t) => {
  const rows = [
    ['a', '1'],
    ['bcd', '23'],
  ];
  t.is(textTable(['', 'number'], rows), '     number\na         1\nbcd      23\n');
  t.is(markdownTable(['', 'n'], rows), '|  | n |\n| --- | ---: |\n| a | 1 |\n| bcd | 23 |\n');
});

test('a value beyond the ends of an axis stays at its end', (t) => {
  const scale = linear([0, 10], [100, 200]);
  t.deepEqual([-1, 0, 5, 10, 11].map(scale), [100, 100, 150, 200, 200]);
  t.is(logarithmic([1, 100], [0, 2])(10), 1);
});

test('charts have a mark for each contender that was measured, and none for others', (t) => {
  const results = [
    measured('50x64B', { c: [sample(1000, 1000)], 'wasmpoll-0': [sample(950, 1050)] }),
    measured('1x64B', { c: [sample(1000, 1000)], 'wasmpoll-0': [sample(900, 1100)] }),
  ];
  const drawn = figures(results);
  t.deepEqual(
    drawn.map(({ name }) => name),
    ['throughput', 'processor', 'latency'],
  );
  for (const { name, svg } of drawn) {
    t.false(svg.includes('NaN'), name);
    t.is(svg.match(/<(?!\/)[a-z]+/g)!.length, svg.match(/<\/|\/>/g)!.length, 'elements are closed');
  }
  const marks = (svg: string): number => svg.match(/<path [^>]*fill="#e8590c"/g)!.length;
  // One in the legend; then one a case, or one a percentile.
  t.deepEqual(
    drawn.map(({ svg }) => marks(svg)),
    [3, 3, 7],
  );
});

const MIB = 1024 * 1024;

/** Memory in MiB, and descriptors, in the order of a footprint. */
const footprint = (...usages: readonly (readonly [memory: number, descriptors: number])[]) => {
  const [empty, full, before, after] = usages.map(([memory, descriptors], index) => {
    return { connections: index === 1 ? 10_000 : 0, residentBytes: memory * MIB, descriptors };
  });
  const [cycles, medianUs, slowestUs] = [10_000, 100, 1000];
  return {
    ...{ contender: 'wasmpoll-0', descriptors: 20, cycles, medianUs, slowestUs },
    ...{ empty: empty!, full: full!, before: before!, after: after! },
  };
};

test('a server that is as it was before its connections has no failures', (t) => {
  t.deepEqual(failuresOf(footprint([72, 20], [81.75, 10_020], [90, 20], [94, 20])), []);
});

test('what connections leave behind is a failure, and an idle one of 1 KiB', (t) => {
  t.deepEqual(failuresOf(footprint([72, 19], [82, 10_020], [72, 21], [77, 22])), [
    'wasmpoll-0: descriptors left behind: -1',
    'wasmpoll-0: descriptors left behind: 1',
    'wasmpoll-0: descriptors left behind: 2',
    'wasmpoll-0: memory left behind: 5.0 MiB',
    'wasmpoll-0: an idle connection costs 1,049 bytes; at most 1023 are allowed',
  ]);
});

test('lists of cores are read as the kernel writes them', (t) => {
  t.deepEqual(parseCpuList('0\n'), [0]);
  t.deepEqual(parseCpuList('0-2,5,8-9'), [0, 1, 2, 5, 8, 9]);
});

test('cases and contenders have names of their own', (t) => {
  for (const list of [cases, contenders]) {
    const names = list.map(({ name }) => name);
    t.deepEqual(names, [...new Set(names)]);
    t.true(names.every((name) => !name.includes(',')));
  }
});

const known = { cases: ['a', 'b'], contenders: ['c'] };

test('options have defaults, and --quick has others', (t) => {
  const full = {
    quick: false,
    rounds: 15,
    seconds: 0.6,
    cases: null,
    contenders: null,
    render: false,
  };
  t.deepEqual(parseOptions([], known), full);
  t.deepEqual(parseOptions(['--quick'], known), { ...full, quick: true, rounds: 3, seconds: 0.25 });
  t.deepEqual(
    parseOptions(['--quick', '--rounds', '7', '--only=b,a', '--contenders', 'c'], known),
    {
      ...{ ...full, quick: true, rounds: 7, seconds: 0.25 },
      ...{ cases: ['b', 'a'], contenders: ['c'] },
    },
  );
});

test('the growth has shorter rounds, and takes the names of its parts', (t) => {
  const all = { rounds: 5, seconds: 0.5, parts: null };
  t.deepEqual(parseGrowthOptions([], ['a', 'b']), all);
  t.deepEqual(parseGrowthOptions(['--seconds', '0.1', '--only', 'b'], ['a', 'b']), {
    ...{ ...all, seconds: 0.1 },
    parts: ['b'],
  });
  t.throws(() => parseGrowthOptions(['--only', 'c'], ['a', 'b']), {
    instanceOf: UsageError,
    message: "--only: there is no 'c'; there are a, b",
  });
});

for (const [args, message] of [
  [['--rounds', '0'], "--rounds must be a whole number from 1 to 1000, got '0'"],
  [['--rounds', '1.5'], "--rounds must be a whole number from 1 to 1000, got '1.5'"],
  [['--seconds', '1e3'], "--seconds must be a number from 0.05 to 60, got '1e3'"],
  [['--only', 'a,x'], "--only: there is no 'x'; there are a, b"],
  [['--contenders', ''], "--contenders: there is no ''; there are c"],
  [['--fast'], /^Unknown option '--fast'; there are --rounds, --seconds, --quick, /],
  [['a'], /^Unexpected argument 'a'; there are --rounds, /],
] as const) {
  test(`the option ${args.join(' ')} is refused in one line`, (t) => {
    t.throws(() => parseOptions(args, known), { instanceOf: UsageError, message });
  });
}
