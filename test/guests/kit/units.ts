// The functions of the kit, exported one by one for tests that call them from JavaScript. A view is
// given as an address and a length, and returned as both in one i64: the length is the low half.

import {
  ByteMap,
  Bytes,
  Connection,
  draft,
  input,
  literal,
  Output,
  reply,
  Session,
  stateSize,
  view,
} from '../../../assembly/kit';
import { hashOf } from '../../../assembly/kit/byte-map';

export { allocate } from '../../../assembly/guest';

@unmanaged
class Mine extends Session {
  count!: i32;
}

const drafted = draft();
let target: Output = reply;
const map = new ByteMap<i32>();
export const sessionBytes: i32 = stateSize<Mine>();
export const constant: i64 = pack(literal('zoë €'));

function pack(bytes: Bytes): i64 {
  return ((<i64>bytes.at) << 32) | <i64>bytes.length;
}

function text(at: usize, length: i32): string {
  return String.UTF8.decodeUnsafe(at, length);
}

// Bytes.

export function byte(at: usize, length: i32, index: i32): i32 {
  return view(at, length).byte(index);
}

export function is(at: usize, length: i32, textAt: usize, textLength: i32): boolean {
  return view(at, length).is(text(textAt, textLength));
}

export function like(at: usize, length: i32, textAt: usize, textLength: i32): boolean {
  return view(at, length).like(text(textAt, textLength));
}

export function startsWith(at: usize, length: i32, textAt: usize, textLength: i32): boolean {
  return view(at, length).startsWith(text(textAt, textLength));
}

export function equals(at: usize, length: i32, otherAt: usize, otherLength: i32): boolean {
  return view(at, length).equals(view(otherAt, otherLength));
}

export function find(at: usize, length: i32, byte: i32, from: i32): i32 {
  return view(at, length).find(<u8>byte, from);
}

export function slice(at: usize, length: i32, start: i32, end: i32): i64 {
  return pack(view(at, length).slice(start, end));
}

let left: i64 = 0;

export function cut(at: usize, length: i32, textAt: usize, textLength: i32): i64 {
  const all = view(at, length);
  const front = pack(all.cut(text(textAt, textLength)));
  left = pack(all);
  return front;
}

export function cutLeft(): i64 {
  return left;
}

export function trim(at: usize, length: i32): i64 {
  return pack(view(at, length).trim());
}

export function isDecimal(at: usize, length: i32): boolean {
  return view(at, length).isDecimal();
}

export function toDecimal(at: usize, length: i32, least: i64, most: i64, none: i64): i64 {
  return view(at, length).decimal(least, most, none);
}

export function toFloat(at: usize, length: i32, none: f64): f64 {
  return view(at, length).float(none);
}

export function copyTo(at: usize, length: i32, to: usize): void {
  view(at, length).copyTo(to);
}

export function keep(at: usize, length: i32): i64 {
  return pack(view(at, length).keep());
}

export function copy(at: usize, length: i32): i64 {
  const buffer = view(at, length).copy();
  return ((<i64>changetype<usize>(buffer)) << 32) | <i64>buffer.byteLength;
}

export function toText(at: usize, length: i32): i64 {
  const units = view(at, length).toString();
  return ((<i64>changetype<usize>(units)) << 32) | <i64>(units.length << 1);
}

/** @returns the sum of the lengths of so many views, read after all of them were made */
export function many(count: i32): i32 {
  const views = new StaticArray<Bytes>(count);
  for (let i = 0; i < count; i += 1) views[i] = view(0, i);
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum += views[i].length;
  return sum;
}

// Input.

export function begin(connection: Connection, session: Mine | null, at: usize, length: i32): void {
  input.begin(connection, session, at, length);
}

export function next(): boolean {
  return input.next();
}

export function ok(): boolean {
  return input.ok();
}

export function bad(): boolean {
  return input.bad();
}

export function refuse(): void {
  input.refuse();
}

export function finish(): i32 {
  return input.finish();
}

export function atMost(bytes: i32): void {
  input.atMost(bytes);
}

export function readRest(): i32 {
  return input.rest();
}

export function readNeed(bytes: i32): boolean {
  return input.need(bytes);
}

