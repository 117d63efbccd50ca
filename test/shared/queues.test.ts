// What waits for a seat: turns, bounds, and what is told of what was left out.

import { STATUS_LIMIT, STATUS_OK, STATUS_UNAVAILABLE } from '../../assembly/abi.ts';
import {
  CHARGE_ENTRY,
  COMMITTED_OWN,
  COMMITTED_REFUSED,
  ENTRIES,
  FLAG_INBOUND,
  FLAG_OTHERS,
  FLAG_PATTERN,
  FLAG_RETAIN,
  OP_GAP,
  OP_GET,
  OP_PUBLISH,
  OP_PUT,
} from '../../host/shared/records.ts';
import { behaviour, counted } from '../helpers/shared-behaviour.ts';
import {
  bytesOf,
  direct,
  type Event,
  gap,
  get,
  join,
  leave,
  publish,
  put,
  type Recipient,
} from '../helpers/shared-seats.ts';

const kinds = (events: readonly Event[]) => events.map(({ kind }) => kind);
const missed = (...to: Recipient[]): Event => ({ kind: 'missed', to });
const message = (topic: string, data: string, ...to: Recipient[]): Event => ({
  ...{ kind: 'message', topic, data, flags: 0, to },
});
const asked = (events: readonly Event[]) =>
  events.flatMap((event) => (event.kind === 'records' ? event.records : []));

/** A message of one byte of topic that takes so much of a queue. */
const filling = (bytes: number) => publish(0, 'f', 'x'.repeat(bytes - CHARGE_ENTRY - 1));

behaviour('replies, messages and records take turns', (t, open) => {
  const { shared, one } = open();
  shared.routePublishes(1);
  one.commit([join(1, 0, 'a'), publish(1, 'a', '1'), publish(1, 'a', '2'), get(1, 0, 'k')]);
  t.deepEqual(kinds([one.take(), one.take()]), ['replies', 'message']);
  one.commit([get(1, 0, 'k')]);
  t.deepEqual(kinds(one.takeAll()), ['records', 'replies', 'message']);
});

behaviour('replies that one block does not hold come in the next', (t, open) => {
  const { one } = open();
  one.commit(Array.from({ length: ENTRIES + 1 }, (_, tag) => get(1, tag, 'k')));
  const sizes = one.takeAll().map((event) => event.kind === 'replies' && event.replies.length);
  t.deepEqual(sizes, [ENTRIES, 1]);
});

behaviour(
  'replies that the target does not hold come later; one that never fits is LIMIT',
  (t, open) => {
    const { one } = open();
    one.commit([put(1, 0, 'k', 'x'.repeat(9)), get(1, 1, 'k'), get(1, 2, 'k'), get(1, 3, 'none')]);
    const statuses = (length: number) => {
      const event = one.take(length);
      return event.kind === 'replies' && event.replies.map(({ tag, status }) => [tag, status]);
    };
    t.deepEqual(statuses(8 + 17), [
      [0, STATUS_OK],
      [1, STATUS_OK],
    ]);
    t.deepEqual(statuses(16), [
      [2, STATUS_LIMIT],
      [3, -5],
    ]);
  },
);

behaviour(
  'a message that does not fit is left out, and its members are told before the next one',
  (t, open) => {
    const { shared, one } = open({ queueBytes: 1000 });
    one.commit([join(1, 10, 'a'), join(2, 20, '+', FLAG_PATTERN), join(3, 30, 'b')]);
    one.commit([filling(1000 - CHARGE_ENTRY - 2), publish(0, 'a', 'x')]);
    t.is(counted(shared, 'COUNT_QUEUE_BYTES'), 1000);
    one.commit([publish(0, 'a', '1', FLAG_OTHERS), publish(0, 'a', '2'), join(4, 40, 'a')]);
    t.is(counted(shared, 'COUNT_QUEUE_BYTES'), 1000 + CHARGE_ENTRY + 1, 'one gap for both');
    t.is(counted(shared, 'COUNT_LEFT_OUT'), 2);
    one.take();
    one.commit([publish(0, 'a', 'y')]);
    t.deepEqual(one.takeAll(), [
      message('a', 'x', [1, 10], [2, 20]),
      missed([1, 10], [2, 20]),
      message('a', 'y', [1, 10], [4, 40], [2, 20]),
    ]);
    t.is(counted(shared, 'COUNT_QUEUE_BYTES'), 0);
    t.is(counted(shared, 'COUNT_MISSED'), 2);
  },
);

