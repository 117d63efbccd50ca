// A guest that takes its input for a program of host calls with arbitrary arguments, and of traps. A
// connection whose first byte is 0 is well-behaved: each of its bytes comes back.
// Eight bytes an instruction: operation, which connection, and two numbers of which some are odd ones.

import {
  close,
  config,
  join,
  leave,
  log,
  measure,
  metric,
  now,
  pause,
  peer_address,
  property,
  publish,
  random,
  resume,
  send,
  set_timer,
  store_add,
  store_delete,
  store_get,
  store_put,
  wall_clock,
  want,
} from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

// A well-behaved connection's state: 1, and a sum over its bytes. A wild one's is anything.
@unmanaged
class State {
  tame: i32;
  sum: i32;
  wild: i64;
}

const MAX_HANDLES: i32 = 512;
const handles: usize = memory.data(4 * MAX_HANDLES);
const buffer: usize = memory.data(65536);
let opened: i32 = 0;
let answering: bool = false;

export function state_size(): i32 {
  return <i32>offsetof<State>();
}

export function _initialize(): void {
  store<u8>(buffer, 0x61);
  for (let kind: i32 = -1; kind < 4; kind += 1) metric(kind, buffer, 1);
  store<u8>(buffer, 0x62);
  metric(2, buffer, 1);
  metric(0, buffer, -1);
  config(buffer, i32.MAX_VALUE);
}

export function on_start(): void {
  measure(0, 1);
}

export function on_tick(): void {
  measure(1, now());
  if (load<u8>(buffer) === 1) unreachable();
}

export function on_open(connection: i32, _state: usize): void {
  remember(connection);
}

export function on_restore(connection: i32, _state: usize): void {
  remember(connection);
}

function remember(connection: i32): void {
  store<i32>(handles + 4 * (opened % MAX_HANDLES), connection);
  opened += 1;
}

export function on_data(connection: i32, state: usize, data: usize, length: i32): i32 {
  const tame = load<i32>(state, offsetof<State>('tame'));
  if (tame === 1 || (tame === 0 && load<u8>(data) === 0)) {
    store<i32>(state, 1, offsetof<State>('tame'));
    let sum = load<i32>(state, offsetof<State>('sum'));
    for (let at: i32 = 0; at < length; at += 1) sum = sum * 31 + <i32>load<u8>(data + at);
    store<i32>(state, sum, offsetof<State>('sum'));
    // A command within the stream: the sum so far, which the state alone knows.
    if (length === 1 && load<u8>(data) === 1) send(connection, state + 4, 4);
    else send(connection, data, length);
    return length;
  }
  store<i32>(state, 2, offsetof<State>('tame'));
  return run(connection, state, data, length);
}

export function on_end(connection: i32, state: usize, data: usize, length: i32): i32 {
  return run(connection, state, data, length) & 1;
}

export function on_drain(connection: i32, state: usize): void {
  if (load<i32>(state) === 2) run(connection, state, state, 16);
}

export function on_timer(connection: i32, state: usize): void {
  if (load<i32>(state) === 2) run(connection, state, state + 8, 8);
}

export function on_close(connection: i32, state: usize, _reason: i32): void {
  if (load<i32>(state) === 2) run(connection, state, state + 8, 8);
}

export function on_message(
  connection: i32,
  state: usize,
  _tag: i32,
  _flags: i32,
  _topic: usize,
  _topicLength: i32,
  data: usize,
  length: i32,
): void {
  answer(connection, state, data, length);
}

export function on_missed(connection: i32, state: usize): void {
  answer(connection, state, state + 8, 8);
}

export function on_reply(
  connection: i32,
  state: usize,
  _tag: i32,
  _status: i32,
  data: usize,
  length: i32,
): void {
  answer(connection, state, data, length);
}

// Topics and keys are left alone here: a message that publishes itself would go round for ever.
function answer(connection: i32, state: usize, data: usize, length: i32): void {
  if (load<i32>(state) !== 2) return;
  answering = true;
  run(connection, state, data, length);
  answering = false;
}

function odd(kind: i32, value: i32, data: usize): i32 {
  if (kind === 0) return 0;
  if (kind === 1) return <i32>(memory.size() << 16) - value;
  if (kind === 2) return <i32>(memory.size() << 16) + value;
  if (kind === 3) return i32.MAX_VALUE - value;
  if (kind === 4) return i32.MIN_VALUE + value;
  if (kind === 5) return -value;
  if (kind === 6) return <i32>data + value;
  return value;
}

