// Topics in the twin: who gets which message, and in which order.

import { STATUS_LIMIT, STATUS_OK } from '../../assembly/abi.ts';
import {
  BLOCK_KIND,
  BLOCK_MISSED,
  CHARGE_LEVEL,
  CHARGE_MEMBER,
  CHARGE_RETAINED,
  CHARGE_TOPIC,
  COMMITTED_OWN,
  COMMITTED_REFUSED,
  DELIVERED_DIRECT,
  DELIVERED_RETAINED,
  ENTRIES,
  FLAG_OTHERS,
  FLAG_PATTERN,
  FLAG_QUIET,
  FLAG_RETAIN,
  FLAG_SHARED,
  TAKE_STEPS,
} from '../../host/shared/records.ts';
import { behaviour, counted } from '../helpers/shared-behaviour.ts';
import {
  direct,
  type Event,
  join,
  leave,
  publish,
  type Recipient,
} from '../helpers/shared-seats.ts';

const message = (topic: string, data: string, to: Recipient[], flags = 0): Event => ({
  ...{ kind: 'message', topic, data, flags, to },
});
const retained = (topic: string, data: string, to: Recipient): Event =>
  message(topic, data, [to], DELIVERED_RETAINED);
const missed = (...to: Recipient[]): Event => ({ kind: 'missed', to });
const to = (events: readonly Event[]): Recipient[] =>
  events.flatMap((event) => ('to' in event ? event.to : []));

behaviour(
  'a message goes to those who joined before it, at every seat, and to nobody else',
  (t, open) => {
    const { one, two, woken } = open();
    two.commit([join(3, 30, 'a'), join(4, 40, 'b')]);
    t.is(one.commit([join(1, 10, 'a'), publish(1, 'a', 'x'), join(2, 20, 'a')]), COMMITTED_OWN);
    t.deepEqual(one.takeAll(), [message('a', 'x', [[1, 10]])]);
    t.deepEqual(two.takeAll(), [message('a', 'x', [[3, 30]])]);
    t.deepEqual(woken(), [2]);
  },
);

behaviour('who has left gets nothing, not even what was published before', (t, open) => {
  const { one } = open();
  one.commit([join(1, 0, 'a'), join(2, 0, 'a'), publish(1, 'a', 'x'), leave(1, 'a')]);
  one.commit([leave(7, 'a'), leave(2, 'a', FLAG_PATTERN)]);
  t.deepEqual(one.takeAll(), [message('a', 'x', [[2, 0]])]);
});

behaviour(
  'who joins again gets the message once, with the new tag, and keeps the place',
  (t, open) => {
    const { one } = open();
    one.commit([join(1, 10, 'a'), join(2, 20, 'a'), publish(1, 'a', 'x'), join(1, 11, 'a')]);
    t.deepEqual(one.takeAll(), [
      message('a', 'x', [
        [1, 11],
        [2, 20],
      ]),
    ]);
  },
);

const SHARED = FLAG_PATTERN | FLAG_SHARED;

behaviour(
  'of those who share a pattern one is given each message, in turn, at whatever seat',
  (t, open) => {
    const { one, two } = open();
    one.commit([join(1, 10, 's/a/#', SHARED), join(2, 20, 's/a/#', SHARED)]);
    two.commit([join(3, 30, 's/a/#', SHARED), join(4, 40, 't/a/#', SHARED)]);
    two.commit([join(3, 31, 'a/#', FLAG_PATTERN)]);
    const given: string[] = [];
    for (const data of ['1', '2', '3', '4']) {
      one.commit([publish(1, 'a/b', data)]);
      for (const [, tag] of [...to(two.takeAll()), ...to(one.takeAll())])
        given.push(`${data} ${tag}`);
    }
    t.deepEqual(given.filter((one) => one.endsWith(' 40')).length, 4, 'another share');
    t.deepEqual(given.filter((one) => one.endsWith(' 31')).length, 4, 'a member besides');
    t.deepEqual(
      given.filter((one) => !/ (?:40|31)$/.test(one)),
      ['1 10', '2 20', '3 30', '4 10'],
    );
    two.commit([
      leave(3, 's/a/#', SHARED),
      leave(3, 'a/#', FLAG_PATTERN),
      leave(4, 't/a/#', SHARED),
    ]);
    one.commit([leave(1, 's/a/#', FLAG_PATTERN), leave(2, 's/a/#', SHARED)]);
    for (const data of ['5', '6']) one.commit([publish(1, 'a/b', data)]);
    t.deepEqual(to(one.takeAll()), [
      [1, 10],
      [1, 10],
    ]);
    t.deepEqual(two.takeAll(), []);
  },
);

