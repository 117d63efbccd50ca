// RESP cache: READ THIS FIRST. Many clients of a Redis server share a few connections to it, and what they have read
// lately is answered from memory. The commands of a client take one lane, so that they stay in their order.
// docs/outbound.md says what it is for.

import {
  Bytes,
  CLOSE_ABORT,
  Connection,
  Counter,
  config,
  draft,
  input,
  literal,
  Output,
  reply,
  stateSize,
  view,
  viewOf,
} from './kit';
import { args, count, fault, Reader, readRequest } from './kit/resp-request';
import { Client, Flight, Lane } from './resp-cache/lanes';
import { reading, recall, remember, slotOf, writing, written } from './resp-cache/memory';

export * from './guest';

/** So many commands of a client may be on their way. */
const MOST_FLIGHTS: i32 = 128;
/** That one callback reads of an upstream; the host calls again with the rest. */
const MOST_REPLIES: i32 = 1024;

@unmanaged
class State extends Reader {
  /** Of this instance. */
  client!: Client | null;
  /** 1 + the number of the lane, for a connection to the upstream. */
  lane!: i32;
  /** 1 once something is asked; until the client sends again, and nothing is on its way. */
  waits!: i32;
}

const REFUSED = '*1\r\n$20\r\nrefused-by-the-cache\r\n';
const GONE = literal('-ERR the upstream is gone; what was asked may have happened\r\n');

let upstream!: Bytes;
let keptMs: f64 = 0;
let lanes: StaticArray<Lane> = new StaticArray<Lane>(0);
let command!: Output;
let hits!: Counter;
let misses!: Counter;
let lost!: Counter;

export function _initialize(): void {
  const named = config.text('upstream');
  upstream = named === null ? literal('redis') : named.keep();
  keptMs = <f64>config.decimal('ttl', 0, 3_600_000, 1000);
  lanes = new StaticArray<Lane>(<i32>config.decimal('lanes', 1, 64, 4));
  for (let at = 0; at < lanes.length; at += 1) lanes[at] = new Lane();
  command = draft();
  hits = new Counter('hits');
  misses = new Counter('misses');
  lost = new Counter('lost');
}

export function state_size(): i32 {
  return stateSize<State>();
}

export function on_open(connection: Connection, state: State): void {
  const client = new Client();
  client.connection = connection;
  state.client = client;
}

export function on_connect(connection: Connection, state: State, _parent: Connection): void {
  const at = laneOf(connection);
  if (at < 0) connection.close(CLOSE_ABORT);
  state.lane = at + 1;
}

// What was on its way is forgotten: those who may wait for it would wait for ever.
export function on_restore(connection: Connection, state: State): void {
  on_open(connection, state);
  if (state.waits > 0 || connection.property('upstream') !== null) connection.close(CLOSE_ABORT);
}

export function on_close(connection: Connection, state: State, _reason: i32): void {
  const at = laneOf(connection);
  if (at >= 0) fail(lanes[at]);
  const client = state.client;
  if (client === null) return;
  client.gone = true;
  if (client.flights === 0) heap.free(changetype<usize>(client));
}

function laneOf(connection: Connection): i32 {
  for (let at = 0; at < lanes.length; at += 1) {
    if (lanes[at].connection === connection) return at;
  }
  return -1;
}

export function on_data(connection: Connection, state: State, data: usize, length: i32): i32 {
  input.begin(connection, state, data, length);
  if (state.lane > 0) replies(connection, lanes[state.lane - 1]);
  else commands(state, state.client!);
  return input.finish();
}

function replies(connection: Connection, lane: Lane): void {
  // One settles a command, which asks for two things at most, of the thousands that a callback may ask for.
  for (let left = MOST_REPLIES; left > 0 && input.next(); left -= 1) {
    const from = input.take(0);
    const isBulk = input.skip('$');
    const line = input.line();
    if (!input.ok()) break;
    const length = isBulk ? <i32>line.decimal(-1, 0x1fffffff, -1) : -1;
    if (length >= 0) input.bytes(length + 2);
    if (!input.ok()) break;
    const flight = lane.take();
    if (flight === null) {
      connection.close(CLOSE_ABORT);
      return;
    }
    settle(flight, view(from, <i32>(input.take(0) - from)));
  }
}

