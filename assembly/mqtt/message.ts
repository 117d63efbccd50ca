// Message: what a topic of the host carries: a head, the properties that are passed on, and the payload. A text of
// the program has no head: a head begins with a byte below 32.

import { Bytes, draft, view, wall_clock } from '../kit';

// 0       1           9        17                19
// | flags | expires ? | sender | properties size | properties | payload
//                     '-- if there is an origin --------------'
const QOS: i32 = 3;
const RETAIN: i32 = 4;
const EXPIRES: i32 = 8;
const ORIGIN: i32 = 16;
const TEXT: i32 = 32;

export let qos: i32 = 0;
/** Whether it was published with RETAIN. */
export let kept: boolean = false;
/** Milliseconds since 1970; 0 for never. */
export let expires: f64 = 0;
/** The key of the client that has published it; 0 if it is not known. */
export let sender: u64 = 0;
export let properties: Bytes = view(0, 0);
export let payload: Bytes = view(0, 0);

/** @returns whether it is a message; the program may have published anything */
export function open(data: Bytes): boolean {
  const flags = data.length === 0 ? TEXT : data.byte(0);
  qos = 0;
  kept = false;
  expires = 0;
  sender = 0;
  properties = data.slice(0, 0);
  payload = data;
  if (flags >= TEXT) return true;
  qos = min(flags & QOS, 2);
  kept = (flags & RETAIN) !== 0;
  const head = 1 + ((flags & EXPIRES) !== 0 ? 8 : 0) + ((flags & ORIGIN) !== 0 ? 10 : 0);
  if (data.length < head) return false;
  let at = data.at + 1;
  if ((flags & EXPIRES) !== 0) {
    expires = load<f64>(at);
    at += 8;
  }
  let size = 0;
  if ((flags & ORIGIN) !== 0) {
    sender = load<u64>(at);
    size = <i32>load<u16>(at, 8);
    if (data.length < head + size) return false;
    properties = view(at + 10, size);
  }
  payload = data.slice(head + size);
  return true;
}

const made = draft();

/** @param seconds after which it expires; below 0 for never. @param from the key of its sender; 0 for MQTT 3 */
export function compose(
  level: i32,
  retain: boolean,
  seconds: i64,
  from: u64,
  passed: Bytes,
  body: Bytes,
): Bytes {
  const ends = seconds >= 0;
  const flags = level | (retain ? RETAIN : 0) | (ends ? EXPIRES : 0) | (from !== 0 ? ORIGIN : 0);
  made.clear().uint8(flags);
  if (ends) made.uint64le(reinterpret<u64>(wall_clock() + <f64>seconds * 1000));
  if (from !== 0) made.uint64le(from).uint16le(passed.length).bytes(passed);
  return made.bytes(body).view();
}