behaviour('what is retained does not follow a join that is quiet or shared', (t, open) => {
  const { one } = open();
  one.commit([publish(1, 'a', 'x', FLAG_RETAIN)]);
  one.commit([join(1, 0, 'a', FLAG_QUIET), join(2, 0, '+', FLAG_PATTERN | FLAG_QUIET)]);
  one.commit([join(3, 0, 's/+', SHARED)]);
  t.deepEqual(one.takeAll(), []);
  one.commit([join(1, 0, 'a')]);
  t.deepEqual(one.takeAll(), [retained('a', 'x', [1, 0])]);
});

behaviour('OTHERS leaves out the connection that asks, with all its memberships', (t, open) => {
  const { one, two } = open();
  one.commit([join(1, 0, 'a'), join(1, 0, '+', FLAG_PATTERN), join(2, 0, 'a')]);
  two.commit([join(1, 0, 'a')]);
  one.commit([publish(1, 'a', 'x', FLAG_OTHERS)]);
  t.deepEqual(to(one.takeAll()), [[2, 0]]);
  t.deepEqual(to(two.takeAll()), [[1, 0]], 'the same handle of another seat is another connection');
});

behaviour(
  'a member of a topic and of patterns gets a message for each, in the order of the levels',
  (t, open) => {
    const { one } = open();
    const patterns = ['a/b', 'a/+', 'a/b/#', 'a/#', '+/b', '+/+', '+/#', '#'];
    one.commit([
      ...patterns.map((pattern, tag) => join(1, tag, pattern, FLAG_PATTERN)),
      join(1, 100, 'a/b'),
      publish(0, 'a/b', ''),
    ]);
    const tags = to(one.takeAll()).map(([, tag]) => tag);
    t.deepEqual(tags, [
      100,
      ...['#', '+/#', '+/+', '+/b', 'a/#', 'a/+', 'a/b/#', 'a/b'].map((name) =>
        patterns.indexOf(name),
      ),
    ]);
  },
);

behaviour('without PATTERN a join is of the topic as it is written', (t, open) => {
  const { one } = open();
  one.commit([join(1, 0, '#'), join(2, 0, 'a/+'), publish(0, 'a/b', 'x')]);
  t.deepEqual(one.takeAll(), []);
});

behaviour('messages of all topics come in the order in which they were published', (t, open) => {
  const { one, two } = open();
  for (const seat of [one, two]) seat.commit([join(1, 0, 'a'), join(1, 0, 'b')]);
  one.commit([publish(1, 'a', '1'), publish(1, 'b', '2')]);
  two.commit([publish(1, 'a', '3'), publish(1, 'b', '4')]);
  const data = (events: Event[]) => events.map((event) => 'data' in event && event.data);
  t.deepEqual(data(one.takeAll()), ['1', '2', '3', '4']);
  t.deepEqual(data(two.takeAll()), ['1', '2', '3', '4']);
});

behaviour(
  'a room larger than a block is served in several, whoever joins and leaves in between',
  (t, open) => {
    const { one } = open();
    const all = Array.from({ length: ENTRIES + 10 }, (_, index) => index + 1);
    one.commit(all.map((handle) => join(handle, 0, 'a')));
    one.commit([publish(0, 'a', 'x')]);
    const first = one.take();
    t.is(to([first]).length, ENTRIES);
    one.commit([leave(1, 'a'), leave(ENTRIES + 5, 'a'), join(1000, 0, 'a')]);
    const rest = [ENTRIES + 1, 2, 3, 4, 6, 7, 8, 9, 10].map((at) =>
      at < ENTRIES ? at + ENTRIES : at,
    );
    t.deepEqual(
      to(one.takeAll()),
      rest.map((handle): Recipient => [handle, 0]),
    );
  },
);

