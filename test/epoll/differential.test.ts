// The same operations here and in CPython: scripts, random sequences, and the table of differences
// in docs/epoll.md. Skipped where there is no python3.

import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { EPOLLIN, EPOLLOUT } from '../../host/epoll/epoll.ts';
import { compare, hasPython, runPython } from '../helpers/epoll-differential.ts';
import {
  Interpreter,
  type Operation,
  type Outcome,
  translate,
} from '../helpers/epoll-interpreter.ts';
import { scripts } from '../helpers/epoll-scripts.ts';
import { sequenceOf } from '../helpers/epoll-sequences.ts';

/** `npm run fuzz -- epoll` runs as many as one has time for. */
const SEQUENCES = 300;

const python = hasPython();

function compared(title: string, run: (t: ExecutionContext) => void): void {
  if (python) test(title, run);
  else test.skip(`${title} (there is no python3 ≥ 3.10 with select.epoll to compare with)`, run);
}

compared('scripts of operations come out as in Python', (t) => {
  const named = Object.entries(scripts);
  for (const { sequence, ...difference } of compare(named.map(([, operations]) => operations))) {
    t.fail(`${named[sequence]?.[0]}: ${JSON.stringify(difference)}`);
  }
  t.pass();
});

test('no script ends in an error without a code', (t) => {
  for (const [name, operations] of Object.entries(scripts)) {
    const outcomes = new Interpreter().run(operations);
    t.true(
      outcomes.some((outcome) => 'value' in outcome),
      name,
    );
    t.deepEqual(
      outcomes.filter((outcome) => 'error' in outcome && outcome.error === 'Error'),
      [],
    );
  }
});

compared('random sequences come out as in Python', (t) => {
  const sequences = Array.from({ length: SEQUENCES }, (_, i) => sequenceOf(i));
  for (const { sequence, ...difference } of compare(sequences)) {
    t.fail(`seed ${sequence}: ${JSON.stringify(difference)}`);
  }
  t.pass();
});

compared('a difference would be found', (t) => {
  const outcomes = runPython([
    [
      ['pipe', 300],
      ['fromfd', 0, 300],
    ],
  ]);
  t.deepEqual(outcomes, [[{ value: [300, 301] }, { value: 302 }]]);
  const wrong: Operation[] = [
    ['fromfd', 0, 300],
    ['call', 0, 'register', 301, 2 ** 32],
  ];
  t.is(compare([wrong])[0]?.at, 1);
});

// --- the table of differences

interface Shown {
  readonly operations: Operation[];
  /** What the last operation gives there, one of several, and here. */
  readonly python: Outcome[];
  readonly here: Outcome;
}

const error = (name: string): Outcome => ({ error: name });
const NOTHING: Outcome = { value: null };

/** Set 0, the descriptors 301 and 302 of a pipe, and a method of the set. */
function calling(method: string, ...values: Operation[1][]): Operation[] {
  return [
    ['fromfd', 0, 300],
    ['pipe', 301],
    ['call', 0, method, ...values],
  ];
}

/** Each row of the table; operations cannot show what stands last. */
const SHOWN: Record<string, Shown[] | string> = {
  booleans: [
    { operations: calling('register', 301, true), python: [NOTHING], here: error('TypeError') },
    { operations: calling('poll', false), python: [{ value: [] }], here: error('TypeError') },
  ],
  'not an integer': [1.5, { float: '-0.0' }, { float: 'NaN' }].flatMap((number): Shown[] => [
    {
      operations: calling('register', number, EPOLLIN),
      python: [error('TypeError')],
      here: error('RangeError'),
    },
    {
      operations: calling('register', { fileno: number }, EPOLLIN),
      python: [error('TypeError')],
      here: error('RangeError'),
    },
    {
      operations: calling('poll', 0, number),
      python: [error('TypeError')],
      here: error('RangeError'),
    },
  ]),
  masks: [
    { operations: calling('register', 301, 2 ** 32), python: [NOTHING], here: error('RangeError') },
    {
      operations: calling('register', 301, -5),
      python: [error('EINVAL')],
      here: error('RangeError'),
    },
    {
      operations: calling('register', 301, -1),
      python: [error('EINVAL')],
      here: error('RangeError'),
    },
  ],
  'objects with fd': [
    { operations: calling('register', { fd: 301 }), python: [error('TypeError')], here: NOTHING },
  ],
  'fileno() that throws': [
    {
      operations: calling('register', { fileno: 'throws' }),
      python: [error('LookupError')],
      here: error('TypeError'),
    },
  ],
  flags: [
    { operations: [['epoll', 0, -1, 1]], python: [error('invalid flags')], here: error('EINVAL') },
    {
      operations: [['epoll', 0, -1, -1]],
      python: [error('invalid flags')],
      here: error('RangeError'),
    },
  ],
  'fromfd of an object': [
    {
      operations: [
        ['eventfd', 300, 0],
        ['adopt', 0, { fileno: 300 }],
      ],
      python: [error('TypeError')],
      here: NOTHING,
    },
  ],
  'fromfd of a negative': [
    { operations: [['adopt', 0, -1]], python: [NOTHING], here: error('RangeError') },
  ],
  maxevents: [
    {
      operations: calling('poll', 0, 178_956_971),
      // The memory is asked for first, and a machine may refuse it.
      python: [error('EINVAL'), error('MemoryError')],
      here: { value: [] },
    },
  ],
  'optional arguments': 'JSON has no undefined; epoll.test.ts',
  keywords: 'a matter of syntax',
  signals: 'operations have no signals; kernel/epoll.test.ts: signals do not cut a wait short',
  'collected unclosed': 'operations close what they open; epoll.test.ts',
  with: 'a matter of syntax; epoll.test.ts',
  constants: 'epoll.test.ts compares the numbers',
};

compared('the table of differences is complete, and what it says is so', (t) => {
  const page = readFileSync(new URL('../../../docs/epoll.md', import.meta.url), 'utf8');
  const table = /<!-- differences -->([\s\S]*)<!-- \/differences -->/u.exec(page)?.[1] ?? '';
  const names = [...table.matchAll(/^\| ([^|]+?) +\|/gmu)].map((match) => match[1]!);
  t.deepEqual(names.slice(2), Object.keys(SHOWN));
  const shown = Object.entries(SHOWN).flatMap(([name, cases]) =>
    typeof cases === 'string' ? [] : cases.map((one) => ({ name, ...one })),
  );
  const outcomes = runPython(shown.map(({ operations }) => operations));
  shown.forEach(({ name, operations, python, here }, i) => {
    const title = `${name}: ${JSON.stringify(operations.at(-1))}`;
    t.deepEqual(new Interpreter().run(operations).at(-1), here, title);
    const there = translate(outcomes[i]!.at(-1)!);
    t.true(
      python.some((one) => JSON.stringify(one) === JSON.stringify(there)),
      title,
    );
  });
});

compared('both ends of a socket pair are writable at first', (t) => {
  const operations: Operation[] = [
    ['fromfd', 0, 300],
    ['socketpair', 301],
  ];
  operations.push(['call', 0, 'register', 301], ['call', 0, 'register', 302]);
  operations.push(['call', 0, 'poll', 0]);
  const events = {
    value: [
      [301, EPOLLOUT],
      [302, EPOLLOUT],
    ],
  };
  t.deepEqual(new Interpreter().run(operations).at(-1), events);
  t.deepEqual(runPython([operations])[0]!.at(-1), events);
});
