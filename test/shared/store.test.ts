// Keys in the twin: what each request is replied, and what is kept.

import { STATUS_ABSENT, STATUS_CONFLICT, STATUS_LIMIT, STATUS_OK } from '../../assembly/abi.ts';
import { BLOCK_POSITION, CHARGE_KEY, COMMITTED_OWN } from '../../host/shared/records.ts';
import { behaviour, counted } from '../helpers/shared-behaviour.ts';
import {
  type Asking,
  add,
  get,
  put,
  type Reply,
  remove,
  type Seat,
} from '../helpers/shared-seats.ts';

/** What one request is replied. */
function ask(seat: Seat, asking: Asking, now = 0): Omit<Reply, 'handle' | 'tag'> {
  seat.commit([asking], now);
  const events = seat.takeAll();
  const replies = events.flatMap((event) => (event.kind === 'replies' ? event.replies : []));
  const [{ handle: _handle, tag: _tag, ...reply }] = replies as [Reply];
  return reply;
}

const ok = (version: bigint, value = '') => ({ status: STATUS_OK, version, value });

behaviour('a value is found by all seats under the version that it was put with', (t, open) => {
  const { one, two } = open();
  t.deepEqual(ask(one, get(1, 0, 'k')), { status: STATUS_ABSENT });
  t.deepEqual(ask(one, put(1, 0, 'k', 'v')), ok(1n));
  t.deepEqual(ask(two, get(1, 0, 'k')), ok(1n, 'v'));
  t.deepEqual(ask(two, put(1, 0, 'other', '')), ok(2n));
  t.deepEqual(ask(two, get(1, 0, 'other')), ok(2n));
  t.deepEqual(ask(one, remove(1, 0, 'k')), { status: STATUS_OK });
  t.deepEqual(ask(one, remove(1, 0, 'k')), { status: STATUS_ABSENT });
  t.deepEqual(ask(one, put(1, 0, 'k', 'w')), ok(3n), 'versions never come again');
});

behaviour(
  'replies have the handles and tags of their requests, and come in their order',
  (t, open) => {
    const { one } = open();
    const committed = one.commit([
      put(7, 1, 'k', 'abc'),
      get(8, 2, 'k'),
      get(0, 3, 'k'),
      get(7, 4, 'none'),
      get(7, 5, 'k'),
    ]);
    t.is(committed, COMMITTED_OWN);
    t.deepEqual(one.take(), {
      kind: 'replies',
      replies: [
        { handle: 7, tag: 1, ...ok(1n) },
        { handle: 8, tag: 2, ...ok(1n, 'abc') },
        { handle: 7, tag: 4, status: STATUS_ABSENT },
        { handle: 7, tag: 5, ...ok(1n, 'abc') },
      ],
    });
    t.deepEqual(one.take(), { kind: 'nothing' });
  },
);

behaviour('a request for nobody is performed, and nothing waits', (t, open) => {
  const { shared, one } = open();
  t.is(one.commit([put(0, 0, 'k', 'v')]), 0);
  t.deepEqual(one.takeAll(), []);
  t.is(counted(shared, 'COUNT_KEYS'), 1);
  t.is(counted(shared, 'COUNT_PENDING'), 0);
});

behaviour('a put or delete with another version than the present one is in conflict', (t, open) => {
  const { one } = open();
  t.deepEqual(ask(one, put(1, 0, 'k', 'v', { expected: 1n })), { status: STATUS_CONFLICT });
  t.deepEqual(ask(one, put(1, 0, 'k', 'v', { expected: 0n })), ok(1n));
  t.deepEqual(ask(one, put(1, 0, 'k', 'w', { expected: 0n })), { status: STATUS_CONFLICT });
  t.deepEqual(ask(one, put(1, 0, 'k', 'w', { expected: 1n })), ok(2n));
  t.deepEqual(ask(one, remove(1, 0, 'k', 1n)), { status: STATUS_CONFLICT });
  t.deepEqual(ask(one, remove(1, 0, 'k', 2n)), { status: STATUS_OK });
  t.deepEqual(ask(one, remove(1, 0, 'k', 2n)), { status: STATUS_ABSENT });
});

behaviour(
  'a value is gone when its time is over, and a put without one takes the end away',
  (t, open) => {
    const { shared, one } = open();
    ask(one, put(1, 0, 'a', 'x', { ttl: 100 }), 1000);
    ask(one, put(1, 0, 'b', 'x', { ttl: 100 }), 1000);
    ask(one, put(1, 0, 'b', 'y'), 1050);
    t.deepEqual(ask(one, get(1, 0, 'a'), 1099), ok(1n, 'x'));
    t.deepEqual(ask(one, get(1, 0, 'a'), 1100), { status: STATUS_ABSENT });
    t.deepEqual(ask(one, get(1, 0, 'b'), 9999), ok(3n, 'y'));
    t.is(counted(shared, 'COUNT_KEYS'), 1);
  },
);

behaviour('an addition counts from nothing, and only then sets the end', (t, open) => {
  const { one } = open();
  t.deepEqual(ask(one, add(1, 0, 'n', 2, 100), 0), ok(1n, '2'));
  t.deepEqual(ask(one, add(1, 0, 'n', -0.5, 100), 50), ok(2n, '1.5'));
  t.deepEqual(ask(one, get(1, 0, 'n'), 99), ok(2n, '1.5'));
  t.deepEqual(ask(one, add(1, 0, 'n', 7, 100), 100), ok(3n, '7'));
});

