// A guest that asks for its surroundings, as its input says. Each message is one command, and is answered
// with a line: what a call gave, or the status that it gave.
//
//   c        the configuration, as it was in _initialize        C n     as it is now, at most n bytes
//   r n      n random bytes          w   the wall clock, twice in one callback      n   the same of now
//   p key    a property              P n key   at most n bytes of one
//   m i v    measure metric i with v           M i v   the same, then a trap
//   d k n    metric of kind k and name n, when it is too late    D   what _initialize got for them
//   t how    what on_tick does from now on: 0 nothing, 1 trap, 2 hang, 3 send to this connection
//   T H      trap, hang
//
// The configuration may have lines: `metric k n` is declared, `start how` is what on_start does: `trap`,
// `hang`, `measure`, and `tick how ms` what on_tick does before that time: `trap`, `hang`. The first metrics are always `starts`, `ticks` and `sizes`.

import { LOG_INFO, METRIC_COUNTER, METRIC_HISTOGRAM } from '../../assembly/abi';
import {
  config,
  log,
  measure,
  metric,
  now,
  property,
  random,
  send,
  wall_clock,
} from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const CAPACITY: i32 = 4096;
const buffer: usize = memory.data(4096);
let configured: string = '';
let declared: string = '';
let start: string = '';
let ticking: string = '';
let until: f64 = 0;
let tick: i32 = 0;
let told: i32 = 0;

function declare(kind: i32, name: string): i32 {
  const bytes = String.UTF8.encode(name);
  return metric(kind, changetype<usize>(bytes), bytes.byteLength);
}

export function _initialize(): void {
  const length = config(buffer, CAPACITY);
  configured = String.UTF8.decodeUnsafe(buffer, length < CAPACITY ? length : CAPACITY);
  declare(METRIC_COUNTER, 'starts');
  declare(METRIC_COUNTER, 'ticks');
  declare(METRIC_HISTOGRAM, 'sizes');
  const lines = configured.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const words = lines[at].split(' ');
    if (words[0] === 'metric')
      declared += `${declare(<i32>parseInt(words[1], 10), words[2]).toString()} `;
    if (words[0] === 'start') start = words[1];
    if (words[0] === 'tick') {
      ticking = words[1];
      until = parseFloat(words[2]);
    }
    if (words[0] === 'early' && random(buffer, 1) !== -4) unreachable();
    if (words[0] === 'early' && measure(0, 1) !== -4) unreachable();
    if (words[0] === 'early' && wall_clock() !== 0) unreachable();
  }
}

function fail(how: string): void {
  if (how === 'trap') unreachable();
  if (how === 'hang') while (true) told += 1;
}

export function on_start(): void {
  const line = String.UTF8.encode('started');
  log(LOG_INFO, changetype<usize>(line), line.byteLength);
  measure(0, 1);
  fail(start);
}

export function on_tick(): void {
  if (now() < until) fail(ticking);
  measure(1, 1);
  if (tick === 1) unreachable();
  if (tick === 2) fail('hang');
  if (tick === 3) answer(told, 'tick');
}

function answer(connection: i32, text: string): void {
  const bytes = String.UTF8.encode(`${text}\n`);
  send(connection, changetype<usize>(bytes), bytes.byteLength);
}

function found(connection: i32, length: i32): void {
  if (length < 0) answer(connection, length.toString());
  else answer(connection, `${length.toString()} ${String.UTF8.decodeUnsafe(buffer, length)}`);
}

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  const words = String.UTF8.decodeUnsafe(data, length).split(' ');
  const command = words[0];
  memory.fill(buffer, 0x2e, CAPACITY);
  if (command === 'c') answer(connection, configured);
  else if (command === 'C')
    found(
      connection,
      min(<i32>parseInt(words[1], 10), config(buffer, <i32>parseInt(words[1], 10))),
    );
  else if (command === 'r') {
    const status = random(buffer, <i32>parseInt(words[1], 10));
    if (status < 0) answer(connection, status.toString());
    else send(connection, buffer, <i32>parseInt(words[1], 10));
  } else if (command === 'w')
    answer(connection, `${wall_clock().toString()} ${wall_clock().toString()}`);
  else if (command === 'n') answer(connection, `${now().toString()} ${now().toString()}`);
  else if (command === 'p') ask(connection, words[1], CAPACITY);
  else if (command === 'P') ask(connection, words[2], <i32>parseInt(words[1], 10));
  else if (command === 'm' || command === 'M') {
    answer(connection, measure(<i32>parseInt(words[1], 10), parseFloat(words[2])).toString());
    if (command === 'M') unreachable();
  } else if (command === 'd')
    answer(connection, declare(<i32>parseInt(words[1], 10), words[2]).toString());
  else if (command === 'D') answer(connection, declared);
  else if (command === 't') {
    tick = <i32>parseInt(words[1], 10);
    told = connection;
    answer(connection, 'ok');
  } else if (command === 'T') unreachable();
  else if (command === 'H') fail('hang');
  return length;
}

function ask(connection: i32, key: string, capacity: i32): void {
  const bytes = String.UTF8.encode(key);
  found(
    connection,
    property(connection, changetype<usize>(bytes), bytes.byteLength, buffer, capacity),
  );
}
