// The store as a program sees it, over the twin: promises that settle with the replies, and every refusal.

import test from 'ava';
import { STATUS_OK, STATUS_UNAVAILABLE, STATUS_UNKNOWN } from '../../assembly/abi.ts';
import { StoreError } from '../../host/errors.ts';
import type { SharedRecord } from '../../host/shared/member/drafts.ts';
import type { Store } from '../../host/shared/member/requests.ts';
import { OwnSide, WORKER } from '../helpers/own-side.ts';
import { get, put } from '../helpers/shared-seats.ts';

/** A store whose answers come at once. */
function storeOf(side: OwnSide): Store {
  const answered = <Answer>(asked: Promise<Answer>): Promise<Answer> => {
    side.settle();
    return asked;
  };
  const { store } = side.member;
  return {
    get: (...values) => answered(store.get(...values)),
    put: (...values) => answered(store.put(...values)),
    delete: (...values) => answered(store.delete(...values)),
    add: (...values) => answered(store.add(...values)),
  };
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

test('a value is put, read with its version, and deleted', async (t) => {
  const store = storeOf(new OwnSide());
  t.is(await store.get('key'), null);
  const version = await store.put('key', 'välue');
  t.is(version.length, 8);
  const found = await store.get(new Uint8Array([0x6b, 0x65, 0x79]));
  t.deepEqual(found?.version, version);
  t.is(text(found?.value), 'välue');
  t.true(await store.delete('key'));
  t.false(await store.delete('key'));
  t.is(await store.get('key'), null);
});

test('a value may be empty, and any bytes', async (t) => {
  const store = storeOf(new OwnSide());
  await store.put('empty', '');
  await store.put('bytes', new Uint8Array([0, 255]));
  t.deepEqual((await store.get('empty'))?.value, new Uint8Array(0));
  t.deepEqual((await store.get('bytes'))?.value, new Uint8Array([0, 255]));
});

test('with an expected version only that one is replaced or deleted', async (t) => {
  const store = storeOf(new OwnSide());
  const code = 'ERR_CONFLICT';
  const first = await store.put('key', '1', { expected: null });
  await t.throwsAsync(store.put('key', '2', { expected: null }), { code, instanceOf: StoreError });
  const second = await store.put('key', '2', { expected: first });
  await t.throwsAsync(store.put('key', '3', { expected: first }), { code });
  await t.throwsAsync(store.delete('key', { expected: first }), { code });
  t.is(text((await store.get('key'))?.value), '2');
  t.true(await store.delete('key', { expected: second }));
});

test('add counts, from 0 if there is nothing, and refuses what is no number or too large', async (t) => {
  const store = storeOf(new OwnSide());
  t.is(await store.add('count', 2), 2);
  t.is(await store.add('count', -0.5), 1.5);
  t.is(text((await store.get('count'))?.value), '1.5');
  await store.put('word', 'many');
  await t.throwsAsync(store.add('word', 1), { code: 'ERR_CONFLICT' });
  await store.put('most', String(Number.MAX_SAFE_INTEGER));
  await t.throwsAsync(store.add('most', 1), { code: 'ERR_LIMIT' });
});

test('a time to live ends by the clock; add starts one only for a new key', async (t) => {
  const side = new OwnSide();
  const store = storeOf(side);
  await store.put('short', 'x', { ttlMs: 100 });
  await store.add('count', 1, { ttlMs: 100 });
  side.now += 99;
  await store.add('count', 1, { ttlMs: 100 });
  t.not(await store.get('short'), null);
  side.now += 1;
  t.is(await store.get('short'), null);
  t.is(await store.add('count', 1), 1);
});

test('what guests put is read here, and the other way round', async (t) => {
  const side = new OwnSide();
  const store = storeOf(side);
  side.worker.commit([put(5, 1, 'theirs', 'x')]);
  t.is(text((await store.get('theirs'))?.value), 'x');
  await store.put('ours', 'y');
  side.worker.takeAll();
  side.worker.commit([get(5, 2, 'ours')]);
  const replies = [{ handle: 5, tag: 2, status: 0, version: 2n, value: 'y' }];
  t.deepEqual(side.worker.takeAll(), [{ kind: 'replies', replies }]);
});

test('a full store refuses, and throws nothing out', async (t) => {
  const store = storeOf(new OwnSide({ storeBytes: 1000 }));
  await store.put('key', 'x'.repeat(500));
  await t.throwsAsync(store.put('more', 'x'.repeat(500)), { code: 'ERR_LIMIT' });
  t.is((await store.get('key'))?.value.length, 500);
});

test('answers come in the order asked, for as many as are asked at once', async (t) => {
  const side = new OwnSide();
  const { store } = side.member;
  const order: number[] = [];
  const asked = Array.from({ length: 600 }, async (_, index) => {
    t.is(await store.add('count', 1), index + 1);
    order.push(index);
  });
  side.settle();
  await Promise.all(asked);
  t.deepEqual(
    order,
    Array.from({ length: 600 }, (_, index) => index),
  );
});

test('more requests than maxPending are refused, and those that wait are answered', async (t) => {
  const side = new OwnSide({}, { maxPending: 2 });
  const { store } = side.member;
  const asked = [store.add('a', 1), store.add('a', 1)];
  await t.throwsAsync(store.add('a', 1), { code: 'ERR_LIMIT', message: /\(maxPending\)$/ });
  side.settle();
  t.deepEqual(await Promise.all(asked), [1, 2]);
  t.is(await storeOf(side).add('a', 1), 3);
});

const wrong: readonly [string, (store: Store) => Promise<unknown>, RegExp][] = [
  ['no key', (store) => store.get(''), /^store\.get: the key is empty$/],
  [
    'a key of another type',
    (store) => store.get(null as never),
    /^store\.get: the key must be a string or a Uint8Array, got object$/,
  ],
  [
    'a key that is too long',
    (store) => store.delete('x'.repeat(513)),
    /^store\.delete: the key takes at most 512 bytes \(maxKeyBytes\), and this has 513$/,
  ],
  [
    'a value that is too long',
    (store) => store.put('a', new Uint8Array(65_537)),
    /^store\.put: the value takes at most 65536 bytes \(maxValueBytes\), and this has 65537$/,
  ],
  [
    'a version that is none',
    (store) => store.put('a', 'b', { expected: new Uint8Array(7) }),
    /^store\.put: expected must be a version that the store has given, or null$/,
  ],
  [
    'a time that is none',
    (store) => store.put('a', 'b', { ttlMs: -1 }),
    /^store\.put: ttlMs must be a whole number from 0 to 4294967295, got -1$/,
  ],
  [
    'a number that is none',
    (store) => store.add('a', Number.NaN),
    /^store\.add: delta must be a finite number, got NaN$/,
  ],
  [
    'a number as text',
    (store) => store.add('a', '1' as never),
    /^store\.add: delta must be a finite number, got '1'$/,
  ],
];

for (const [what, call, message] of wrong) {
  test(`${what} is refused by rejection, with what is taken`, async (t) => {
    const asked = call(new OwnSide().member.store);
    await t.throwsAsync(asked, { code: 'ERR_OPTION', message });
  });
}

test('after the close what waits is rejected, and so is what is asked', async (t) => {
  const side = new OwnSide();
  const asked = side.member.store.put('a', 'b');
  side.member.close();
  await t.throwsAsync(asked, { code: 'ERR_CLOSED', message: /it may have happened$/ });
  await t.throwsAsync(side.member.store.get('a'), { code: 'ERR_CLOSED' });
});

/** Requests are routed to a list, for the test to answer. */
function routed(limits = {}): { side: OwnSide; records: SharedRecord[] } {
  const side = new OwnSide(limits);
  const records: SharedRecord[] = [];
  side.member.route((record) => records.push(record));
  side.twin.routeStore(0);
  return { side, records };
}

test('a request that is routed has all that was asked, and is answered by a reply', async (t) => {
  const { side, records } = routed();
  const expected = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  const asked = side.member.store.put('key', 'value', { expected, ttlMs: 4_000_000_000 });
  side.settle();
  const [record] = records as [SharedRecord];
  t.like(record, { ttlMs: 4_000_000_000, seat: 0, flags: 1 });
  t.deepEqual([text(record.first), text(record.second)], ['key', 'value']);
  t.deepEqual(record.expected, expected);
  side.twin.reply(0, record.handle, record.tag, STATUS_OK, new Uint8Array(8).fill(9));
  side.settle();
  t.deepEqual(await asked, new Uint8Array(8).fill(9));
});

test('an add that is routed has its number, and its sum is a number', async (t) => {
  const { side, records } = routed();
  const asked = side.member.store.add('key', -2.5);
  side.settle();
  t.is(records[0]!.delta, -2.5);
  const sum = new Uint8Array([...new Uint8Array(8), ...Buffer.from('1e3')]);
  side.twin.reply(0, records[0]!.handle, records[0]!.tag, STATUS_OK, sum);
  side.settle();
  t.is(await asked, 1000);
});

test('out of reach is ERR_UNAVAILABLE, and no answer is ERR_UNKNOWN with the version it would have', async (t) => {
  const { side, records } = routed();
  const asked = [side.member.store.get('a'), side.member.store.put('a', 'b')];
  side.settle();
  const [read, written] = records as [SharedRecord, SharedRecord];
  const version = new Uint8Array(8).fill(7);
  side.twin.reply(0, read.handle, read.tag, STATUS_UNAVAILABLE, new Uint8Array(0));
  side.twin.reply(0, written.handle, written.tag, STATUS_UNKNOWN, version);
  side.settle();
  const [unavailable, unknown] = await Promise.allSettled(asked);
  t.like(unavailable, { reason: { code: 'ERR_UNAVAILABLE', version: null } });
  t.like(unknown, { reason: { code: 'ERR_UNKNOWN' } });
  t.deepEqual((unknown as PromiseRejectedResult).reason.version, version);
});

test('requests that nobody sees to are refused when more would wait than there is room', async (t) => {
  const { side, records } = routed({ queueBytes: 1000 });
  const asked = side.member.store.put('a', 'x'.repeat(500));
  await t.throwsAsync(side.member.store.put('a', 'x'.repeat(500)), { code: 'ERR_LIMIT' });
  side.settle();
  side.twin.reply(0, records[0]!.handle, records[0]!.tag, STATUS_OK, new Uint8Array(8));
  side.settle();
  t.deepEqual(await asked, new Uint8Array(8));
});

test('while the seat that sees to requests is gone, guests are told UNAVAILABLE', (t) => {
  const { side } = routed();
  side.member.close();
  side.worker.commit([get(5, 1, 'a')]);
  const replies = [{ handle: 5, tag: 1, status: STATUS_UNAVAILABLE }];
  t.deepEqual(side.worker.takeAll(), [{ kind: 'replies', replies }]);
  t.is(side.worker.commit([get(5, 1, 'a')]) & 1, 1, `seat ${WORKER}`);
});
