// What a dialer makes of the requests of one seat: none is made twice, and one for which nobody waits is not made.

import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import { Answers, Asks } from '../../host/memory/answers.ts';
import type { DialFailure, DialRequest, Upstreams } from '../../host/upstreams/contract.ts';
import { UpstreamCounts } from '../../host/upstreams/counts.ts';
import { Dialer } from '../../host/upstreams/dialer.ts';
import { upstreamPeer } from '../helpers/upstream-peer.ts';
import { leadsTo } from '../helpers/upstreams.ts';

const request = (handle: number): DialRequest => ({
  ...{ handle, upstream: 0, parent: 0, added: '', peer: '', local: '' },
});

async function dialing(t: Parameters<typeof upstreamPeer>[0]) {
  const db = await upstreamPeer(t);
  const outcomes: (DialFailure | 'connected' | 'cancelled')[] = [];
  const upstreams: Upstreams = {
    share: { upstreams: [], counts: UpstreamCounts.make(SharedArrayBuffer, 0) },
    connectTimeoutMs: () => 30_000,
    resolve: () => leadsTo(db.address),
    header: () => null,
    secure: () => null,
    drop: () => undefined,
    tried: () => undefined,
    dialing: () => undefined,
    dialed: (_, outcome) => void outcomes.push(outcome),
  };
  const dialer = new Dialer(native, upstreams, 0);
  dialer.open();
  const answers = new Answers(new SharedArrayBuffer(Answers.bytes), 0);
  const side = { isFull: false, isGone: false };
  const seat = dialer.seat({
    give: (handle, fd) => !side.isFull && answers.give(handle, fd),
    waits: (handle) => !side.isGone && !answers.has(handle),
    asked: () => undefined,
    seen: () => answers.seen(),
  });
  const dial = (handle: number): void => {
    answers.asked();
    seat.dial(request(handle));
  };
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise(setImmediate);
  };
  t.teardown(() => {
    seat.close();
    for (; answers.look(); answers.done()) if (answers.fd >= 0) native.reset(answers.fd);
    dialer.close();
  });
  return { db, outcomes, answers, side, seat, dial, until };
}

test('what is asked for again while its answer is on the way is not made again', async (t) => {
  const { db, outcomes, answers, dial, until } = await dialing(t);
  dial(7);
  dial(7);
  await until(() => answers.has(7));
  dial(7);
  await until(() => outcomes.length === 2);
  t.deepEqual(outcomes, ['connected', 'cancelled']);
  await db.came(1);
  await db.came(1);
  t.is(db.sockets.length, 1);
  t.is(answers.unseen, 0);
});

test('what is asked for again while its answer finds no room is not made again', async (t) => {
  const { db, outcomes, answers, side, dial, until } = await dialing(t);
  side.isFull = true;
  dial(7);
  await until(() => outcomes.length === 1);
  dial(7);
  side.isFull = false;
  await until(() => answers.has(7));
  t.deepEqual(outcomes, ['connected']);
  await db.came(1);
  t.is(db.sockets.length, 1);
  t.is(answers.unseen, 0);
});

test('one for which nobody waits any more costs no connection, and all are seen in the end', async (t) => {
  const { db, outcomes, answers, side, seat, dial, until } = await dialing(t);
  side.isGone = true;
  for (let handle = 1; handle <= 100; handle += 1) dial(handle);
  // A few at a time.
  t.true(outcomes.length < 100);
  t.is(answers.unseen, 100 - outcomes.length);
  t.is(seat.waiting, 100 - outcomes.length);
  seat.cancel(100);
  seat.cancel(100);
  await until(() => outcomes.length === 100);
  t.true(outcomes.every((outcome) => outcome === 'cancelled'));
  t.is(answers.unseen, 0);
  t.is(db.sockets.length, 0);
});

test('what is asked for when the seat is gone is not made', async (t) => {
  const { db, outcomes, answers, seat, dial } = await dialing(t);
  seat.close();
  dial(7);
  for (let turns = 0; turns < 3; turns += 1) await new Promise(setImmediate);
  t.deepEqual(outcomes, ['cancelled']);
  t.is(answers.unseen, 0);
  t.is(seat.waiting, 0);
  t.is(db.sockets.length, 0);
});

test('after a thread has ended only requests that are known count as unseen', (t) => {
  const answers = new Answers(new SharedArrayBuffer(Answers.bytes), 0);
  for (let times = 0; times < 5; times += 1) answers.asked();
  answers.seen();
  t.is(answers.unseen, 4);
  answers.recount(2);
  t.is(answers.unseen, 2);
});

test('requests without a text go through memory, in their order, and wake whoever has seen all before', (t) => {
  const asks = new Asks(new SharedArrayBuffer(Asks.bytes), 0);
  const seen: number[][] = [];
  const take = (): void => {
    asks.each(({ handle, upstream, parent }) => seen.push([handle, upstream, parent]));
  };
  t.is(asks.put(1, 2, 3), 1);
  t.is(asks.put(4, 5, 6), 0);
  take();
  take();
  t.is(asks.put(7, 8, 9), 1);
  take();
  t.deepEqual(seen, [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);
  let fitting = 0;
  while (asks.put(fitting, 0, 0) >= 0) fitting += 1;
  t.is(fitting, 1024);
  take();
  t.is(seen.at(-1)![0], 1023);
  t.is(asks.put(1, 1, 1), 1);
});
