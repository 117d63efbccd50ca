// A guest that does what its input says, for tests. The language is in test/helpers/guests.ts.
// It logs every callback with its arguments, and the statuses that its commands were given.

import {
  close,
  connect,
  log,
  now,
  pause,
  peer_address,
  resume,
  send,
  set_timer,
  splice,
  start_tls,
  want,
} from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const SCRIPT_BYTES: i32 = 256;
const SCRIPTS: i32 = 6;
const ON_DATA: i32 = 0;
const ON_END: i32 = 1;
const ON_DRAIN: i32 = 2;
const ON_TIMER: i32 = 3;
const ON_CLOSE: i32 = 4;
const ON_RESTORE: i32 = 5;

const MODE_SCRIPT: i32 = 0;
const MODE_ECHO: i32 = 1;
const MODE_LINES: i32 = 2;
const MODE_RETURN: i32 = 3;
const MODE_FRAMES: i32 = 4;

// ╒════════╤═════════╤══════╤══════════╤═══════╤═════════════════════════════╕
// │ index  │ counter │ mode │ argument │ quiet │ 6 scripts: length and bytes │
// └────────┴─────────┴──────┴──────────┴───────┴─────────────────────────────┘
@unmanaged
class State {
  index: i32;
  counter: i32;
  mode: i32;
  argument: i32;
  quiet: i32;
}

const MAX_CONNECTIONS: i32 = 4096;
const handles: usize = memory.data(4 * MAX_CONNECTIONS);
const scratch: usize = memory.data(4096);
const line: usize = memory.data(8192);
const report: usize = memory.data(8192);
const addressText: usize = memory.data(1024);

let opened: i32 = 0;
// What on_connect runs.
const connected: usize = memory.data(SCRIPT_BYTES);
let connectedBytes: i32 = 0;
let total: i32 = 0;
let lineBytes: i32 = 0;
let reportBytes: i32 = 0;
let bulk: usize = 0;
let bulkBytes: i32 = 0;

// The callback that runs.
let self: i32 = 0;
let state: usize = 0;
let input: usize = 0;
let inputBytes: i32 = 0;
let result: i32 = 0;
let cursor: usize = 0;
let limit: usize = 0;

export function state_size(): i32 {
  return <i32>offsetof<State>() + SCRIPTS * SCRIPT_BYTES;
}

export function on_open(connection: i32, block: usize): void {
  begin(connection, block, 0, 0);
  let dirty = false;
  for (let at: i32 = 0; at < state_size(); at += 1) if (load<u8>(block + at) !== 0) dirty = true;
  store<i32>(block, opened, offsetof<State>('index'));
  remember(connection, opened);
  const length = peer_address(connection, addressText, 1024);
  const script = length > 0 && load<u8>(addressText) === 0x21;
  event(dirty ? 'dirty ' : 'open ', 6 - i32(!dirty));
  flush();
  if (script) run(addressText + 1, addressText + length);
  finish();
}

export function on_data(connection: i32, block: usize, data: usize, length: i32): i32 {
  begin(connection, block, data, length);
  event('data ', 5);
  text(data, length);
  flush();
  const mode = load<i32>(block, offsetof<State>('mode'));
  const argument = load<i32>(block, offsetof<State>('argument'));
  result = length;
  if (mode === MODE_SCRIPT) run(data, data + length);
  else if (mode === MODE_ECHO) {
    if (length > argument) result = argument;
    send(connection, data, result);
  } else if (mode === MODE_LINES) {
    let end: i32 = 0;
    while (end < length && load<u8>(data + end) !== 0x0a) end += 1;
    result = end === length ? 0 : end + 1;
    if (result > 0) send(connection, data, result);
  } else if (mode === MODE_RETURN) result = argument;
  else if (mode === MODE_FRAMES) {
    const frame = <i32>load<u8>(data) + 1;
    result = length < frame ? 0 : frame;
    if (result === 0) want(connection, frame);
    else send(connection, data, frame);
  }
  stored(ON_DATA);
  return finish();
}

export function on_end(connection: i32, block: usize, data: usize, length: i32): i32 {
  begin(connection, block, data, length);
  event('end ', 4);
  text(data, length);
  flush();
  stored(ON_END);
  return finish();
}

export function on_drain(connection: i32, block: usize): void {
  begin(connection, block, 0, 0);
  event('drain ', 6);
  flush();
  stored(ON_DRAIN);
  finish();
}

export function on_timer(connection: i32, block: usize): void {
  begin(connection, block, 0, 0);
  event('timer ', 6);
  flush();
  stored(ON_TIMER);
  finish();
}

export function on_close(connection: i32, block: usize, reason: i32): void {
  begin(connection, block, 0, 0);
  event('close ', 6);
  byte(0x20);
  decimal(reason);
  byte(0x20);
  decimal(load<i32>(block, offsetof<State>('counter')));
  flush();
  stored(ON_CLOSE);
  finish();
}