function settle(flight: Flight, answer: Bytes): void {
  const client = flight.client;
  const slot = flight.slot;
  if (flight.writes) written(slot);
  else if (flight.key !== null && answer.byte(0) === 0x24) {
    remember(viewOf(flight.key!), slot, flight.seen, answer, keptMs);
  }
  release(client, answer);
}

function release(client: Client, answer: Bytes): void {
  if (client.gone) {
    if (client.flights === 0) heap.free(changetype<usize>(client));
    return;
  }
  client.connection.send(answer);
  if (!client.paused || client.flights > MOST_FLIGHTS / 2) return;
  client.paused = false;
  client.connection.resume();
}

/** The lane is gone, and with it all that was on its way. */
function fail(lane: Lane): void {
  lane.connection = null;
  for (let flight = lane.take(); flight !== null; flight = lane.take()) {
    lost.add();
    if (flight.writes) written(flight.slot);
    release(flight.client, GONE);
  }
}

function commands(state: State, client: Client): void {
  if (client.flights === 0) state.waits = 0;
  while (input.next()) {
    readRequest(state);
    if (!input.ok()) break;
    if (count === 0) continue;
    run(client);
    if (client.flights > 0) state.waits = 1;
    if (client.flights < MOST_FLIGHTS) continue;
    client.paused = true;
    client.connection.pause();
  }
  if (!input.bad()) return;
  reply.text(`-ERR Protocol error: ${fault}\r\n`);
  client.connection.close();
}

function run(client: Client): void {
  const name = args[0];
  if (count === 2 && name.like('get')) read(client);
  else if (count >= 2 && isWrite(name)) {
    forward(new Flight(client, true, writing(args[1]), -1, null));
  } else if (count === 2 && isLook(name)) forward(new Flight(client, false, -1, -1, null));
  else if (client.flights > 0) {
    // Its turn comes when the others are answered.
    command.clear().text(REFUSED);
    send(new Flight(client, false, -1, -1, null));
  } else if (count === 1 && name.like('ping')) reply.text('+PONG\r\n');
  else reply.text('-ERR not a command for a connection that is shared\r\n');
}

function read(client: Client): void {
  const key = args[1];
  // What is on its way is answered first.
  const kept = client.flights === 0 && keptMs > 0 ? recall(key) : null;
  if (kept !== null) {
    hits.add();
    reply.bytes(kept);
    return;
  }
  misses.add();
  const slot = slotOf(key);
  forward(new Flight(client, false, slot, reading(slot), key.copy()));
}

/** Commands that write one key, their first argument, and are answered by one text or number. */
function isWrite(name: Bytes): bool {
  if (name.like('del') || name.like('unlink')) return count === 2;
  return (
    name.like('set') ||
    name.like('incr') ||
    name.like('decr') ||
    name.like('incrby') ||
    name.like('decrby') ||
    name.like('append') ||
    name.like('setnx') ||
    name.like('setex') ||
    name.like('psetex') ||
    name.like('getset') ||
    name.like('getdel') ||
    name.like('expire') ||
    name.like('pexpire') ||
    name.like('persist')
  );
}

/** Commands that look at one key. */
function isLook(name: Bytes): bool {
  return name.like('ttl') || name.like('pttl') || name.like('strlen') || name.like('exists');
}

function forward(flight: Flight): void {
  command.clear().text('*').decimal(count).text('\r\n');
  for (let at = 0; at < count; at += 1) {
    command.text('$').decimal(args[at].length).text('\r\n').bytes(args[at]).text('\r\n');
  }
  send(flight);
}

/** What `command` has. */
function send(flight: Flight): void {
  const lane = lanes[<i32>(<u32>flight.client.connection.id % <u32>lanes.length)];
  if (lane.send(upstream, command.view(), flight)) return;
  if (flight.writes) written(flight.slot);
  lost.add();
  reply.text('-ERR no connection to the upstream\r\n');
}
