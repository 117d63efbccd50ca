// PING, GET, SET and INCR of the Redis protocol on the raw ABI, as quick as its author could make it: what
// the kit costs is measured beside it. It is as strict, understands arrays only, and has the kit's map. Its state block
// is as large as a session, and not used: what the host does for one is not the kit's.

import { CLOSE_ABORT } from '../../../assembly/abi';
import { ByteMap, Bytes } from '../../../assembly/kit';
import { close, send, want } from '../../../assembly/wasmpoll';

export * from '../../../assembly/guest';

const ARGUMENTS: i32 = 16;
const OUTPUT_BYTES: i32 = 1 << 18;
const CRLF: u16 = 0x0a0d;
const STAR: u8 = 0x2a;
const DOLLAR: u8 = 0x24;
const LOWER: u32 = 0x2020_2020;
const PING: u32 = 0x676e_6970;
const GET: u32 = 0x74_6567;
const SET: u32 = 0x74_6573;
const INCR: u32 = 0x7263_6e69;

const keys = new ByteMap<ArrayBuffer | null>();
const starts = new StaticArray<usize>(ARGUMENTS);
const lengths = new StaticArray<i32>(ARGUMENTS);
const output: usize = heap.alloc(OUTPUT_BYTES);
const spare = changetype<Bytes>(heap.alloc(offsetof<Bytes>()));
let used: usize = 0;
/** What `number` has read. */
let value: i32 = 0;

export function state_size(): i32 {
  return 2 * sizeof<i32>();
}

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  const end = data + length;
  let at = data;
  used = output;
  while (at < end) {
    const next = request(at, end);
    if (next === 0) break;
    if (next === 1) {
      close(connection, CLOSE_ABORT);
      return length;
    }
    at = next;
    if (used - output > 1 << 16) break;
  }
  if (used > output) send(connection, output, <i32>(used - output));
  if (at < end && used === output) want(connection, <i32>(end - at) + 1);
  return <i32>(at - data);
}

/** @returns where the next request begins, 0 when this one is not all there, 1 when it is malformed */
function request(from: usize, end: usize): usize {
  if (load<u8>(from) !== STAR) return 1;
  let at = number(from + 1, end, ARGUMENTS);
  if (at <= 1) return at;
  const count = value;
  for (let i = 0; i < count; i += 1) {
    if (at >= end) return 0;
    if (load<u8>(at) !== DOLLAR) return 1;
    at = number(at + 1, end, 1 << 26);
    if (at <= 1) return at;
    const size = value;
    if (at + size + 2 > end) return 0;
    starts[i] = at;
    lengths[i] = size;
    at += size;
    if (load<u16>(at) !== CRLF) return 1;
    at += 2;
  }
  if (count > 0) run(count);
  return at;
}

/** Reads a number and the end of its line. @returns where that is, or 0 or 1, as above */
function number(from: usize, end: usize, most: i32): usize {
  let at = from;
  value = 0;
  for (; at < end; at += 1) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) break;
    value = value * 10 + <i32>digit;
    if (value > most) return 1;
  }
  if (at + 2 > end) return 0;
  return at === from || load<u16>(at) !== CRLF ? 1 : at + 2;
}

function run(count: i32): void {
  const name = unchecked(starts[0]);
  const size = unchecked(lengths[0]);
  // The bit of lower case makes letters of letters only.
  const four = size < 3 ? 0 : load<u32>(name) | LOWER;
  if (size === 4 && four === PING) put('+PONG\r\n');
  else if (size === 3 && (four & 0xff_ffff) === GET && count === 2) get();
  else if (size === 3 && (four & 0xff_ffff) === SET && count === 3) set();
  else if (size === 4 && four === INCR && count === 2) increment();
  else put('-ERR unknown command\r\n');
}

function argument(index: i32): Bytes {
  spare.at = unchecked(starts[index]);
  spare.length = unchecked(lengths[index]);
  return spare;
}

function get(): void {
  const value = keys.get(argument(1), null);
  if (value === null) {
    put('$-1\r\n');
    return;
  }
  store<u8>(used, DOLLAR);
  used += 1;
  decimal(value.byteLength);
  memory.copy(used, changetype<usize>(value), value.byteLength);
  used += value.byteLength;
  store<u16>(used, CRLF);
  used += 2;
}

function set(): void {
  const copy = new ArrayBuffer(unchecked(lengths[2]));
  memory.copy(changetype<usize>(copy), unchecked(starts[2]), copy.byteLength);
  keys.set(argument(1), copy);
  put('+OK\r\n');
}

function increment(): void {
  const old = keys.get(argument(1), null);
  let value: i64 = 0;
  if (old !== null) {
    const at = changetype<usize>(old);
    for (let i = 0; i < old.byteLength; i += 1) value = value * 10 + load<u8>(at + i) - 0x30;
  }
  store<u8>(used, 0x3a);
  used += 1;
  const number = used;
  decimal(value + 1);
  const copy = new ArrayBuffer(<i32>(used - number) - 2);
  memory.copy(changetype<usize>(copy), number, copy.byteLength);
  keys.set(argument(1), copy);
}

function put(text: string): void {
  for (let i = 0; i < text.length; i += 1) store<u8>(used + i, <u8>text.charCodeAt(i));
  used += text.length;
}

function decimal(value: i64): void {
  let end = used + 1;
  for (let bound: i64 = 10; value >= bound; bound *= 10) end += 1;
  let rest = value;
  for (let to = end; to > used; rest /= 10) store<u8>(--to, <u8>(rest % 10) + 0x30);
  store<u16>(end, CRLF);
  used = end + 2;
}
