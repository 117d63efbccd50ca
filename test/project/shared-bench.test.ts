// The bench of topics and keys: what it makes of its rounds, that its cases do what they measure, and that one wake is
// enough for many messages. How fast anything is, it does not assert.

import test from 'ava';
import { parseSharedOptions, UsageError } from '../../bench/options.ts';
import { cases } from '../../bench/shared/cases.ts';
import { aimTable, costTable } from '../../bench/shared/tables.ts';
import { wakes } from '../../bench/shared/threads.ts';
import { compiledGuest } from '../helpers/guests.ts';

// Compiled now: it takes its time, and blocks this thread.
for (const guest of ['relay', 'fan', 'keys']) compiledGuest(guest);

const cells = (table: string): string[][] =>
  table
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/));

test('what is beyond the first is the median of differences in the same round', (t) => {
  const floor = [1000, 3000, 2000];
  const rows = [
    { title: 'send', rounds: floor },
    { title: 'topic', rounds: [1200, 3400, 2300] },
  ];
  t.deepEqual(cells(costTable('member', rows, floor)), [
    ['send', '2.000 (1.500–2.500)'],
    ['topic', '2.300 (1.750–2.850)', '0.300 (0.250–0.350)'],
  ]);
});

test('a table without a floor has costs alone', (t) => {
  const table = costTable('request', [{ title: 'get', rounds: [250] }]);
  t.deepEqual(cells(table), [['get', '0.250 (0.250–0.250)']]);
});

test('an aim is met by what is at most as much', (t) => {
  const aims = [
    { what: 'a get', most: 600, rounds: [500, 600, 900] },
    { what: 'a member', most: 300, rounds: [301] },
  ];
  t.deepEqual(cells(aimTable(aims)), [
    ['a get', '0.600', '0.600', 'met'],
    ['a member', '0.300', '0.301', 'missed'],
  ]);
});

test('many messages for a thread that does not look wake it once', (t) => {
  t.is(wakes(1), 1);
  t.is(wakes(64), 1);
});

// Each throws when an answer or a message is missing. The others of the first table need 2,000 descriptors.
for (const { name, make } of cases.filter((each) =>
  /alone|^get$|^put$|^post-64$/.test(each.name),
)) {
  test(`${name} brings all that it is to bring`, async (t) => {
    const measured = await make();
    t.true((await measured.run()) >= 0);
    t.true((await measured.run()) >= 0);
    await measured.close();
  });
}

test('rounds are a number', (t) => {
  t.deepEqual(parseSharedOptions(['--rounds', '3']), { rounds: 3 });
  t.throws(() => parseSharedOptions(['--rounds', 'x']), { instanceOf: UsageError });
});