export function readFrame(bytes: i32): boolean {
  return input.frame(bytes);
}

export function readBytes(length: i32): i64 {
  return pack(input.bytes(length));
}

export function readBytesLine(length: i32): i64 {
  return pack(input.bytesLine(length));
}

export function readLine(longest: i32): i64 {
  return pack(input.line(longest));
}

export function readUntil(at: usize, length: i32, longest: i32): i64 {
  return pack(input.until(text(at, length), longest));
}

export function readSkip(at: usize, length: i32): boolean {
  return input.skip(text(at, length));
}

export function readExpect(at: usize, length: i32): void {
  input.expect(text(at, length));
}

export function readDecimal(least: i64, most: i64): i64 {
  return input.decimal(least, most);
}

export function readDecimalLine(least: i64, most: i64): i64 {
  return input.decimalLine(least, most);
}

export function readVarint(longest: i32): u32 {
  return input.varint(longest);
}

export function readUint(bytes: i32, little: boolean): u64 {
  if (bytes === 1) return input.uint8();
  if (bytes === 2) return little ? input.uint16le() : input.uint16();
  if (bytes === 4) return little ? input.uint32le() : input.uint32();
  return little ? input.uint64le() : input.uint64();
}

// Output.

export function choose(drafts: boolean): void {
  target = drafts ? drafted : reply;
}

export function writeText(at: usize, length: i32): void {
  target.text(text(at, length));
}

export function writeBytes(at: usize, length: i32): void {
  target.bytes(view(at, length));
}

export function writeBytesLine(at: usize, length: i32): void {
  target.bytesLine(view(at, length));
}

export function writeBuffer(at: usize, length: i32): void {
  target.buffer(view(at, length).copy());
}

export function writeDecimal(value: i64): void {
  target.decimal(value);
}

export function writeDecimalLine(value: i64): void {
  target.decimalLine(value);
}

export function writeFloat(value: f64): void {
  target.float(value);
}

export function writeVarint(value: u32): void {
  target.varint(value);
}

export function writeUint(bytes: i32, little: boolean, value: u64): void {
  if (bytes === 1) target.uint8(<u32>value);
  else if (bytes === 2) little ? target.uint16le(<u32>value) : target.uint16(<u32>value);
  else if (bytes === 4) little ? target.uint32le(<u32>value) : target.uint32(<u32>value);
  else little ? target.uint64le(value) : target.uint64(value);
}

export function clear(): void {
  drafted.clear();
}

export function drafting(): i64 {
  return pack(drafted.view());
}

export function sendDraft(connection: Connection): void {
  drafted.send(connection);
}

// Connection.

export function send(connection: Connection, at: usize, length: i32): void {
  connection.send(view(at, length));
}

export function tell(connection: Connection, at: usize, length: i32): void {
  connection.tell(text(at, length));
}

export function close(connection: Connection, how: i32): void {
  connection.close(how);
}

export function pause(connection: Connection): void {
  connection.pause();
}

export function resume(connection: Connection): void {
  connection.resume();
}

export function timer(connection: Connection, milliseconds: i32): void {
  connection.timer(milliseconds);
}

export function startTls(connection: Connection): i32 {
  return connection.startTls();
}

export function backlog(connection: Connection): i32 {
  return connection.backlog;
}

// ByteMap.

export function hash(at: usize, length: i32): i32 {
  return hashOf(view(at, length));
}

export function mapGet(at: usize, length: i32, none: i32): i32 {
  return map.get(view(at, length), none);
}

export function mapHas(at: usize, length: i32): boolean {
  return map.has(view(at, length));
}

export function mapSet(at: usize, length: i32, value: i32): void {
  map.set(view(at, length), value);
}

export function mapDelete(at: usize, length: i32): boolean {
  return map.delete(view(at, length));
}

export function mapSize(): i32 {
  return map.size;
}

export function mapClear(): void {
  map.clear();
}

export function mapAfter(position: i32): i32 {
  return map.after(position);
}

export function mapKey(position: i32): i64 {
  return pack(map.keyAt(position));
}

export function mapValue(position: i32): i32 {
  return map.valueAt(position);
}
