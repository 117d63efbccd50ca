// Frame: a message as it travels between processes: 8 bytes of the process that sends it, flags, the topic's
// length in two bytes, little endian, the topic, the data. It opens nothing.

export const PROCESS_BYTES = 8;
const FLAGS_AT = 8;
const TOPIC_LENGTH_AT = 9;
const HEAD = 11;

/** The message is kept for those who join later. */
export const FRAME_RETAIN = 1;
/** No message: some of this process were lost. */
export const FRAME_GAP = 2;

/** What a frame may be as a whole: both parts are bounded, and so is the sum. */
const frameBytes = (topic: number, data: number): number => HEAD + topic + data;

export function makeFrame(
  process: Uint8Array,
  flags: number,
  topic: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(frameBytes(topic.length, data.length));
  frame.set(process);
  frame[FLAGS_AT] = flags;
  frame[TOPIC_LENGTH_AT] = topic.length & 0xff;
  frame[TOPIC_LENGTH_AT + 1] = topic.length >> 8;
  frame.set(topic, HEAD);
  frame.set(data, HEAD + topic.length);
  return frame;
}

export interface Frame {
  readonly process: Uint8Array;
  readonly flags: number;
  readonly topic: Uint8Array;
  readonly data: Uint8Array;
}

/** @returns parts of the same bytes, or null if this is no frame */
export function readFrame(bytes: Uint8Array): Frame | null {
  if (bytes.length < HEAD) return null;
  const length = bytes[TOPIC_LENGTH_AT]! | (bytes[TOPIC_LENGTH_AT + 1]! << 8);
  if (HEAD + length > bytes.length) return null;
  return {
    process: bytes.subarray(0, PROCESS_BYTES),
    flags: bytes[FLAGS_AT]!,
    topic: bytes.subarray(HEAD, HEAD + length),
    data: bytes.subarray(HEAD + length),
  };
}
