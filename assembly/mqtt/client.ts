// Client: what is kept of a connection. It lies in the state block, so a new instance goes on with it; its
// subscriptions are memberships, which the host keeps.

import { Bytes, dropNote, keepNote, note, rangesSize, Session, stateSize } from '../kit';

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
  /** 1 once it is gone, and its connection stays for the will. */
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

// Behind the fields: how far each open message is, what it has published and not released, hashes of filters to
// which it has subscribed, and notes.
export const WINDOW: i32 = 256;
/** MQTT 5.0: what it may leave unreleased, since any set of so many numbers fits as many ranges. */
export const RECEIVE_MOST: i32 = 32;
const NOTES_BYTES: i32 = 1024;
const RELEASES: i32 = WINDOW;
const FILTERS: i32 = RELEASES + rangesSize(RECEIVE_MOST);
const FILTERS_BYTES: i32 = 64 * 4;
const NOTES: i32 = FILTERS + FILTERS_BYTES;

export const clientSize = (): i32 => stateSize<Client>(NOTES + NOTES_BYTES);

const behind = (client: Client): usize => changetype<usize>(client) + offsetof<Client>();

/** How far the message with this number is. */
export const phaseOf = (client: Client, number: u64): u8 =>
  load<u8>(behind(client) + <usize>(number % WINDOW));

export function setPhase(client: Client, number: u64, phase: u8): void {
  store<u8>(behind(client) + <usize>(number % WINDOW), phase);
}

export const releasesOf = (client: Client): usize => behind(client) + RELEASES;

/** Where the filter is noted, or where there is room for it; 0 if there is neither. */
function filterAt(client: Client, hash: u32): usize {
  let room: usize = 0;
  const end = behind(client) + NOTES;
  for (let at = behind(client) + FILTERS; at < end; at += 4) {
    const found = load<u32>(at);
    if (found === hash) return at;
    if (found === 0) room = at;
  }
  return room;
}

/** @returns whether it was subscribed to already, as far as that is known: 64 filters are */
export function addFilter(client: Client, filter: Bytes): boolean {
  const hash = hashOf(filter);
  const at = filterAt(client, hash);
  if (at === 0) client.unknown += 1;
  else if (load<u32>(at) === hash) return true;
  else store<u32>(at, hash);
  return false;
}

/** @returns whether it may have been subscribed to */
export function dropFilter(client: Client, filter: Bytes): boolean {
  const hash = hashOf(filter);
  const at = filterAt(client, hash);
  if (at === 0 || load<u32>(at) !== hash) return client.unknown > 0;
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
export const ALIAS: u8 = 16;
export const ALIAS_MOST: i32 = 16;

export const recall = (client: Client, key: u8): Bytes | null =>
  note(behind(client) + NOTES, NOTES_BYTES, key);

/** @returns whether there was room */
export const remember = (client: Client, key: u8, bytes: Bytes): boolean =>
  keepNote(behind(client) + NOTES, NOTES_BYTES, key, bytes);

export const forgetWill = (client: Client): void =>
  dropNote(behind(client) + NOTES, NOTES_BYTES, WILL);
