// Client: what is kept of a connection. It lies in the state block, so a new instance goes on with it; its
// subscriptions are memberships, which the host keeps.

import {
  Bytes,
  draft,
  dropNote,
  keepNote,
  NOTE_HEAD,
  note,
  rangesSize,
  Session,
  stateSize,
} from '../kit';
import { varintSize } from './properties';

export const GONE: i32 = 1;
export const TALKS: i32 = 2;

@unmanaged
export class Client extends Session {
  /** Which no other connection has: it marks what this client publishes, and what waits for it. */
  key!: u64;
  /** When it has connected, by `wall_clock`. */
  since!: f64;
  /** When it last sent something, by `now`. */
  seen!: f64;
  /** Messages with an acknowledgement have numbers: the oldest one that is not done, and the next one. */
  oldest!: u64;
  next!: u64;
  /** How many of these are not done. */
  open!: i32;
  /** At most so many may be. */
  openMost!: i32;
  /** Messages that wait in the store: the number of the first, how many, and how many were asked for. */
  heldFrom!: u32;
  held!: i32;
  asked!: i32;
  /** Their bytes. */
  heldBytes!: u32;
  /** 3, 4 or 5; 0 before CONNECT. */
  level!: i32;
  /** After so many milliseconds without a packet it is gone; 0 for never. */
  silence!: i32;
  /** How many seconds its session is to last without it, and its will to wait. */
  expiry!: u32;
  willDelay!: u32;
  /** GONE once it is, and its connection stays for the will; TALKS if it goes on sending. */
  away!: i32;
  /** The longest packet that it takes. */
  packetMost!: i32;
  /** In the list of users; -1 for nobody. */
  user!: i32;
  /** 1 once a message with an acknowledgement may be for it. */
  reliable!: i32;
  /** 1 once it has shared a subscription: as long as its connection stays it is given its share. */
  shares!: i32;
  /** Subscriptions to figures of the broker. */
  listens!: i32;
  /** Subscriptions whose filters are not noted. */
  unknown!: i32;
  /** The instance that has counted it. */
  counted!: u32;
}

/** Whether it takes a packet with so many bytes behind its length. */
export const fits = (client: Client, size: i32): boolean =>
  size + 1 + varintSize(size) <= client.packetMost;

// Behind the fields: two bits for each open message, notes, and what it has published and not released. What comes
// first lies in the block's head: the host keeps no tail that is zero (docs/performance.md).
export const WINDOW: i32 = 256;
/** MQTT 5.0: what it may leave unreleased, since any set of so many numbers fits as many ranges. */
export const RECEIVE_MOST: i32 = 32;
const FILTERS_BYTES: i32 = 256 * 4;
/** All notes but the hashes of filters, which always have their room. */
const OTHERS_BYTES: i32 = 1024;
const NOTES_BYTES: i32 = OTHERS_BYTES + NOTE_HEAD + FILTERS_BYTES;
const NOTES: i32 = WINDOW / 4;
const RELEASES: i32 = NOTES + NOTES_BYTES + 1;

export const clientSize = (): i32 => stateSize<Client>(RELEASES + rangesSize(RECEIVE_MOST));

const behind = (client: Client): usize => changetype<usize>(client) + offsetof<Client>();

const phaseAt = (client: Client, number: u64): usize =>
  behind(client) + (<usize>(number % WINDOW) >>> 2);
const phaseShift = (number: u64): u8 => <u8>((number & 3) << 1);

/** How far the message with this number is. */
export const phaseOf = (client: Client, number: u64): u8 =>
  (load<u8>(phaseAt(client, number)) >> phaseShift(number)) & 3;

export function setPhase(client: Client, number: u64, phase: u8): void {
  const at = phaseAt(client, number);
  const shift = phaseShift(number);
  store<u8>(at, (load<u8>(at) & ~(3 << shift)) | (phase << shift));
}

export const releasesOf = (client: Client): usize => behind(client) + RELEASES;

/** Where the hash of a filter is noted; 0 if it is not. */
function filterAt(client: Client, hash: u32): usize {
  const known = recall(client, FILTERS);
  if (known === null) return 0;
  for (let at: i32 = 0; at < known.length; at += 4) {
    if (load<u32>(known.at + at) === hash) return known.at + at;
  }
  return 0;
}

const list = draft();

/** Whether it was subscribed to already, as far as that is known: 256 filters are. */
export function hasFilter(client: Client, filter: Bytes): boolean {
  return filterAt(client, hashOf(filter)) !== 0;
}

/** @param filter one that is not known */
export function addFilter(client: Client, filter: Bytes): void {
  const hash = hashOf(filter);
  const room = filterAt(client, 0);
  if (room !== 0) {
    store<u32>(room, hash);
    return;
  }
  const known = recall(client, FILTERS);
  list.clear();
  if (known !== null) list.bytes(known);
  if (list.length >= FILTERS_BYTES) client.unknown += 1;
  else keepNote(behind(client) + NOTES, NOTES_BYTES, FILTERS, list.uint32le(hash).view());
}

/** How many filters are known. */
export function filtersOf(client: Client): i32 {
  const known = recall(client, FILTERS);
  let count = 0;
  for (let at = 0; known !== null && at < known.length; at += 4) {
    if (load<u32>(known.at + at) !== 0) count += 1;
  }
  return count;
}

/** @returns whether it may have been subscribed to */
export function dropFilter(client: Client, filter: Bytes): boolean {
  const at = filterAt(client, hashOf(filter));
  if (at === 0) return client.unknown > 0;
  store<u32>(at, 0);
  return true;
}

/** FNV-1a, never 0. It is the same in each instance; who finds two that are equal confuses only themselves. */
function hashOf(bytes: Bytes): u32 {
  let hash: u32 = 0x811c_9dc5;
  for (let i = 0; i < bytes.length; i += 1) hash = (hash ^ bytes.byte(i)) * 0x0100_0193;
  return hash | 1;
}

// Keys of notes; from ALIAS on there are those of topic aliases.
export const ID: u8 = 1;
export const USER: u8 = 2;
export const WILL: u8 = 3;
const FILTERS: u8 = 4;
export const ALIAS: u8 = 16;
export const ALIAS_MOST: i32 = 16;

export const recall = (client: Client, key: u8): Bytes | null =>
  note(behind(client) + NOTES, NOTES_BYTES, key);

/** @returns whether there was room */
export function remember(client: Client, key: u8, bytes: Bytes): boolean {
  const filters = recall(client, FILTERS);
  const most = OTHERS_BYTES + (filters === null ? 0 : NOTE_HEAD + filters.length);
  return keepNote(behind(client) + NOTES, most, key, bytes);
}

export const forgetWill = (client: Client): void =>
  dropNote(behind(client) + NOTES, NOTES_BYTES, WILL);
