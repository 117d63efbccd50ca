// RESP cache: READ THIS FIRST. Many clients of a Redis server share a few connections to it, and what they have read
// lately is answered from memory. The commands of a client take one lane, so that they stay in their order.
// docs/outbound.md says what it is for.

import { STATUS_LIMIT } from './abi';
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
import { isLook, isWrite } from './resp-cache/commands';
import { Client, Flight, Lane } from './resp-cache/lanes';
import { reading, recall, remember, slotOf, writing, written } from './resp-cache/memory';
import { want } from './wasmpoll';

export * from './guest';

/** Clients that one callback lets go on: of an upstream, and of a client. */
const MOST_WOKEN: i32 = 512;
const FEW_WOKEN: i32 = 4;
/** A reply that is longer is passed on as it comes, and not remembered. */
const LONGEST_WHOLE: i32 = 256 * 1024;

@unmanaged
class State extends Reader {
  /** Of this instance. */
  client!: Client | null;
  /** 1 + the number of the lane, for a connection to the upstream. */
  lane!: i32;
  /** 1 once something is asked; until the client sends again, and nothing is on its way. */
  waits!: i32;
  /** Bytes that are still to come of the reply that is passed on. */
  passing!: i32;
}

const LONGEST_BULK: i64 = 512 * 1024 * 1024;
/** What stands around a text: `$536870912\r\n` and `\r\n`. */
const FRAME: i32 = 16;
const REFUSED = '*1\r\n$20\r\nrefused-by-the-cache\r\n';
const GONE = literal('-ERR the upstream is gone; what was asked may have happened\r\n');

let upstream!: Bytes;
let keptMs: f64 = 0;
let lanes: StaticArray<Lane> = new StaticArray<Lane>(0);
let command!: Output;
let hits!: Counter;
let misses!: Counter;
let lost!: Counter;
/** As LONGEST_WHOLE, or less if the host would not give the guest so much at a time. */
let whole: i32 = 0;

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
  state.lane = at + 1;
  if (at < 0) connection.close(CLOSE_ABORT);
  else if (whole === 0) whole = longest(connection);
}

// The host says how much it gives at a time when it is asked to.
function longest(connection: Connection): i32 {
  let bytes = LONGEST_WHOLE;
  while (want(connection.id, bytes) === STATUS_LIMIT) bytes /= 2;
  want(connection.id, 1);
  return bytes;
}

// What was on its way is forgotten: those who may wait for it would wait for ever.
export function on_restore(connection: Connection, state: State): void {
  on_open(connection, state);
  if (state.waits > 0 || connection.property('upstream') !== null) connection.close(CLOSE_ABORT);
  else connection.resume();
}

export function on_close(connection: Connection, state: State, _reason: i32): void {
  const at = laneOf(connection);
  if (at >= 0) fail(lanes[at], state.passing > 0);
  const client = state.client;
  if (client === null) return;
  const lane = laneFor(client);
  client.gone = true;
  // First: it may be one of those whom the lane wakes, and frees.
  client.leave();
  lane.wake(FEW_WOKEN);
}

function laneOf(connection: Connection): i32 {
  for (let at = 0; at < lanes.length; at += 1) {
    if (lanes[at].connection === connection) return at;
  }
  return -1;
}

export function on_data(connection: Connection, state: State, data: usize, length: i32): i32 {
  input.begin(connection, state, data, length);
  if (state.lane > 0) replies(connection, state, lanes[state.lane - 1]);
  else commands(state, state.client!);
  return input.finish();
}

function replies(connection: Connection, state: State, lane: Lane): void {
  while (input.next()) {
    if (state.passing > 0) pass(state, lane);
    else readReply(state, lane);
    if (!input.ok()) break;
  }
  // What comes without a question, or is no reply, says that nothing else there can be relied on.
  if (input.bad()) connection.close(CLOSE_ABORT);
  lane.wake(MOST_WOKEN);
}

function readReply(state: State, lane: Lane): void {
  const from = input.take(0);
  const isBulk = input.skip('$');
  const line = input.line(whole);
  if (!input.ok()) return;
  if (lane.head === null) {
    input.refuse();
    return;
  }
  const length = isBulk ? <i32>line.decimal(-1, LONGEST_BULK, -1) : -1;
  if (length > whole - FRAME) {
    state.passing = length + 2;
    give(lane.head!, view(from, <i32>(input.take(0) - from)));
    return;
  }
  if (length >= 0) input.bytes(length + 2);
  if (input.ok()) settle(lane.take()!, view(from, <i32>(input.take(0) - from)));
}

/** Of a reply that is too long to wait for all of it: what is there. */
function pass(state: State, lane: Lane): void {
  const piece = input.bytes(min(state.passing, input.rest()));
  state.passing -= piece.length;
  give(lane.head!, piece);
  if (state.passing === 0) over(lane.take()!);
}

function give(client: Client, piece: Bytes): void {
  if (!client.gone) client.connection.send(piece);
}

function settle(flight: Flight, answer: Bytes): void {
  const slot = flight.slot;
  if (flight.writes) written(slot);
  else if (flight.key !== null && answer.byte(0) === 0x24) {
    remember(viewOf(flight.key!), slot, flight.seen, answer, keptMs);
  }
  release(flight.client, answer);
}

/** Its reply was passed on. */
function over(flight: Flight): void {
  if (flight.writes) written(flight.slot);
  release(flight.client, view(0, 0));
}

function release(client: Client, answer: Bytes): void {
  if (client.gone) {
    client.leave();
    return;
  }
  client.connection.send(answer);
  client.resume();
}

/** The lane is gone, and with it all that was on its way. `passing`: the first in it has a part of its reply. */
function fail(lane: Lane, passing: bool): void {
  lane.connection = null;
  const first = lane.head;
  if (passing && !first!.gone) first!.connection.close(CLOSE_ABORT);
  for (let flight = lane.take(); flight !== null; flight = lane.take()) {
    lost.add();
    if (flight.writes) written(flight.slot);
    release(flight.client, GONE);
  }
  lane.wake(MOST_WOKEN);
}

function commands(state: State, client: Client): void {
  const lane = laneFor(client);
  if (client.flights === 0) state.waits = 0;
  if (lane.isFull) lane.wait(client);
  while (input.next()) {
    readRequest(state);
    if (!input.ok()) break;
    if (count === 0) continue;
    run(client);
    if (client.flights > 0) state.waits = 1;
    if (client.isFull) client.pause();
    // Only who has more to ask is to wait: the host calls again with it.
    if (lane.isFull) break;
  }
  // Who was let go on may have asked for nothing.
  if (!client.queued) lane.wake(FEW_WOKEN);
  if (!input.bad()) return;
  reply.text(`-ERR Protocol error: ${fault}\r\n`);
  client.connection.close();
}

function run(client: Client): void {
  const name = args[0];
  if (count === 2 && name.like('get')) read(client);
  else if (count >= 2 && isWrite(name, count)) {
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

function forward(flight: Flight): void {
  command.clear().text('*').decimal(count).text('\r\n');
  for (let at = 0; at < count; at += 1) {
    command.text('$').decimal(args[at].length).text('\r\n').bytes(args[at]).text('\r\n');
  }
  send(flight);
}

const laneFor = (client: Client): Lane =>
  lanes[<i32>(<u32>client.connection.id % <u32>lanes.length)];

/** What `command` has. */
function send(flight: Flight): void {
  const lane = laneFor(flight.client);
  if (lane.send(upstream, command.view(), flight)) return;
  if (flight.writes) written(flight.slot);
  lost.add();
  reply.text('-ERR no connection to the upstream\r\n');
}