behaviour('a take that looks at much in vain says that there may be more', (t, open) => {
  const { one, two } = open();
  one.commit([join(1, 0, 'a', FLAG_PATTERN)]);
  for (let index = 0; index < 2 * TAKE_STEPS; index += 1) two.commit([publish(0, 'b', 'x')]);
  two.commit([publish(0, 'a', 'y')]);
  t.deepEqual(one.take(), { kind: 'more' });
  t.deepEqual(one.takeAll(), [message('a', 'y', [[1, 0]])]);
});

behaviour('what was written is written again on demand', (t, open) => {
  const { one } = open();
  one.commit([join(1, 0, 'a'), publish(0, 'a', 'x')]);
  t.deepEqual(one.take(), one.again());
});

behaviour('a retained message is given to who joins, and to members at once', (t, open) => {
  const { one, two } = open();
  one.commit([join(1, 10, 'a/b'), publish(0, 'a/b', 'old', FLAG_RETAIN)]);
  t.deepEqual(one.takeAll(), [message('a/b', 'old', [[1, 10]])]);
  one.commit([publish(0, 'a/c', 'c', FLAG_RETAIN), publish(0, 'a/b', 'new', FLAG_RETAIN)]);
  one.takeAll();
  two.commit([join(2, 20, 'a/b'), join(2, 21, 'a/+', FLAG_PATTERN), join(2, 22, 'b')]);
  t.deepEqual(two.takeAll(), [
    retained('a/b', 'new', [2, 20]),
    retained('a/c', 'c', [2, 21]),
    retained('a/b', 'new', [2, 21]),
  ]);
});

behaviour('who is given many retained messages keeps nobody else from theirs', (t, open) => {
  const { one } = open();
  const kept = ['k/a', 'k/b', 'k/c'];
  one.commit(kept.map((topic) => publish(0, topic, 'old', FLAG_RETAIN)));
  one.commit([join(2, 20, 'live'), join(1, 10, 'k/#', FLAG_PATTERN), publish(0, 'live', 'now')]);
  t.deepEqual(one.takeAll(), [
    retained('k/a', 'old', [1, 10]),
    message('live', 'now', [[2, 20]]),
    retained('k/b', 'old', [1, 10]),
    retained('k/c', 'old', [1, 10]),
  ]);
});

behaviour(
  'an empty retained message deletes the one that is kept, and is a message like others',
  (t, open) => {
    const { shared, one } = open();
    one.commit([publish(0, 'a', 'x', FLAG_RETAIN), join(1, 0, 'a')]);
    t.deepEqual(one.takeAll(), [retained('a', 'x', [1, 0])]);
    one.commit([publish(0, 'a', '', FLAG_RETAIN), join(2, 0, 'a')]);
    t.deepEqual(one.takeAll(), [message('a', '', [[1, 0]])]);
    t.is(counted(shared, 'COUNT_RETAINED'), 0);
  },
);

behaviour(
  'a retained message that is replaced after a join comes once, as the new one',
  (t, open) => {
    const { one, two } = open();
    two.commit([publish(0, 'a', 'old', FLAG_RETAIN)]);
    one.commit([join(1, 0, '#', FLAG_PATTERN)]);
    two.commit([publish(0, 'a', 'new', FLAG_RETAIN)]);
    t.deepEqual(one.takeAll(), [message('a', 'new', [[1, 0]])]);
  },
);

behaviour(
  'joined again, retained messages start anew, and those of the first join end',
  (t, open) => {
    const { one } = open();
    one.commit([
      publish(0, 'a', '1', FLAG_RETAIN),
      publish(0, 'b', '2', FLAG_RETAIN),
      join(1, 0, '+', FLAG_PATTERN),
    ]);
    t.deepEqual(one.take(), retained('a', '1', [1, 0]));
    one.commit([join(1, 5, '+', FLAG_PATTERN)]);
    t.deepEqual(one.takeAll(), [retained('a', '1', [1, 5]), retained('b', '2', [1, 5])]);
  },
);

