// Fault: where a play went wrong, as data that can go from one thread to another. It does not know how one is shown.

import type { Failure } from '../testing/harness.ts';

/** What was found at a line of a transcript. */
export interface Fault {
  readonly line: number;
  /** What is wrong, and what may be done about it. */
  readonly what: string;
  /** What should have come, and what came in its place; null where it is not about bytes. */
  readonly bytes: { readonly expected: Uint8Array; readonly came: Uint8Array } | null;
  /** Where in its module the guest has failed, and the file that knows the lines. */
  readonly places: readonly Place[];
  /** The last lines that the guest has logged. */
  readonly logs: readonly string[];
}

export type Place = NonNullable<Failure['place']>;

/** Ends a play. */
export class Failed extends Error {
  readonly line: number;
  readonly bytes: Fault['bytes'];

  constructor(line: number, what: string, bytes: Fault['bytes'] = null) {
    super(what);
    this.line = line;
    this.bytes = bytes;
  }
}
