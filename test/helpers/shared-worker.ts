// A thread that serves one seat of shared state until it is ended, and what the test and all threads of the
// seat know together: a ledger in shared memory.

import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../../host/kernel/native.ts';
import * as Records from '../../host/shared/records.ts';
import { add, get, join, writeRecord } from './shared-seats.ts';

/** The ledger: words of the seat, then some for each member. */
export const HELD = { stop: 0, before: 1, after: 2, asked: 3, answered: 4, lost: 5, handles: 6 };
export const MEMBERS = 4;
export const MEMBER = { handle: 0, last: 1, missed: 2, broken: 3 };
export const MEMBER_WORDS = 4;
export const LEDGER = 8 + MEMBERS * MEMBER_WORDS;
/** Has seen nothing yet. */
export const NEW = -1;

export interface SeatOfThread {
  readonly id: number;
  readonly seat: number;
  readonly eventFd: number;
  readonly block: Int32Array;
  readonly ledger: Int32Array;
}

const {
  BLOCK_COUNT,
  BLOCK_DATA,
  BLOCK_ENTRIES,
  BLOCK_INSIDE,
  BLOCK_KIND,
  BLOCK_MESSAGE,
  BLOCK_MISSED,
  BLOCK_POSITION,
  BLOCK_REPLIES,
  BLOCK_TOPIC,
  ENTRY,
} = Records;

const placeOf = (member: number) => 8 + member * MEMBER_WORDS;

function serve({ id, seat, eventFd, block, ledger }: SeatOfThread): void {
  const shared = native.seat(id, seat);
  const log = new Uint8Array(4096);
  const window = new Uint8Array(65_536);
  const words = new DataView(window.buffer);
  shared.bind(log, block);

  const members = () => Array.from({ length: MEMBERS }, (_, member) => placeOf(member));
  const memberOf = (handle: number) =>
    members().find((at) => ledger[at + MEMBER.handle] === handle) ?? -1;

  /** A connection that was being served when its thread ended is lost, and nothing else. */
  const recover = () => {
    const inside = block[BLOCK_INSIDE]!;
    if (inside > 0) {
      const handle = block[BLOCK_ENTRIES + (inside - 1) * ENTRY]!;
      const at = memberOf(handle);
      if (at >= 0) {
        ledger[at + MEMBER.handle] = 0;
        ledger[HELD.lost]! += 1;
      }
      block[BLOCK_POSITION] = inside;
      block[BLOCK_INSIDE] = 0;
    }
    const live = members().map((at) => ledger[at + MEMBER.handle]!);
    const handles = Int32Array.from(live.filter((handle) => handle !== 0));
    const pending = new Int32Array(handles.length + 1);
    // The first one asks for keys, and is never lost.
    shared.adopt(Int32Array.from([1000, ...handles]), handles.length + 1, pending);
    ledger[HELD.asked] = ledger[HELD.answered]! + pending[0]!;
    shared.again(window, 0);
    give();
    for (const at of members()) {
      if (ledger[at + MEMBER.handle] !== 0) continue;
      const handle = ledger[HELD.handles]! + 1;
      ledger[HELD.handles] = handle;
      // Joined before it is noted down: what is not noted is dropped by the next thread.
      const pattern = handle % 2 === 0;
      const length = writeRecord(log, 0, join(handle, 7, pattern ? '+' : 'room', pattern ? 1 : 0));
      shared.commit(length, 0);
      ledger[at + MEMBER.last] = NEW;
      ledger[at + MEMBER.handle] = handle;
    }
  };

  const give = () => {
    while (block[BLOCK_POSITION]! < block[BLOCK_COUNT]!) {
      const index = block[BLOCK_POSITION]!;
      block[BLOCK_INSIDE] = index + 1;
      giveOne(block[BLOCK_ENTRIES + index * ENTRY]!);
      block[BLOCK_POSITION] = index + 1;
      block[BLOCK_INSIDE] = 0;
    }
  };

  const giveOne = (handle: number) => {
    const kind = block[BLOCK_KIND];
    if (kind === BLOCK_REPLIES) ledger[HELD.answered]! += 1;
    const at = memberOf(handle);
    if (at < 0) return;
    if (kind === BLOCK_MISSED) ledger[at + MEMBER.missed] = 1;
    if (kind !== BLOCK_MESSAGE) return;
    const last = ledger[at + MEMBER.last]!;
    const number = words.getInt32(block[BLOCK_TOPIC]!, true);
    const whole = block[BLOCK_DATA] === 4 && (last === NEW || number === last + 1);
    if (!whole) ledger[at + MEMBER.broken] = 1;
    ledger[at + MEMBER.last] = number;
  };

  const drain = () => {
    while (shared.take(window, 0, window.length, 0) !== 0) give();
  };

  const work = () => {
    let length = writeRecord(log, 0, add(0, 0, 'sum', 1));
    length = writeRecord(log, length, get(1000, 1, 'sum'));
    ledger[HELD.before]! += 1;
    ledger[HELD.asked]! += 1;
    const bits = shared.commit(length, 0);
    ledger[HELD.after]! += 1;
    if ((bits & Records.COMMITTED_OWN) !== 0) drain();
  };

  recover();
  drain();
  parentPort!.postMessage('serving');
  const { EPOLLIN } = native.constants;
  const wakes = new Uint8Array(8);
  while (ledger[HELD.stop] === 0) {
    work();
    // Without a wake there is no take: one that is lost would be missed at the end.
    if (native.poll(eventFd, EPOLLIN, -1, 1) <= 0) continue;
    native.read(eventFd, wakes, 0, 8);
    drain();
  }
  parentPort!.postMessage('done');
}

if (parentPort !== null) serve(workerData as SeatOfThread);
