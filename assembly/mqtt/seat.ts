// Seat: section 3.1.4: a client id is one client's at a time. All connections with the same id are members of one
// topic, in whatever worker they are. Who connects says so there, and who was there before gives way.

import {
  Bytes,
  Connection,
  draft,
  PUBLISH_OTHERS,
  publish,
  STATUS_OK,
  topicOf,
  wall_clock,
} from '../kit';
import { Client, ID, recall } from './client';

/** The tag of this membership; no subscription has it. */
export const SEAT: i32 = -1;

/** No client can name such a topic: it has U+0000 in it. */
const seatOf = (id: Bytes): Bytes => topicOf('$\0client', id);

// Who connects says whether it begins anew. Others remind of themselves:
// 0       8
// | since | key |
const CONNECTED_BYTES: i32 = 1;
const REMINDER_BYTES: i32 = 16;

const said = draft();

/** @param clean what the client before has left is not wanted. @returns whether there was room */
export function takeSeat(
  connection: Connection,
  client: Client,
  id: Bytes,
  clean: boolean,
): boolean {
  client.since = wall_clock();
  const seat = seatOf(id);
  if (connection.join(seat, SEAT) !== STATUS_OK) return false;
  const words = said
    .clear()
    .uint8(clean ? 1 : 0)
    .view();
  return publish(seat, words, PUBLISH_OTHERS) === STATUS_OK;
}

/** It may have missed that another one has connected: that one will say so again. */
export function remind(client: Client): void {
  const id = recall(client, ID);
  if (id === null) return;
  said.clear().uint64le(reinterpret<u64>(client.since)).uint64le(client.key);
  publish(seatOf(id), said.view(), PUBLISH_OTHERS);
}

export const SITS: i32 = 0;
/** Another one has the seat. */
export const GIVES_WAY: i32 = 1;
/** It does, and nothing of it is to be left. */
export const GIVES_ALL: i32 = 2;

/** What another one with this id has said. @returns SITS, GIVES_WAY or GIVES_ALL */
export function hear(client: Client, words: Bytes): i32 {
  if (words.length === CONNECTED_BYTES) return words.byte(0) === 1 ? GIVES_ALL : GIVES_WAY;
  if (words.length !== REMINDER_BYTES) return SITS;
  const since = load<f64>(words.at);
  const key = load<u64>(words.at, 8);
  if (since > client.since || (since === client.since && key > client.key)) return GIVES_WAY;
  remind(client);
  return SITS;
}
