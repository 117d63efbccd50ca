// Recorded call: a callback and what it was given, as it is kept, shown and repeated. It knows neither guests nor
// where it was noted.

/** A callback, and what it was given. */
export interface RecordedCall {
  /** `on_data`. */
  readonly callback: string;
  /** The connection as the guest knows it; 0 when it was none's callback, or the file does not say. */
  readonly handle: number;
  /** What it was given besides connection, addresses and lengths, in order. */
  readonly numbers: readonly number[];
  /** The monotonic and the wall's clock, in milliseconds. */
  readonly now: number;
  readonly wall: number;
  /** Of the module, in hexadecimal; '' when it is not known. */
  readonly sha256: string;
  readonly stateVersion: number;
  /** The state block before; null when data is left out. */
  readonly state: Uint8Array | null;
  /** What it was given to read: `length` bytes, of which these are the first. */
  readonly bytes: Uint8Array | null;
  readonly length: number;
  /** How many of the bytes are a topic, which stands before the data. */
  readonly topicLength: number;
}