behaviour('a gap that some were told of is followed by another', (t, open) => {
  const { one } = open({ queueBytes: CHARGE_ENTRY + 2 });
  const handles = Array.from({ length: ENTRIES + 1 }, (_, index) => index + 1);
  one.commit([...handles.map((handle) => join(handle, 0, 'a')), publish(0, 'a', 'too long')]);
  t.is(kinds([one.take()])[0], 'missed');
  one.commit([publish(0, 'a', 'too long')]);
  const told = one.takeAll().flatMap((event) => (event.kind === 'missed' ? event.to : []));
  t.deepEqual(
    told.map(([handle]) => handle),
    [ENTRIES + 1, ...handles],
  );
});

behaviour('a gap that joins another is for those as well who joined between the two', (t, open) => {
  const { one } = open({ queueBytes: 200 });
  const long = publish(0, 'a', 'x'.repeat(200));
  one.commit([join(1, 10, 'a'), long, join(2, 20, 'a'), long, join(3, 30, 'a')]);
  t.deepEqual(one.takeAll(), [missed([1, 10], [2, 20])]);
});

behaviour(
  'a gap for all that some were told of is followed by another, and that is the last',
  (t, open) => {
    const { shared, one } = open();
    const handles = Array.from({ length: ENTRIES + 1 }, (_, index) => index + 1);
    one.commit([...handles.map((handle) => join(handle, 0, 'a')), gap]);
    t.is(kinds([one.take()])[0], 'missed');
    one.commit([gap, gap]);
    t.is(counted(shared, 'COUNT_QUEUE_BYTES'), 2 * CHARGE_ENTRY);
    const told = one.takeAll().flatMap((event) => (event.kind === 'missed' ? event.to : []));
    t.deepEqual(
      told.map(([handle]) => handle),
      [ENTRIES + 1, ...handles],
    );
  },
);

behaviour('at twice the bound one gap tells all who are members of anything', (t, open) => {
  const { shared, one } = open({ queueBytes: 300 });
  one.commit([join(9, 90, 'a'), join(-3, 0, 'b'), join(4, 40, 'c'), join(4, 41, 'd')]);
  const long = 'x'.repeat(300);
  const topics = ['a', 'b', 'c', 'd'].flatMap((topic) => [topic, topic]);
  one.commit(
    Array.from({ length: 20 }, () => topics.map((topic) => publish(0, topic, long))).flat(),
  );
  t.is(counted(shared, 'COUNT_QUEUE_BYTES'), 9 * (CHARGE_ENTRY + 1) + CHARGE_ENTRY);
  const events = one.takeAll();
  t.is(events.length, 10);
  t.deepEqual(events.at(-1), missed([-3, 0], [4, 0], [9, 0]));
});

behaviour(
  'retained messages that cannot follow a join are told as missed, to that connection',
  (t, open) => {
    const { one } = open({ queueBytes: 200 });
    one.commit([publish(0, 'a', 'x', FLAG_RETAIN), join(1, 0, 'f'), filling(200)]);
    one.commit([join(2, 20, 'a'), join(2, 21, '#', FLAG_PATTERN)]);
    one.commit([join(3, 0, 'a'), leave(3, 'a')]);
    t.deepEqual(kinds(one.takeAll()), ['message', 'missed']);
  },
);

behaviour('a value that does not fit is replied as LIMIT; a version always fits', (t, open) => {
  const { one } = open({ queueBytes: 200 });
  const value = 'x'.repeat(33);
  one.commit([join(1, 0, 'f'), filling(200), put(1, 0, 'k', value), get(1, 1, 'k')]);
  const [first] = one.takeAll();
  t.deepEqual(first, {
    kind: 'replies',
    replies: [
      { handle: 1, tag: 0, status: STATUS_OK, version: 1n, value: '' },
      { handle: 1, tag: 1, status: STATUS_LIMIT },
    ],
  });
});

behaviour('a direct message that does not fit is refused, and nobody is told', (t, open) => {
  const { shared, one, two } = open({ queueBytes: 100 });
  t.is(one.commit([direct(2, 1, 'a', 'x'.repeat(36))]), COMMITTED_REFUSED);
  t.is(one.commit([direct(2, 1, 'a', 'x'.repeat(35)), direct(2, 1, 'a', '')]), COMMITTED_REFUSED);
  t.is(two.takeAll().length, 1);
  t.is(counted(shared, 'COUNT_LEFT_OUT'), 2);
});

