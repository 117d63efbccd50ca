// Observer: what a reactor tells of connections and its guest, types only. It is what a program may see of this
// room, so it knows none of its parts.

import type { RecordedCall } from '../guest/recorded-call.ts';
import type { Place } from '../guest/trap.ts';
import type { Refused } from '../listen/peer/refusals.ts';

/** A connection that is over. */
export interface Ending {
  readonly connection: number;
  /** One of REASON_…. */
  readonly reason: number;
  /** The host has ended it for a limit or a fault: neither peer nor guest wanted that. */
  readonly fault: boolean;
  /** Empty when nobody can tell any more. */
  readonly peer: string;
  /** The operator's name for the listener that it came by. */
  readonly listener: string;
  /** How long it was there, in milliseconds. */
  readonly lasted: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A guest that has failed. */
export interface Failure {
  /** In words. */
  readonly why: string;
  /** The callback that it was in, `on_data`. */
  readonly callback: string;
  /** The connection that it was serving, which is lost; null when it was none. */
  readonly connection: number | null;
  readonly peer: string;
  /** Where in its module; null when that is not known. */
  readonly place: Place | null;
  /** What is kept of it; null if nobody wants to know, or the same was told a moment ago. */
  readonly crash: Kept | null;
}

export interface Kept {
  readonly call: RecordedCall;
  /** The guest's functions that it was in, the innermost first. */
  readonly frames: readonly string[];
  /** All that the instance was given, as `Tape.read` gives it; null if nobody wants to know. */
  readonly tape: Uint8Array<ArrayBuffer> | null;
}

/** What happens to connections and the guest, for those who watch. Null costs nothing. */
export interface Observer {
  open: ((connection: number, address: string) => void) | null;
  /** Told of what was received; `bytes` is a copy. */
  data: ((connection: number, bytes: Uint8Array) => void) | null;
  close: ((ending: Ending) => void) | null;
  /**
   * A connection that the host has ended for a limit or a fault; `close` is told instead if there is one.
   * @returns false when it was left out
   */
  fault(ending: Ending): boolean;
  /** The guest failed and was replaced. */
  restart(failure: Failure): void;
  /** The replacement did not come up: connections were aborted, and new ones are refused. Or on_tick fails. */
  failure(error: unknown): void;
  /** Connections were kept out before the guest heard of them; not told of to whoever has no such function. */
  refused?(refused: Refused): void;
  /** One line from the guest; the level is one of LOG_…. @returns false when it was dropped */
  log(level: number, text: string): boolean;
}
