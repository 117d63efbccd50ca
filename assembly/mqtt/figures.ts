// Figures: what is counted, as metrics, and as `$SYS/broker/…` for clients who subscribe to that. What all workers
// have counted together lies in the store. It is published while somebody listens, and not retained.

import {
  Bytes,
  Connection,
  Counter,
  draft,
  Gauge,
  literal,
  now,
  overlaps,
  PUBLISH_RETAIN,
  publish,
  random,
  STATUS_OK,
  store,
  wall_clock,
} from '../kit';
import { Client, filtersOf } from './client';

const CLIENTS: i32 = 0;
export const RECEIVED: i32 = 1;
export const SENT: i32 = 2;
export const DROPPED: i32 = 3;
export const BYTES_RECEIVED: i32 = 4;
export const BYTES_SENT: i32 = 5;
const SINCE: i32 = 6;
const SUBSCRIPTIONS: i32 = 7;

const NAMES: StaticArray<string> = [
  'clients/connected',
  'publish/messages/received',
  'publish/messages/sent',
  'publish/messages/dropped',
  'publish/bytes/received',
  'publish/bytes/sent',
  'uptime',
  'subscriptions/count',
];

const ALL = literal('$SYS/#');
const RETAINED_TOPIC = literal('$SYS/broker/retained messages/count');
const VERSION_TOPIC = literal('$SYS/broker/version');
const VERSION = literal('wasmpoll');
const TURN = literal('mqtt/figures');

/** Between two times that they are published, and how long nobody else does it then. */
const PERIOD_MS: i32 = 10_000;
const TURN_MS: u32 = 9_000;
/** What an instance has counted is added to the store that often. */
const SUM_MS: f64 = 1000;

// Tags of requests; those of messages that wait are 0.
const FIRST_TAG: i32 = 1;
const TURN_TAG: i32 = -1;

let clients!: Gauge;
const counters = new StaticArray<Counter | null>(DROPPED + 1);
/** Counted here, and not yet in the store. */
const counted = new StaticArray<f64>(SINCE);
let sumAt: f64 = 0;

/** Of this instance, and how many clients it knows. */
let instance: u32 = 0;
let known: i32 = 0;

const key = draft();
const topic = draft();
const value = draft();

const keyOf = (figure: i32): Bytes => key.clear().text('mqtt/').text(NAMES[figure]).view();

export function declare(): void {
  clients = new Gauge('clients');
  counters[RECEIVED] = new Counter('messages_received');
  counters[SENT] = new Counter('messages_sent');
  counters[DROPPED] = new Counter('messages_dropped');
}

export function begin(): void {
  publish(VERSION_TOPIC, VERSION, PUBLISH_RETAIN);
  store.put(null, 0, keyOf(SINCE), value.clear().float(wall_clock()).view(), store.NONE);
  store.add(null, 0, keyOf(SUBSCRIPTIONS), 0);
}

/** So many subscriptions more, of all clients. */
export function subscribed(by: i32): void {
  if (by !== 0) store.add(null, 0, keyOf(SUBSCRIPTIONS), by);
}

export function count(figure: i32, by: f64 = 1): void {
  counted[figure] = counted[figure] + by;
  if (figure <= DROPPED) counters[figure]!.add(by);
}

/** Adds what was counted to the store, if it is time. */
export function sum(at: f64): void {
  if (at < sumAt) return;
  sumAt = at + SUM_MS;
  for (let figure = RECEIVED; figure < SINCE; figure += 1) {
    const by = counted[figure];
    if (by > 0 && store.add(null, 0, keyOf(figure), by) === STATUS_OK) counted[figure] = 0;
  }
}

export function arrived(client: Client): void {
  store.add(null, 0, keyOf(CLIENTS), 1);
  restored(client);
}

/** This instance knows it, too. */
export function restored(client: Client): void {
  if (instance === 0) instance = load<u32>(random(4).at) | 1;
  client.counted = instance;
  known += 1;
  clients.set(known);
}

export function gone(client: Client): void {
  store.add(null, 0, keyOf(CLIENTS), -1);
  subscribed(-filtersOf(client));
  if (client.counted !== instance || instance === 0) return;
  known -= 1;
  clients.set(known);
}

/** Whether a subscription may be one to figures that change. */
export const concerns = (filter: Bytes): boolean =>
  !filter.equals(VERSION_TOPIC) && overlaps(filter, ALL);

/** Somebody has begun to listen. */
export function tell(connection: Connection): void {
  sumAt = 0;
  sum(now());
  const retained = connection.property('topics.retained');
  if (retained !== null) publish(RETAINED_TOPIC, retained);
  for (let figure = 0; figure < NAMES.length; figure += 1) {
    store.get(connection, FIRST_TAG + figure, keyOf(figure));
  }
}

/** In how many milliseconds a client is looked at next, if it may be silent for so many; 0 for never. */
export function nextLook(client: Client, silence: i32): i32 {
  if (client.listens === 0) return max(silence, 0);
  return client.silence > 0 ? min(silence, PERIOD_MS) : PERIOD_MS;
}

/** Of all who listen one has them published each time. */
export function takeTurn(connection: Connection): void {
  store.put(connection, TURN_TAG, TURN, value.clear().view(), store.NONE, TURN_MS);
}

/** @returns whether the reply was to a request of this file */
export function replied(connection: Connection, tag: i32, status: i32, found: Bytes): boolean {
  if (tag === 0) return false;
  if (tag === TURN_TAG) {
    if (status === STATUS_OK) tell(connection);
    return true;
  }
  const figure = tag - FIRST_TAG;
  const amount = found.float(0);
  value.clear();
  if (figure === SINCE) {
    value.decimal(<i64>((wall_clock() - amount) / 1000)).text(' seconds');
  } else value.decimal(<i64>amount);
  topic.clear().text('$SYS/broker/').text(NAMES[figure]);
  publish(topic.view(), value.view());
  return true;
}
