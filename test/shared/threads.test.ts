// Shared state under threads that are ended at any moment: what they were doing is done whole or not at all,
// and whoever follows them goes on with what they left.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import type { Shared } from '../../host/shared/contract.ts';
import * as Records from '../../host/shared/records.ts';
import { get, publish, roomy, Seat } from '../helpers/shared-seats.ts';
import type { SeatOfThread } from '../helpers/shared-worker.ts';
import { HELD, LEDGER, MEMBER, MEMBER_WORDS, MEMBERS, NEW } from '../helpers/shared-worker.ts';

const WORKERS = 3;
const KILLS = Number(process.env.WASMPOLL_KILLS ?? 12);
/** Messages between two kills, at most. */
const BURST = 40;

const script = new URL('../helpers/shared-worker.js', import.meta.url);

function openSeat(shared: Shared, seat: number): SeatOfThread {
  const eventFd = native.eventfd(0);
  shared.open(seat, eventFd);
  const words = (count: number) => new Int32Array(new SharedArrayBuffer(count * 4));
  const ledger = words(LEDGER);
  ledger[HELD.handles] = seat * 100_000;
  return { id: shared.id, seat, eventFd, block: words(Records.BLOCK), ledger };
}

async function start(t: ExecutionContext, seat: SeatOfThread): Promise<Worker> {
  const worker = new Worker(script, { workerData: seat });
  t.teardown(() => worker.terminate());
  await once(worker, 'message');
  return worker;
}

const memberWords = (ledger: Int32Array, word: number): number[] =>
  Array.from({ length: MEMBERS }, (_, member) => ledger[8 + member * MEMBER_WORDS + word]!);

test('threads that end at random cost the connection they served, and nobody misses anything', async (t) => {
  const shared = native.shared(roomy);
  shared.open(0, -1);
  const main = new Seat(shared.seat(0));
  const seats = Array.from({ length: WORKERS }, (_, index) => openSeat(shared, index + 1));
  const workers = await Promise.all(seats.map((seat) => start(t, seat)));
  let number = 0;
  const publishSome = async () => {
    for (let left = 1 + Math.floor(Math.random() * BURST); left > 0; left -= 1) {
      number += 1;
      const data = String.fromCharCode(number & 0xff, (number >> 8) & 0xff, number >> 16, 0);
      main.commit([publish(0, 'room', data)]);
      if (left % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  for (let kill = 0; kill < KILLS; kill += 1) {
    const index = kill % WORKERS;
    const [worker] = await Promise.all([workers[index]!.terminate(), publishSome()]);
    t.is(typeof worker, 'number');
    const [successor] = await Promise.all([start(t, seats[index]!), publishSome()]);
    workers[index] = successor;
  }
  const done = Promise.all(workers.map((worker) => once(worker, 'message')));
  await publishSome();
  for (const { ledger } of seats) await caughtUp(ledger, number);
  for (const { ledger } of seats) ledger[HELD.stop] = 1;
  await done;

  const [before, after] = [HELD.before, HELD.after].map((word) =>
    seats.reduce((sum, { ledger }) => sum + ledger[word]!, 0),
  );
  main.commit([get(1, 1, 'sum')]);
  const event = main.take();
  const sum = event.kind === 'replies' ? Number(event.replies[0]?.value) : Number.NaN;
  t.true(after! <= sum && sum <= before!, `${after} <= ${sum} <= ${before}`);
  for (const { ledger } of seats) {
    t.deepEqual(memberWords(ledger, MEMBER.missed), Array(MEMBERS).fill(0));
    t.deepEqual(memberWords(ledger, MEMBER.broken), Array(MEMBERS).fill(0));
    t.is(ledger[HELD.answered], ledger[HELD.asked]);
  }
  const lost = seats.reduce((all, { ledger }) => all + ledger[HELD.lost]!, 0);
  t.true(lost <= KILLS);
  t.log(`${KILLS} threads ended, ${number} messages, ${lost} connections lost, ${sum} added`);
  shared.release();
});

/** Resolves when all members have seen the last message, or were joined after it. */
async function caughtUp(ledger: Int32Array, number: number): Promise<void> {
  const behind = () =>
    memberWords(ledger, MEMBER.last).some((last) => last !== NEW && last !== number);
  while (behind()) await new Promise((resolve) => setImmediate(resolve));
}
