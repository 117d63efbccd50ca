// Fault: where a play went wrong, as data that can go from one thread to another. It does not know how one is shown.

/** What was found at a line of a transcript. */
export interface Fault {
  readonly line: number;
  /** What is wrong, and what may be done about it. */
  readonly what: string;
  /** What should have come, and what came in its place; null where it is not about bytes. */
  readonly bytes: { readonly expected: Uint8Array; readonly came: Uint8Array } | null;
  /** The last lines that the guest has logged. */
  readonly logs: readonly string[];
}

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
