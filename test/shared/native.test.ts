// The addon's side of shared state alone: which arguments it refuses, memory that goes away, and how long
// things live. What it does with good arguments is in the tests that it has in common with the twin.

import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import * as Records from '../../host/shared/records.ts';
import {
  collect,
  descriptors,
  detach,
  loosely,
  outOfRange,
  wrongState,
  wrongType,
} from '../helpers/native.ts';
import { get, join, publish, put, roomy, Seat, writeRecord } from '../helpers/shared-seats.ts';
import { ENDS, end, thread } from '../helpers/threads.ts';

const HEAD = Records.RECORD * 4;

/** A Shared with seat 0 open, and that seat with a log of its own. */
function single(limits = roomy) {
  const shared = native.shared(limits);
  shared.open(0, -1);
  const log = new Uint8Array(4096);
  const block = new Int32Array(Records.BLOCK);
  const seat = shared.seat(0);
  seat.bind(log, block);
  return { shared, seat, log, block };
}

const window = new Uint8Array(1024);

test('limits are numbers that are not negative', (t) => {
  wrongType(t, () => loosely(native.shared)());
  wrongType(t, () => loosely(native.shared)({ ...roomy, queueBytes: '1' }));
  wrongType(t, () => loosely(native.shared)({ groupBytes: 1 }));
  outOfRange(t, () => native.shared({ ...roomy, storeBytes: -1 }), /^Shared: storeBytes/);
  outOfRange(t, () => native.shared({ ...roomy, groupBytes: Number.NaN }));
  outOfRange(t, () => native.shared({ ...roomy, maxJoins: 2 ** 31 }));
  const hostile = {
    ...roomy,
    get queueBytes(): number {
      throw new SyntaxError('on purpose');
    },
  };
  t.throws(() => native.shared(hostile), { instanceOf: SyntaxError });
});

test('a seat is opened once, and only an open one can be had', (t) => {
  const { shared } = single();
  outOfRange(t, () => shared.open(0, -1), /seat 0 is open/);
  outOfRange(t, () => shared.open(-1, -1));
  outOfRange(t, () => shared.open(4096, -1));
  wrongType(t, () => loosely(shared.open.bind(shared))('1', -1));
  outOfRange(t, () => shared.seat(1), /seat 1 is not open/);
  shared.close(0);
  shared.close(0);
  outOfRange(t, () => shared.seat(0));
  shared.open(0, -1);
  t.is(typeof shared.seat(0).commit, 'function');
});

test('a seat is found by the number of what it belongs to, until that is released', (t) => {
  const { shared } = single();
  t.true(Number.isSafeInteger(shared.id));
  t.not(native.shared(roomy).id, shared.id);
  const other = new Seat(native.seat(shared.id, 0));
  other.commit([put(0, 0, 'key', 'value')]);
  const own = new Seat(shared.seat(0));
  own.commit([get(1, 1, 'key')]);
  t.like(other.take(), { kind: 'replies' });
  outOfRange(t, () => native.seat(shared.id, 1), /not open/);
  outOfRange(t, () => native.seat(2 ** 31 - 1, 0), /nothing shared/);
  outOfRange(t, () => native.seat(0, 0));
  shared.release();
  shared.release();
  outOfRange(t, () => native.seat(shared.id, 0));
  t.is(own.commit([publish(0, 'a', 'b')]), 0);
  t.deepEqual(own.take(), { kind: 'nothing' });
});

test('the log is aligned and the block has room, or they are refused', (t) => {
  const { shared } = single();
  const seat = shared.seat(0);
  const [log, block] = [new Uint8Array(64), new Int32Array(Records.BLOCK)];
  wrongType(t, () => loosely(seat.bind)(new Int8Array(64), block));
  wrongType(t, () => loosely(seat.bind)(log, new Uint32Array(Records.BLOCK)));
  outOfRange(t, () => seat.bind(new Uint8Array(new ArrayBuffer(64), 4), block), /multiple of 8/);
  outOfRange(t, () => seat.bind(log, block.subarray(1)), /block 1288 elements/);
  outOfRange(t, () => seat.bind(new Uint8Array(0), block), /log must have bytes/);
  wrongState(t, () => seat.commit(0, 0));
  wrongState(t, () => seat.check(0, 0));
  wrongState(t, () => seat.take(window, 0, 1024, 0));
  wrongState(t, () => seat.poison());
  wrongState(t, () => seat.adopt(new Int32Array(1), 1, new Int32Array(1)));
});