function deep(depth: i32): i32 {
  if (depth < 0) return 0;
  return deep(depth + 1) + log2(depth);
}

function log2(value: i32): i32 {
  return 31 - clz(value);
}

// Only wild connections are named: those that are opened while this program is at home in slot order
// are told apart by the caller, who gives handles in `state.wild`; everybody else is forged.
function target(connection: i32, which: i32): i32 {
  if (which < 96) return connection;
  if (which < 128) return 0;
  if (which < 160) return -1;
  if (which < 192) return connection + (1 << 24);
  if (which < 224) return connection ^ i32.MIN_VALUE;
  return which * 0x01010101;
}

function run(connection: i32, state: usize, data: usize, length: i32): i32 {
  let result = length;
  for (let at: i32 = 0; at + 8 <= length; at += 8) {
    const from = data + at;
    let operation = <i32>load<u8>(from) & 63;
    if (operation >= 48) operation -= 48;
    const who = target(connection, <i32>load<u8>(from + 1));
    const kinds = <i32>load<u8>(from + 2);
    const a = odd(kinds & 7, <i32>load<u16>(from + 4), data);
    const b = odd((kinds >> 3) & 7, <i32>load<u16>(from + 6), data);
    if (operation === 0) unreachable();
    else if (operation === 1) store<i32>(a, b);
    else if (operation === 2) result = b / (a & 1);
    else if (operation === 3) result = deep(1);
    else if (operation === 4) call_indirect<i32>(a, b);
    else if (operation === 5) memory.fill(a, 0xa5, b);
    else if (operation === 6) throw new Error('chaos');
    else if (operation === 7) memory.grow(b & 3);
    else if (operation === 8) for (let i: i32 = 0; i < (a & 0xffff); i += 1) now();
    else if (operation === 9) memory.fill(state + 4, <u8>b, 12);
    else if (operation === 10) return a;
    else if (operation < 14) close(who, b & 3);
    else if (operation < 16) pause(who);
    else if (operation < 18) resume(who);
    else if (operation < 20) want(who, b);
    else if (operation < 22) set_timer(who, b & 127);
    else if (operation < 24) peer_address(who, a, b);
    else if (operation < 25) log(a, data, b & 31);
    else if (operation < 26) log(a, a, b);
    else if (operation < 28) send(who, buffer, b & 0x7fff);
    else if (operation < 30) send(who, a, b);
    else if (operation < 32) result ^= surroundings(who, b & 7, a, b, data);
    else if (!answering) share(operation - 32, who, from, data, length, a, b);
  }
  return result;
}

// Topics and keys, half of them in order and half of them odd.
function share(
  operation: i32,
  who: i32,
  from: usize,
  data: usize,
  length: i32,
  a: i32,
  b: i32,
): void {
  if (operation < 2) join(who, a, from, 4, b & 1);
  else if (operation < 3) join(who, b, a, b, b & 3);
  else if (operation < 4) leave(who, from, 4, b & 1);
  else if (operation < 6) publish(from, 4, data, length, b & 3);
  else if (operation < 7) publish(a, b, b, a, b & 7);
  else if (operation < 9) store_get(who, a, from, 1);
  else if (operation < 10) store_get(who, b, a, b);
  else if (operation < 12) store_put(who, a, from, 1, data, length, 0, b & 1023);
  else if (operation < 13) store_put(who, b, a, b, b, a, a, b);
  else if (operation < 14) store_delete(who, a, from, 1, b & 1 ? from : 0);
  else store_add(who, a, from, 1, reinterpret<f64>(load<i64>(from)), b & 1023);
}

function surroundings(who: i32, which: i32, a: i32, b: i32, data: usize): i32 {
  if (which === 0) return random(a, b);
  if (which === 1) return config(a, b);
  if (which === 2) return property(who, data, b & 15, a, b);
  if (which === 3) return property(who, a, b, a, b);
  if (which === 4) return measure(a & 3, <f64>b / <f64>(a & 1));
  if (which === 5) return measure(a, wall_clock());
  if (which === 6) return metric(a, data, b);
  return random(buffer, 1);
}