behaviour('retained messages end with the membership', (t, open) => {
  const { one } = open();
  one.commit([publish(0, 'a', '1', FLAG_RETAIN), join(1, 0, 'a'), leave(1, 'a')]);
  t.deepEqual(one.takeAll(), []);
});

behaviour('a direct message goes to one connection of one seat, without a tag', (t, open) => {
  const { one, two, woken } = open();
  t.is(one.commit([direct(2, 7, 'kick', 'x')]), 0);
  t.deepEqual(woken(), [2]);
  t.deepEqual(two.takeAll(), [message('kick', 'x', [[7, 0]], DELIVERED_DIRECT)]);
  t.is(one.commit([direct(3, 7, 'kick', 'x')]), COMMITTED_REFUSED);
});

behaviour(
  'a message that ended a guest is given to nobody else, and all who wait are told',
  (t, open) => {
    const { shared, one, two } = open();
    one.commit([join(1, 10, 'a'), join(2, 20, 'a')]);
    two.commit([join(3, 30, 'a')]);
    one.commit([publish(0, 'a', 'x', FLAG_RETAIN), join(4, 40, 'a'), publish(0, 'a', 'y')]);
    t.deepEqual(
      one.take(),
      message('a', 'x', [
        [1, 10],
        [2, 20],
      ]),
    );
    one.shared.poison();
    one.shared.poison();
    t.is(one.block[BLOCK_KIND], BLOCK_MISSED);
    t.deepEqual(one.takeAll(), [
      missed([4, 40]),
      message('a', 'y', [
        [1, 10],
        [2, 20],
        [4, 40],
      ]),
    ]);
    t.deepEqual(two.takeAll(), [missed([3, 30]), message('a', 'y', [[3, 30]])]);
    t.is(counted(shared, 'COUNT_POISONED'), 1);
  },
);

behaviour('only a message can be poison', (t, open) => {
  const { shared, one } = open();
  one.shared.poison();
  t.is(counted(shared, 'COUNT_POISONED'), 0);
  t.is(one.block[BLOCK_KIND], 0);
});

behaviour('a message that the target has no room for is missed', (t, open) => {
  const { one } = open();
  one.commit([join(1, 10, 'a'), publish(0, 'a', 'long')]);
  t.deepEqual(one.takeAll(4), [missed([1, 10])]);
});

behaviour('what a connection joined ends with it', (t, open) => {
  const { shared, one } = open();
  one.commit([join(1, 0, 'a'), join(1, 0, 'a/#', FLAG_PATTERN), join(2, 0, 'a')]);
  one.shared.leaveAll(1);
  one.commit([publish(0, 'a', 'x')]);
  t.deepEqual(to(one.takeAll()), [[2, 0]]);
  t.is(counted(shared, 'COUNT_MEMBERS'), 1);
});

behaviour('a seat that is closed has no members, takes nothing, and commits nothing', (t, open) => {
  const { shared, one, two, woken } = open();
  two.commit([join(1, 0, 'a'), publish(0, 'a', 'x')]);
  shared.close(2);
  shared.close(2);
  t.deepEqual(two.take(), { kind: 'nothing' });
  t.is(two.commit([join(1, 0, 'a'), publish(0, 'a', 'y')]), 0);
  t.is(two.check(join(1, 0, 'a')), STATUS_OK);
  one.commit([publish(0, 'a', 'z')]);
  t.deepEqual(woken(), []);
  t.is(counted(shared, 'COUNT_MEMBERS'), 0);
  t.is(counted(shared, 'COUNT_QUEUE_BYTES'), 0);
  t.throws(() => shared.seat(2), { instanceOf: RangeError });
});