test('of a log with a bad record no record is performed', (t) => {
  const { shared, seat, log } = single();
  const end = writeRecord(log, 0, join(1, 1, 'topic'));
  const after = writeRecord(log, end, publish(0, 'topic', 'data'));
  const words = new Int32Array(log.buffer, end);
  const columns = new Float64Array(Records.COUNTS);
  const spoilt = (word: number, value: number, length = after) => {
    const before = words[word]!;
    words[word] = value;
    outOfRange(t, () => seat.commit(length, 0), new RegExp(`no record at ${end}$`));
    outOfRange(t, () => seat.check(end, 0));
    words[word] = before;
  };
  for (const value of [-1, 10_000, 2 ** 31 - 1, -(2 ** 31)]) {
    spoilt(Records.RECORD_FIRST, value);
    spoilt(Records.RECORD_SECOND, value);
  }
  for (const op of [0, -1, 10, 2 ** 31 - 1]) spoilt(Records.RECORD_OP, op);
  outOfRange(t, () => seat.commit(after - 8, 0));
  outOfRange(t, () => seat.commit(end + HEAD - 8, 0));
  outOfRange(t, () => seat.commit(log.length + 1, 0));
  outOfRange(t, () => seat.commit(1.5, 0));
  outOfRange(t, () => seat.commit(after, Number.NaN), /now/);
  wrongType(t, () => loosely(seat.commit)(after));
  outOfRange(t, () => seat.check(4, 0));
  outOfRange(t, () => seat.check(log.length, 0));
  shared.count(columns);
  t.deepEqual([...columns], Array(Records.COUNTS).fill(0));
  t.is(seat.commit(after, 0), Records.COMMITTED_OWN);
});

test('memory that was detached or has shrunk is noticed before anything happens', (t) => {
  const { seat, log, block } = single();
  const length = writeRecord(log, 0, publish(0, 'topic', 'data'));
  detach(log.buffer as ArrayBuffer);
  wrongState(t, () => seat.commit(length, 0));
  wrongState(t, () => seat.check(0, 0));
  detach(block.buffer as ArrayBuffer);
  wrongState(t, () => seat.take(window, 0, 1024, 0));
  wrongState(t, () => seat.poison());
  const small = new Uint8Array(8);
  detach(small.buffer);
  seat.bind(new Uint8Array(64), new Int32Array(Records.BLOCK));
  outOfRange(t, () => seat.take(small, 0, 8, 0), /leave the target of 0 bytes/);
});

test("what grows is wasm's memory: the window is given anew, and the block is in shared memory", (t) => {
  const { shared } = single();
  const block = new Int32Array(new SharedArrayBuffer(Records.BLOCK * 4));
  const seat = new Seat(shared.seat(0), block);
  seat.commit([join(1, 1, 'topic'), publish(0, 'topic', 'data')]);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const old = new Uint8Array(memory.buffer);
  memory.grow(1);
  outOfRange(t, () => seat.shared.take(old, 0, 100, 0));
  const grown = new Uint8Array(memory.buffer);
  t.is(seat.shared.take(grown, 65_536, 100, 0), 1);
  t.is(Buffer.from(grown.subarray(65_536, 65_545)).toString(), 'topicdata');
  memory.grow(1);
  outOfRange(t, () => seat.shared.again(grown, 0));
  const again = new Uint8Array(memory.buffer);
  again.fill(0);
  seat.shared.again(again, 7);
  t.is(Buffer.from(again.subarray(7, 16)).toString(), 'topicdata');
  outOfRange(t, () => seat.shared.again(again.subarray(0, 8), 0), /no room for 9 bytes/);
});

test('a take leaves its target alone but for what it was given', (t) => {
  const { seat, log } = single();
  outOfRange(t, () => seat.take(window, 1000, 25, 0));
  outOfRange(t, () => seat.take(window, -1, 8, 0));
  wrongType(t, () => loosely(seat.take)(new Int32Array(8), 0, 8, 0));
  wrongType(t, () => loosely(seat.take)(window, 0, 8));
  seat.commit(writeRecord(log, 0, put(0, 0, 'key', 'value')), 0);
  seat.commit(writeRecord(log, 0, get(1, 1, 'key')), 0);
  window.fill(9);
  t.is(seat.take(window, 8, 13, 0), 1);
  t.deepEqual(
    [...window.subarray(0, 24)],
    [...Array(8).fill(9), ...[1, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from('value')], ...[9, 9, 9]],
  );
});