const numbers: readonly (readonly [text: string, sum: string])[] = [
  ['-12', '-11'],
  ['007', '8'],
  ['0.25', '1.25'],
  ['1e2', '101'],
  ['1e+2', '101'],
  ['1e-7', '1.0000001'],
  ['9007199254740990', '9007199254740991'],
];

for (const [text, sum] of numbers) {
  behaviour(`an addition reads ${text}`, (t, open) => {
    const { one } = open();
    ask(one, put(1, 0, 'n', text));
    t.deepEqual(ask(one, add(1, 0, 'n', 1)), ok(2n, sum));
  });
}

for (const text of [
  '',
  '-',
  '+1',
  ' 1',
  '1 ',
  '1.',
  '.5',
  '0x1',
  '1E2',
  '1e',
  'Infinity',
  'NaN',
  '1\n',
  '0'.repeat(33),
]) {
  behaviour(`an addition to ${JSON.stringify(text)} is in conflict`, (t, open) => {
    const { one } = open();
    ask(one, put(1, 0, 'n', text));
    t.deepEqual(ask(one, add(1, 0, 'n', 1)), { status: STATUS_CONFLICT });
    t.deepEqual(ask(one, get(1, 0, 'n')), ok(1n, text));
  });
}

for (const delta of [2 ** 53, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY, 1e300]) {
  behaviour(`an addition of ${delta} is over the limit`, (t, open) => {
    const { one } = open();
    t.deepEqual(ask(one, add(1, 0, 'n', delta)), { status: STATUS_LIMIT });
    t.deepEqual(ask(one, get(1, 0, 'n')), { status: STATUS_ABSENT });
  });
}

behaviour('sums are written as JavaScript writes numbers', (t, open) => {
  const { one } = open();
  const written = (delta: number) => ask(one, add(1, 0, `n${delta}`, delta)).value;
  for (const delta of [0, -0, 100_000, 1e-6, 1e-7, -1.5e-9, 0.1 + 0.2, 123_456_789.125]) {
    t.is(written(delta), String(delta));
  }
});

behaviour('a full store refuses what would make it larger, and keeps what it has', (t, open) => {
  const most = 2 * (CHARGE_KEY + 'k'.length) + 'value'.length + 'value'.length;
  const { shared, one } = open({ storeBytes: most });
  t.is(ask(one, put(1, 0, 'a', 'value')).status, STATUS_OK);
  t.is(ask(one, put(1, 0, 'b', 'values')).status, STATUS_LIMIT);
  t.is(ask(one, put(1, 0, 'b', 'value')).status, STATUS_OK);
  t.is(counted(shared, 'COUNT_STORE_BYTES'), most);
  t.is(ask(one, put(1, 0, 'a', 'eulav')).status, STATUS_OK);
  t.is(ask(one, put(1, 0, 'a', 'longer', { expected: 9n })).status, STATUS_CONFLICT);
  t.is(ask(one, put(1, 0, 'a', 'longer')).status, STATUS_LIMIT);
  t.is(ask(one, add(1, 0, 'c', 1)).status, STATUS_LIMIT);
  t.is(ask(one, get(1, 0, 'a')).value, 'eulav');
  t.is(ask(one, remove(1, 0, 'b')).status, STATUS_OK);
  t.is(ask(one, add(1, 0, 'c', 1)).status, STATUS_OK);
});

behaviour('what is over makes room before anything is refused', (t, open) => {
  const { one } = open({ storeBytes: CHARGE_KEY + 2 });
  t.is(ask(one, put(1, 0, 'a', 'x', { ttl: 5 }), 0).status, STATUS_OK);
  t.is(ask(one, put(1, 0, 'b', 'x'), 4).status, STATUS_LIMIT);
  t.is(ask(one, put(1, 0, 'b', 'x'), 5).status, STATUS_OK);
});

behaviour('replies of a connection that is over are dropped', (t, open) => {
  const { shared, one } = open();
  one.commit([get(1, 10, 'k'), get(2, 20, 'k')]);
  t.is(counted(shared, 'COUNT_PENDING'), 2);
  one.shared.leaveAll(1);
  t.is(counted(shared, 'COUNT_PENDING'), 1);
  t.deepEqual(one.takeAll(), [
    { kind: 'replies', replies: [{ handle: 2, tag: 20, status: STATUS_ABSENT }] },
  ]);
  t.is(counted(shared, 'COUNT_PENDING'), 0);
  t.is(counted(shared, 'COUNT_QUEUE_BYTES'), 0);
});

behaviour(
  'a successor is told how many replies each connection waits for, the block included',
  (t, open) => {
    const { shared, one } = open();
    one.commit([get(1, 0, 'k'), get(2, 0, 'k'), get(1, 0, 'k'), get(3, 0, 'k')]);
    one.take();
    one.commit([get(1, 0, 'k'), get(3, 0, 'k')]);
    // The first two are served.
    one.block[BLOCK_POSITION] = 2;
    const next = shared.seat(1);
    next.bind(new Uint8Array(8), one.block);
    const pending = new Int32Array(2);
    next.adopt(Int32Array.of(1, 2), 2, pending);
    t.deepEqual([...pending], [2, 0]);
    t.deepEqual(one.takeAll(), [
      { kind: 'replies', replies: [{ handle: 1, tag: 0, status: STATUS_ABSENT }] },
    ]);
  },
);
