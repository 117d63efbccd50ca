// Retained messages with an end, in the twin and in the addon: who still gets them, and when their room is free again.

import { STATUS_LIMIT, STATUS_OK } from '../../assembly/abi.ts';
import {
  CHARGE_RETAINED,
  FLAG_PATTERN,
  FLAG_RETAIN,
  OP_PUBLISH,
} from '../../host/shared/records.ts';
import { behaviour, counted } from '../helpers/shared-behaviour.ts';
import { type Asking, type Event, join, publish } from '../helpers/shared-seats.ts';

const keep = (first: string, ttl: number, second = 'data'): Asking => ({
  ...{ op: OP_PUBLISH, first, second, flags: FLAG_RETAIN, ttl },
});
const topics = (events: readonly Event[]): string[] =>
  events.flatMap((event) => ('topic' in event ? [event.topic] : []));

behaviour('a retained message is given to nobody once it is over', (t, open) => {
  const { shared, one } = open();
  one.commit([keep('a', 10), keep('b', 20), keep('c', 0)], 100);
  one.commit([join(1, 0, '+', FLAG_PATTERN), join(1, 0, 'a')], 109);
  t.deepEqual(topics([one.take(undefined, 109)]), ['a']);
  t.deepEqual(topics(one.takeAll(undefined, 110)), ['b', 'c']);
  one.commit([join(2, 0, 'b'), join(2, 0, 'c')], 120);
  t.deepEqual(topics(one.takeAll(undefined, 120)), ['c']);
  t.is(counted(shared, 'COUNT_RETAINED'), 1);
});

behaviour(
  'members get a message whatever its end, and one that replaces it has its own',
  (t, open) => {
    const { one } = open();
    one.commit([join(1, 0, 'a'), keep('a', 1)], 100);
    t.deepEqual(topics(one.takeAll(undefined, 200)), ['a']);
    one.commit([keep('a', 10), keep('a', 0)], 200);
    one.commit([keep('b', 10), publish(0, 'b', '', FLAG_RETAIN), keep('b', 1000)], 200);
    one.takeAll(undefined, 200);
    one.commit([join(2, 0, '+', FLAG_PATTERN)], 300);
    t.deepEqual(topics(one.takeAll(undefined, 300)), ['a', 'b']);
  },
);

behaviour('what is over makes room for others, and is removed by and by', (t, open) => {
  const each = CHARGE_RETAINED + 'topic-000data'.length;
  const { shared, one, two } = open({ groupBytes: 400 * each });
  const name = (index: number) => `topic-${String(index).padStart(3, '0')}`;
  for (let index = 0; index < 300; index += 1) one.commit([keep(name(index), 50)], 100);
  t.is(two.check(keep('topic-300', 50)), STATUS_LIMIT);
  two.commit([publish(0, 'other', 'x')], 150);
  t.is(two.check(keep('topic-300', 50)), STATUS_OK);
  for (let index = 0; index < 300; index += 1) two.commit([join(index + 1, 0, 'room')], 150);
  t.is(counted(shared, 'COUNT_RETAINED'), 0);
});
