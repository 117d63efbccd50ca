// Frame: a message as it travels between processes: 8 bytes of the process that sends it, flags, the topic's
// length in two bytes, little endian, with FRAME_ENDS a time in four bytes, the topic, the data. It opens nothing.

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

export function makeFrame(
  process: Uint8Array,
  flags: number,
  topic: Uint8Array,
  data: Uint8Array,
  ttlMs = 0,
): Uint8Array {
  const head = HEAD + (ttlMs > 0 ? TTL_BYTES : 0);
  const frame = new Uint8Array(head + topic.length + data.length);
  frame.set(process);
  frame[FLAGS_AT] = flags | (ttlMs > 0 ? FRAME_ENDS : 0);
  frame[TOPIC_LENGTH_AT] = topic.length & 0xff;
  frame[TOPIC_LENGTH_AT + 1] = topic.length >> 8;
  if (ttlMs > 0) new DataView(frame.buffer).setUint32(HEAD, ttlMs, true);
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
  const length = bytes[TOPIC_LENGTH_AT]! | (bytes[TOPIC_LENGTH_AT + 1]! << 8);
  const flags = bytes[FLAGS_AT]!;
  const ends = (flags & FRAME_ENDS) !== 0;
  const head = HEAD + (ends ? TTL_BYTES : 0);
  if (head + length > bytes.length) return null;
  return {
    process: bytes.subarray(0, PROCESS_BYTES),
    flags,
    topic: bytes.subarray(head, head + length),
    data: bytes.subarray(head + length),
    ttlMs: ends ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(HEAD, true) : 0,
  };
}
