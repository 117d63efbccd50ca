// Shares in the twin and in the addon: whose turn it is, what a share is charged, and how far a seat may stay
// behind the others.

import test from 'ava';
import { STATUS_LIMIT, STATUS_OK } from '../../assembly/abi.ts';
import { native } from '../../host/kernel/native.ts';
import {
  CHARGE_LEVEL,
  CHARGE_MEMBER,
  CHARGE_TOPIC,
  DELIVERED_RETAINED,
  FLAG_PATTERN,
  FLAG_QUIET,
  FLAG_RETAIN,
  FLAG_SHARED,
  OP_JOIN,
  OP_LEAVE,
} from '../../host/shared/records.ts';
import { behaviour, counted } from '../helpers/shared-behaviour.ts';
import { type Event, join, leave, publish, roomy, Seat } from '../helpers/shared-seats.ts';

const SHARED = FLAG_PATTERN | FLAG_SHARED;

const handles = (events: readonly Event[]): number[] =>
  events.flatMap((event) => ('to' in event ? event.to.map(([handle]) => handle) : []));

behaviour('a share is charged its name, and each membership in it twice', (t, open) => {
  const pattern = CHARGE_TOPIC + 'a/#'.length + 2 * CHARGE_LEVEL;
  const first = pattern + CHARGE_TOPIC + 'name'.length + 2 * CHARGE_MEMBER;
  const other = CHARGE_TOPIC + 'n'.length + 2 * CHARGE_MEMBER;
  const { shared, one, two } = open({ groupBytes: first + 2 * CHARGE_MEMBER + other });
  const bytes = () => counted(shared, 'COUNT_GROUP_BYTES');
  one.commit([join(1, 0, 'name/a/#', SHARED), join(1, 1, 'name/a/#', SHARED)]);
  t.is(bytes(), first);
  two.commit([join(1, 0, 'name/a/#', SHARED)]);
  t.is(bytes(), first + 2 * CHARGE_MEMBER);
  t.is(one.check(join(2, 0, 'n/a/#', SHARED)), STATUS_OK);
  t.is(one.check(join(2, 0, 'no/a/#', SHARED)), STATUS_LIMIT);
  one.commit([join(2, 0, 'n/a/#', SHARED)]);
  t.is(bytes(), first + 2 * CHARGE_MEMBER + other);
  t.is(one.check(join(2, 1, 'n/a/#', SHARED)), STATUS_OK, 'joining again costs nothing');
  one.commit([leave(1, 'name/a/#', SHARED)]);
  two.commit([leave(1, 'name/a/#', SHARED)]);
  t.is(bytes(), pattern + other);
  one.shared.leaveAll(2);
  t.is(bytes(), 0);
});

behaviour('who leaves a share takes the turn of nobody else', (t, open) => {
  const { one } = open();
  one.commit([1, 2, 3, 4].map((handle) => join(handle, 0, 's/a', SHARED)));
  const next = (): number[] => {
    one.commit([publish(0, 'a', 'x')]);
    return handles(one.takeAll());
  };
  t.deepEqual([next(), next()], [[1], [2]]);
  one.commit([leave(1, 's/a', SHARED)]);
  t.deepEqual([next(), next(), next()], [[3], [4], [2]]);
});

behaviour('a quiet join leaves what is still to follow the join before', (t, open) => {
  const { one } = open();
  one.commit(['a', 'b', 'c'].map((topic) => publish(0, topic, topic, FLAG_RETAIN)));
  one.commit([join(1, 10, '+', FLAG_PATTERN), join(1, 20, 'c')]);
  t.deepEqual(handles([one.take()]), [1]);
  one.commit([join(1, 11, '+', FLAG_PATTERN | FLAG_QUIET), join(1, 21, 'c', FLAG_QUIET)]);
  const kept = (topic: string, tag: number): Event => ({
    ...{ kind: 'message', topic, data: topic, flags: DELIVERED_RETAINED, to: [[1, tag]] },
  });
  t.deepEqual(one.takeAll(), [kept('c', 21), kept('b', 11), kept('c', 11)]);
});

test('a record that shares nothing is none', (t) => {
  const shared = native.shared(roomy);
  t.teardown(() => shared.release());
  shared.open(0, -1);
  const seat = new Seat(shared.seat(0));
  for (const op of [OP_JOIN, OP_LEAVE]) {
    for (const first of ['', 'a', '/', '/a', 'a/']) {
      const asked = { op, handle: 1, first, flags: SHARED };
      t.throws(() => seat.check(asked), { instanceOf: RangeError });
      t.throws(() => seat.commit([asked]), { instanceOf: RangeError });
    }
    const exact = { op, handle: 1, first: 's/a', flags: FLAG_SHARED };
    t.throws(() => seat.commit([exact]), { instanceOf: RangeError });
  }
  t.is(counted(shared, 'COUNT_MEMBERS'), 0);
});

// The addon remembers 2^18 choices; the twin has no bound.
test('a seat that is too far behind tells those who share what they may have missed', (t) => {
  const shared = native.shared(roomy);
  t.teardown(() => shared.release());
  for (const number of [0, 1]) shared.open(number, -1);
  const [fast, slow] = [new Seat(shared.seat(0)), new Seat(shared.seat(1))];
  const names = Array.from({ length: 1024 }, (_, index) => `${index}/a`);
  for (const seat of [fast, slow]) seat.commit(names.map((name) => join(1, 0, name, SHARED)));
  const messages = 300;
  for (let sent = 0; sent < messages; sent += 1) fast.commit([publish(0, 'a', `${sent}`)]);
  const given = (events: readonly Event[]) =>
    handles(events.filter(({ kind }) => kind === 'message')).length;
  const turns = (messages * names.length) / 2;
  t.is(given(fast.takeAll()), turns);
  const events = slow.takeAll();
  const lost = turns - given(events);
  t.true(lost > 0 && lost <= messages * names.length - 2 ** 18, `${lost} are lost`);
  t.true(events.some(({ kind }) => kind === 'missed'));
});