behaviour('a gap from elsewhere is told to all members of all seats, once', (t, open) => {
  const { one, two, another, woken } = open();
  another();
  one.commit([join(2, 0, 'a'), join(1, 0, 'b')]);
  two.commit([join(1, 0, 'a')]);
  t.is(one.commit([gap, gap]), COMMITTED_OWN);
  t.deepEqual(woken(), [2]);
  t.deepEqual(one.takeAll(), [missed([1, 0], [2, 0])]);
  t.deepEqual(two.takeAll(), [missed([1, 0])]);
});

behaviour('store records go to the seat that sees to them, which replies', (t, open) => {
  const { shared, one, two, woken } = open();
  shared.routeStore(2);
  t.is(one.commit([put(1, 10, 'k', 'v', { ttl: 5, expected: 7n }), get(0, 0, 'k')]), 0);
  t.deepEqual(woken(), [2]);
  t.like(asked(two.takeAll()), [
    { op: OP_PUT, handle: 1, tag: 10, first: 'k', second: 'v', ttl: 5, expected: 7n, seat: 1 },
    { op: OP_GET, handle: 0, first: 'k', seat: 1 },
  ]);
  t.is(counted(shared, 'COUNT_PENDING'), 1);
  t.is(counted(shared, 'COUNT_KEYS'), 0);
  shared.reply(1, 1, 10, STATUS_OK, bytesOf('12345678v'));
  shared.reply(1, 5, 0, STATUS_OK, bytesOf('12345678'));
  shared.reply(7, 1, 0, STATUS_OK, bytesOf('12345678'));
  t.deepEqual(woken(), [1]);
  const [event] = one.takeAll();
  t.like(event, { replies: [{ handle: 1, tag: 10, status: STATUS_OK, value: 'v' }] });
  t.is(event?.kind === 'replies' && event.replies.length, 1);
  shared.routeStore(-1);
  one.commit([put(1, 0, 'k', 'v')]);
  t.is(counted(shared, 'COUNT_KEYS'), 1);
});

behaviour(
  'store records are refused at once when their seat has no room, and queued if committed',
  (t, open) => {
    const { shared, one, two } = open({ queueBytes: 100 });
    shared.routeStore(2);
    t.is(one.check(put(1, 0, 'k', 'x'.repeat(35))), STATUS_OK);
    t.is(one.check(put(1, 0, 'k', 'x'.repeat(36))), STATUS_LIMIT);
    one.commit([get(1, 0, 'k'.repeat(36)), get(1, 0, 'k'.repeat(36))]);
    t.is(asked(two.takeAll()).length, 2);
  },
);

behaviour(
  'while the seat that sees to store records is not open, they are UNAVAILABLE',
  (t, open) => {
    const { shared, one } = open();
    shared.routeStore(9);
    t.is(one.commit([get(1, 3, 'k')]), COMMITTED_OWN);
    t.deepEqual(one.takeAll(), [
      { kind: 'replies', replies: [{ handle: 1, tag: 3, status: STATUS_UNAVAILABLE }] },
    ]);
  },
);

behaviour(
  'what is published goes to the seat that sees to it, but for what came from elsewhere',
  (t, open) => {
    const { shared, one, two } = open();
    shared.routePublishes(2);
    one.commit([
      publish(1, 'a', 'x', FLAG_RETAIN),
      publish(1, 'a', 'y', FLAG_INBOUND),
      direct(1, 1, 'a', 'z'),
    ]);
    t.like(asked(two.takeAll()), [
      { op: OP_PUBLISH, handle: 1, flags: FLAG_RETAIN, first: 'a', second: 'x', seat: 1 },
    ]);
  },
);

behaviour('publishes that their seat has no room for are replaced by one gap', (t, open) => {
  const { shared, one, two } = open({ queueBytes: 200 });
  shared.routePublishes(2);
  const long = publish(1, 'a', 'x'.repeat(100));
  one.commit([long, long, long]);
  const ops = asked([two.take()]).map(({ op, seat }) => [op, seat]);
  t.deepEqual(ops, [
    [OP_PUBLISH, 1],
    [OP_GAP, 1],
  ]);
  t.is(counted(shared, 'COUNT_LEFT_OUT'), 2);
  one.commit([long]);
  t.is(asked([two.take()]).length, 1);
});

behaviour('a record that the target cannot hold is an error of who takes', (t, open) => {
  const { shared, one } = open();
  shared.routePublishes(1);
  one.commit([publish(0, 'a', 'x'), publish(0, 'a', 'y')]);
  t.throws(() => one.take(40), { instanceOf: RangeError });
  t.is(asked([one.take(48)]).length, 1);
});