export function on_connect(connection: i32, block: usize, parent: i32): void {
  begin(connection, block, 0, 0);
  event('connect ', 8);
  byte(0x20);
  decimal(parent === 0 ? -1 : indexOf(parent));
  flush();
  run(connected, connected + connectedBytes);
  finish();
}

export function on_restore(connection: i32, block: usize): void {
  begin(connection, block, 0, 0);
  remember(connection, load<i32>(block, offsetof<State>('index')));
  event('restore ', 8);
  byte(0x20);
  decimal(load<i32>(block, offsetof<State>('counter')));
  flush();
  stored(ON_RESTORE);
  finish();
}

function remember(connection: i32, index: i32): void {
  store<i32>(handles + 4 * (index % MAX_CONNECTIONS), connection);
  if (opened <= index) opened = index + 1;
}

function begin(connection: i32, block: usize, data: usize, length: i32): void {
  self = connection;
  state = block;
  input = data;
  inputBytes = length;
  result = 0;
  reportBytes = 0;
  lineBytes = 0;
  // Of one that was asked for nobody has noted the number.
  const index = offsetof<State>('index');
  if (load<i32>(block, index) === 0) store<i32>(block, max(0, indexOf(connection)), index);
}

function indexOf(connection: i32): i32 {
  for (let index: i32 = 0; index < min(opened, MAX_CONNECTIONS); index += 1)
    if (load<i32>(handles + 4 * index) === connection) return index;
  return -1;
}

function finish(): i32 {
  if (reportBytes > 0 && !quiet()) log(1, report, reportBytes);
  return result;
}

function quiet(): bool {
  return load<i32>(state, offsetof<State>('quiet')) !== 0;
}

// Names are literals: their UTF-16 is read byte by byte.
function event(name: string, length: i32): void {
  lineBytes = 0;
  for (let at: i32 = 0; at < length; at += 1)
    byte(<i32>load<u16>(changetype<usize>(name) + 2 * at));
  decimal(load<i32>(state, offsetof<State>('index')));
}

function text(from: usize, length: i32): void {
  byte(0x20);
  for (let at: i32 = 0; at < length && at < 400; at += 1) byte(<i32>load<u8>(from + at));
}

function byte(value: i32): void {
  store<u8>(line + lineBytes, value);
  lineBytes += 1;
}

function flush(): void {
  if (!quiet()) log(1, line, lineBytes);
  lineBytes = 0;
}

function decimal(value: i32): void {
  lineBytes += digits(line + lineBytes, value);
}

function digits(target: usize, value: i32): i32 {
  let rest: i64 = value;
  let at: i32 = 0;
  if (rest < 0) {
    store<u8>(target, 0x2d);
    at = 1;
    rest = -rest;
  }
  let scale: i64 = 1;
  while (scale * 10 <= rest) scale *= 10;
  for (; scale > 0; scale /= 10) {
    store<u8>(target + at, 0x30 + <i32>((rest / scale) % 10));
    at += 1;
  }
  return at;
}

function status(value: i32): void {
  store<u8>(report + reportBytes, reportBytes === 0 ? 0x3d : 0x20);
  reportBytes += 1;
  reportBytes += digits(report + reportBytes, value);
}

function stored(which: i32): void {
  const at = state + offsetof<State>() + which * SCRIPT_BYTES;
  const length = load<i32>(at);
  if (length > 0) run(at + 4, at + 4 + length);
}

function run(from: usize, to: usize): void {
  const savedCursor = cursor;
  const savedLimit = limit;
  cursor = from;
  limit = to;
  while (cursor < limit) command();
  cursor = savedCursor;
  limit = savedLimit;
}

function next(): i32 {
  if (cursor >= limit) return 0;
  cursor += 1;
  return <i32>load<u8>(cursor - 1);
}

// A decimal number with its separator.
function number(): i32 {
  let value: i64 = 0;
  let sign: i64 = 1;
  for (let character = next(); character !== 0; character = next()) {
    if (character === 0x20) continue;
    if (character === 0x2d) sign = -1;
    else if (character >= 0x30 && character <= 0x39) value = value * 10 + character - 0x30;
    else break;
  }
  return <i32>(value * sign);
}

// `.` is this connection, `#n` the handle n, `n` the connection opened as number n.
function target(): i32 {
  while (cursor < limit && load<u8>(cursor) === 0x20) cursor += 1;
  if (load<u8>(cursor) === 0x2e) {
    cursor += 2;
    return self;
  }
  if (load<u8>(cursor) === 0x23) {
    cursor += 1;
    return number();
  }
  return load<i32>(handles + 4 * (number() % MAX_CONNECTIONS));
}

// The rest of the command, without its `;`.
function rest(): i32 {
  const from = cursor;
  while (cursor < limit && load<u8>(cursor) !== 0x3b) cursor += 1;
  cursor += 1;
  return <i32>(cursor - 1 - from);
}

// What stands between the braces, which may be nested.
function braces(): i32 {
  for (let character = next(); character !== 0x7b; character = next()) {
    if (character === 0) unreachable();
  }
  const from = cursor;
  let depth: i32 = 1;
  while (depth > 0) {
    const character = next();
    if (character === 0x7b) depth += 1;
    else if (character === 0x7d) depth -= 1;
    else if (character === 0) unreachable();
  }
  return <i32>(cursor - 1 - from);
}

