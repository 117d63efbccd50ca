// Frame: a message as it travels between processes: 8 bytes of the process that sends it, flags, the topic's
// length in two bytes, little endian, the topic, the data. With FRAME_ENDS that length is 0, so that processes which do
// not know of it take it for no message; a time in four bytes follows, and the length. It opens nothing.

export const PROCESS_BYTES = 8;
const FLAGS_AT = 8;
const TOPIC_LENGTH_AT = 9;
const HEAD = 11;

/** The message is kept for those who join later. */
export const FRAME_RETAIN = 1;
/** No message: some of this process were lost. */
export const FRAME_GAP = 2;
/** What is kept is over after so many milliseconds. */
const FRAME_ENDS = 4;
const TTL_BYTES = 4;
/** A time and a length more. */
const ENDS_BYTES = TTL_BYTES + 2;

export function makeFrame(
  process: Uint8Array,
  flags: number,
  topic: Uint8Array,
  data: Uint8Array,
  ttlMs = 0,
): Uint8Array {
  const head = HEAD + (ttlMs > 0 ? ENDS_BYTES : 0);
  const frame = new Uint8Array(head + topic.length + data.length);
  frame.set(process);
  frame[FLAGS_AT] = flags | (ttlMs > 0 ? FRAME_ENDS : 0);
  const view = new DataView(frame.buffer);
  view.setUint16(ttlMs > 0 ? HEAD + TTL_BYTES : TOPIC_LENGTH_AT, topic.length, true);
  if (ttlMs > 0) view.setUint32(HEAD, ttlMs, true);
  frame.set(topic, head);
  frame.set(data, head + topic.length);
  return frame;
}

export interface Frame {
  readonly process: Uint8Array;
  readonly flags: number;
  readonly topic: Uint8Array;
  readonly data: Uint8Array;
  /** 0 is for ever. */
  readonly ttlMs: number;
}

/** @returns parts of the same bytes, or null if this is no frame */
export function readFrame(bytes: Uint8Array): Frame | null {
  if (bytes.length < HEAD) return null;
  const flags = bytes[FLAGS_AT]!;
  const ends = (flags & FRAME_ENDS) !== 0;
  const head = HEAD + (ends ? ENDS_BYTES : 0);
  if (bytes.length < head) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint16(ends ? HEAD + TTL_BYTES : TOPIC_LENGTH_AT, true);
  if (head + length > bytes.length) return null;
  return {
    process: bytes.subarray(0, PROCESS_BYTES),
    flags,
    topic: bytes.subarray(head, head + length),
    data: bytes.subarray(head + length),
    ttlMs: ends ? view.getUint32(HEAD, true) : 0,
  };
}