behaviour('a seat is woken once, until it has found nothing', (t, open) => {
  const { one, two, woken } = open();
  two.commit([join(1, 0, 'a')]);
  one.commit([publish(0, 'a', '1')]);
  one.commit([publish(0, 'a', '2')]);
  two.take();
  one.commit([publish(0, 'a', '3')]);
  t.deepEqual(woken(), [2]);
  t.is(two.takeAll().length, 2);
  one.commit([publish(0, 'a', '4')]);
  t.deepEqual(woken(), [2]);
});

behaviour('a seat with something of its own to take is not woken by others', (t, open) => {
  const { one, two, woken } = open();
  t.is(two.commit([join(1, 0, 'a'), publish(0, 'a', '1')]), COMMITTED_OWN);
  one.commit([publish(0, 'a', '2')]);
  t.deepEqual(woken(), []);
});

behaviour('a seat without an eventfd is not woken', (t, open) => {
  const { shared, one, woken } = open();
  shared.open(3, -1);
  one.commit([direct(3, 1, 'a', 'x')]);
  t.deepEqual(woken(), []);
});

behaviour(
  'a join is refused when the connection has as many as it may, but not joining again',
  (t, open) => {
    const { one } = open({ maxJoins: 2 });
    t.is(one.check(join(1, 0, 'a'), 1), STATUS_OK);
    t.is(one.check(join(1, 0, 'a'), 2), STATUS_LIMIT);
    one.commit([join(1, 0, 'a'), join(1, 0, 'a', FLAG_PATTERN)]);
    t.is(one.check(join(1, 0, 'a')), STATUS_OK);
    t.is(one.check(join(1, 0, 'b')), STATUS_LIMIT);
    t.is(one.check(join(2, 0, 'b')), STATUS_OK);
  },
);

behaviour('joins and retained messages are refused at the bound, by the formula', (t, open) => {
  const first = CHARGE_TOPIC + 'abc'.length + CHARGE_MEMBER;
  const pattern = CHARGE_TOPIC + 'a/+'.length + 2 * CHARGE_LEVEL + CHARGE_MEMBER;
  const kept = CHARGE_RETAINED + 'abc'.length + 'data'.length;
  const { shared, one } = open({ groupBytes: first + pattern + kept });
  one.commit([join(1, 0, 'abc'), join(1, 0, 'a/+', FLAG_PATTERN)]);
  t.is(counted(shared, 'COUNT_GROUP_BYTES'), first + pattern);
  t.is(one.check(publish(0, 'abc', 'data', FLAG_RETAIN)), STATUS_OK);
  t.is(one.check(publish(0, 'abc', 'data!', FLAG_RETAIN)), STATUS_LIMIT);
  t.is(one.check(publish(0, 'abc', 'data!')), STATUS_OK);
  t.is(one.check(join(2, 0, 'abc')), STATUS_OK);
  t.is(one.check(join(2, 0, 'd')), STATUS_LIMIT);
  one.commit([publish(0, 'abc', 'data', FLAG_RETAIN)]);
  t.is(counted(shared, 'COUNT_GROUP_BYTES'), first + pattern + kept);
  t.is(one.check(join(2, 0, 'abc')), STATUS_LIMIT);
  t.is(one.check(publish(0, 'abc', 'more', FLAG_RETAIN)), STATUS_OK, 'it replaces one as long');
  t.is(one.check(publish(0, 'abc', '', FLAG_RETAIN)), STATUS_OK);
  one.commit([publish(0, 'abc', '', FLAG_RETAIN)]);
  one.shared.leaveAll(1);
  t.is(counted(shared, 'COUNT_GROUP_BYTES'), 0);
  t.is(counted(shared, 'COUNT_TOPICS'), 0);
});

behaviour(
  'a successor has what its connections joined, and the block that was being served',
  (t, open) => {
    const { shared, one } = open();
    one.commit([join(1, 10, 'a'), join(2, 20, 'a'), publish(0, 'a', 'x'), publish(0, 'a', 'y')]);
    const block = one.take();
    const next = shared.seat(1);
    next.bind(new Uint8Array(8), one.block);
    next.adopt(Int32Array.of(2), 1, new Int32Array(1));
    t.deepEqual(one.again(), block);
    t.deepEqual(one.takeAll(), [message('a', 'y', [[2, 20]])]);
  },
);