function eventOf(letter: i32): i32 {
  if (letter === 0x64) return ON_DATA;
  if (letter === 0x65) return ON_END;
  if (letter === 0x77) return ON_DRAIN;
  if (letter === 0x74) return ON_TIMER;
  if (letter === 0x63) return ON_CLOSE;
  return ON_RESTORE;
}

function forever(depth: i32): i32 {
  return forever(depth + 1) + 1;
}

function command(): void {
  const letter = next();
  if (letter === 0x73) say(target(), false);
  else if (letter === 0x63) say(target(), true);
  else if (letter === 0x62) sendBulk(target(), number(), number());
  else if (letter === 0x70) sendRange(target(), 0);
  else if (letter === 0x57) sendRange(target(), input);
  else if (letter === 0x45) status(send(self, input, inputBytes));
  else if (letter === 0x78) closeIt(target());
  else if (letter === 0x50) status(pause(target()));
  else if (letter === 0x52) status(resume(target()));
  else if (letter === 0x53) status(start_tls(target()));
  else if (letter === 0x77) wantIt(target());
  else if (letter === 0x74) setIt(target());
  else if (letter === 0x6b) result = number();
  else if (letter === 0x61) addressOf(target());
  else if (letter === 0x54) unreachable();
  else if (letter === 0x41) throw new Error('asked to');
  else if (letter === 0x4f) status(forever(0));
  else if (letter === 0x6c) logIt();
  else if (letter === 0x67) status(memory.grow(number()));
  else if (letter === 0x2b) bump(offsetof<State>('counter'), number());
  else if (letter === 0x47) total += number();
  else if (letter === 0x3f) tell();
  else if (letter === 0x4e) status(<i32>now());
  else if (letter === 0x48) status(self);
  else if (letter === 0x68) callHost(number());
  else if (letter === 0x6d) setMode();
  else if (letter === 0x71) store<i32>(state, 1, offsetof<State>('quiet'));
  else if (letter === 0x65) storeScript();
  else if (letter === 0x2a) repeat(number());
  else if (letter === 0x75) connectFor(target());
  else if (letter === 0x55) whenConnected();
  else if (letter === 0x6a) spliceIt(target());
}

// The new connection gets the next number.
function connectFor(parent: i32): void {
  const flags = number();
  const from = cursor;
  const made = connect(parent, from, rest(), flags);
  if (made > 0) remember(made, opened);
  status(made > 0 ? opened - 1 : made);
}

function whenConnected(): void {
  connectedBytes = braces();
  memory.copy(connected, cursor - 1 - connectedBytes, connectedBytes);
}

function spliceIt(connection: i32): void {
  status(splice(connection, target()));
}

function say(connection: i32, copied: bool): void {
  const from = cursor;
  const length = rest();
  if (!copied) {
    status(send(connection, from, length));
    return;
  }
  memory.copy(scratch, from, length);
  status(send(connection, scratch, length));
  memory.fill(scratch, 0x23, 4096);
}

function sendBulk(connection: i32, length: i32, count: i32): void {
  const letter = next();
  if (length > bulkBytes) {
    bulk = heap.alloc(length);
    bulkBytes = length;
  }
  memory.fill(bulk, <u8>letter, length);
  let last: i32 = 0;
  for (; count > 0; count -= 1) last = send(connection, bulk, length);
  status(last);
}

function sendRange(connection: i32, base: usize): void {
  const from = base + <usize>number();
  status(send(connection, from, number()));
}

function closeIt(connection: i32): void {
  status(close(connection, number()));
}

function wantIt(connection: i32): void {
  status(want(connection, number()));
}

function setIt(connection: i32): void {
  status(set_timer(connection, number()));
}

function addressOf(connection: i32): void {
  const capacity = number();
  memory.fill(scratch, 0x2e, 64);
  status(peer_address(connection, scratch, capacity));
  log(1, scratch, 24);
}

function logIt(): void {
  const level = number();
  const from = cursor;
  log(level, from, rest());
}

function bump(field: usize, by: i32): void {
  store<i32>(state + field, load<i32>(state + field) + by);
}

function tell(): void {
  status(load<i32>(state, offsetof<State>('counter')));
  status(total);
}

function callHost(times: i32): void {
  for (; times > 0; times -= 1) now();
}

function setMode(): void {
  store<i32>(state, number(), offsetof<State>('mode'));
  store<i32>(state, number(), offsetof<State>('argument'));
}

function storeScript(): void {
  next();
  const which = eventOf(next());
  const length = braces();
  const at = state + offsetof<State>() + which * SCRIPT_BYTES;
  store<i32>(at, length);
  memory.copy(at + 4, cursor - 1 - length, length);
}

function repeat(times: i32): void {
  cursor -= 1;
  const length = braces();
  const from = cursor - 1 - length;
  for (; times > 0; times -= 1) run(from, from + length);
}
