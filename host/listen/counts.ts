// Counts of the listeners of a server, beside those of its connections.

import type { TlsCounts } from '../tls/counts.ts';

export interface ListeningCounts {
  /** Addresses in the table of `connectionsPerAddress` and `acceptRate`. */
  addresses: number;
  /** Where a listener has TLS. */
  tls?: TlsCounts;
}