test('the columns and lists that are filled have room for all', (t) => {
  const { shared, seat } = single();
  outOfRange(t, () => shared.count(new Float64Array(Records.COUNTS - 1)));
  wrongType(t, () => loosely(shared.count.bind(shared))(new Float32Array(99)));
  outOfRange(t, () => seat.adopt(new Int32Array(1), 2, new Int32Array(2)));
  outOfRange(t, () => seat.adopt(new Int32Array(2), 2, new Int32Array(1)));
  outOfRange(t, () => seat.leaveAll(2 ** 31));
  wrongType(t, () => loosely(shared.reply.bind(shared))(0, 1, 1, 0, 'text'));
  outOfRange(t, () => shared.reply(-1, 1, 1, 0, window));
});

test.serial(
  'the eventfd of a seat is closed with the seat, or with what it belongs to',
  async (t) => {
    const before = descriptors();
    const shared = native.shared(roomy);
    shared.open(0, native.eventfd(0));
    shared.open(1, native.eventfd(0));
    t.is(descriptors().length, before.length + 2);
    shared.close(0);
    t.is(descriptors().length, before.length + 1);
    shared.release();
    t.deepEqual(descriptors(), before);
    (() => native.shared(roomy).open(0, native.eventfd(0)))();
    await collect(() => descriptors().length === before.length);
    t.deepEqual(descriptors(), before);
  },
);

test('a seat rings its eventfd, once for all that waits', (t) => {
  const { shared, seat, log } = single();
  const fd = native.eventfd(0);
  shared.open(1, fd);
  const other = new Seat(shared.seat(1));
  other.commit([join(1, 1, 'topic')]);
  const length = writeRecord(log, 0, publish(0, 'topic', 'data'));
  seat.commit(length, 0);
  seat.commit(length, 0);
  const count = new Uint8Array(8);
  t.is(native.read(fd, count, 0, 8), 8);
  t.deepEqual([...count], [1, 0, 0, 0, 0, 0, 0, 0]);
  shared.release();
});

for (const how of ENDS) {
  test.serial(`what a thread shares ends with it, and not before: ${how}`, async (t) => {
    const before = descriptors();
    const [worker, id] = await thread(
      t,
      `
      const shared = native.shared(${JSON.stringify(roomy)});
      shared.open(0, native.eventfd(0));
      shared.open(1, native.eventfd(0));
      globalThis.kept = [shared, shared.seat(0)];
      say(shared.id);`,
    );
    const seat = new Seat(native.seat(id as number, 1));
    t.is(seat.commit([join(1, 1, 'topic'), publish(0, 'topic', 'data')]), Records.COMMITTED_OWN);
    await end(worker, how);
    t.is(seat.commit([publish(0, 'topic', 'data')]), 0);
    t.deepEqual(seat.take(), { kind: 'nothing' });
    outOfRange(t, () => native.seat(id as number, 1));
    t.deepEqual(descriptors(), before);
  });
}

test('a search among thousands of retained messages keeps nobody else from theirs', (t) => {
  const shared = native.shared(roomy);
  shared.open(0, -1);
  const one = new Seat(shared.seat(0));
  for (let count = 0; count < 8000; count += 100) {
    const kept = Array.from({ length: 100 }, (_, at) => `k/${count + at}`);
    one.commit(kept.map((topic) => publish(0, topic, 'x', Records.FLAG_RETAIN)));
  }
  one.commit([join(2, 20, 'live'), join(1, 10, 'none/#', Records.FLAG_PATTERN)]);
  one.commit([publish(0, 'live', 'now')]);
  t.is(one.take().kind, 'more');
  t.is(one.take().kind, 'message');
  t.deepEqual(one.takeAll(), []);
});

test('a message that is compared with thousands of patterns holds up no reply', (t) => {
  const levels = 11;
  const shared = native.shared({ ...roomy, groupBytes: 1 << 26, maxJoins: 1 << levels });
  shared.open(0, -1);
  const one = new Seat(shared.seat(0));
  for (let mask = 0; mask < 1 << levels; mask += 1) {
    const pattern = Array.from({ length: levels }, (_, at) => ((mask >> at) & 1 ? '+' : 'a'));
    one.commit([join(1, mask, `${pattern.join('/')}/end`, Records.FLAG_PATTERN)]);
  }
  const topic = Array.from({ length: levels }, () => 'a').join('/');
  one.commit([publish(0, topic, 'x')]);
  t.is(one.take().kind, 'more');
  one.commit([get(1, 1, 'key')]);
  t.is(one.take().kind, 'replies');
  let takes = 1;
  while (one.take().kind === 'more') takes += 1;
  // Each node is looked at once: there are 4,095.
  t.true(takes > 1 && takes <= 8, `${takes}`);
});
