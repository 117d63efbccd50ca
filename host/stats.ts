// Stats: what a reactor has counted. Counts of bytes are doubles: they pass 2^32 within minutes.

export class Stats {
  connectionsTotal = 0;
  connectionsRefused = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** on_data callbacks. */
  messages = 0;
  guestTraps = 0;
  logLinesDropped = 0;
  /** Failures by kind: an errno's name, or a close reason of the host's own. */
  readonly errors = new Map<string, number>();

  error(kind: string): void {
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
  }
}

/** What `server.stats()` returns. Bytes are bytes of the streams, without any headers. */
export interface Snapshot {
  connections: { open: number; total: number; refused: number };
  bytesIn: number;
  bytesOut: number;
  messages: number;
  /** Output that waits for the peers to take it. */
  backlogBytes: number;
  /** Pages in use for output and held input, in bytes. */
  poolBytes: number;
  errors: Record<string, number>;
  guestTraps: number;
  logLinesDropped: number;
}
