// TLS counts: what the sessions of a server have counted, by name.

import type { Tls } from '../kernel/tls/addon-tls.ts';
import {
  TLS_BYTES_IN,
  TLS_BYTES_OUT,
  TLS_CAUSES,
  TLS_COUNTS,
  TLS_FAILURES,
  TLS_HANDSHAKES,
  TLS_RESUMPTIONS,
  TLS_TRUNCATIONS,
} from '../kernel/tls/tls-rows.ts';

/** Why sessions have failed, in the order of their numbers. */
export const CAUSES = [
  'other',
  'notTls',
  'version',
  'cipher',
  'alpn',
  'clientCertificate',
  'alert',
  'record',
  'flood',
  'serverCertificate',
] as const;

export interface TlsCounts {
  /** Handshakes that were done, those included that resumed a session. */
  readonly handshakes: number;
  readonly resumed: number;
  /** Sessions that failed, in their handshake or later, by cause. */
  readonly failed: Readonly<Record<(typeof CAUSES)[number], number>>;
  /** Streams that ended without a word of it, in their handshake or later. */
  readonly truncated: number;
  /** Ciphertext; the bytes of the streams are in `bytesIn` and `bytesOut`. */
  readonly wireBytesIn: number;
  readonly wireBytesOut: number;
}

const columns = (tls: Tls): Float64Array => {
  const counts = new Float64Array(TLS_COUNTS);
  tls.count(counts);
  return counts;
};

export function tlsCounts(tls: Tls): TlsCounts {
  const counts = columns(tls);
  const failed = Object.fromEntries(
    CAUSES.slice(0, TLS_CAUSES).map((cause, index) => [cause, counts[TLS_FAILURES + index]!]),
  ) as TlsCounts['failed'];
  return {
    handshakes: counts[TLS_HANDSHAKES]!,
    resumed: counts[TLS_RESUMPTIONS]!,
    failed,
    truncated: counts[TLS_TRUNCATIONS]!,
    wireBytesIn: counts[TLS_BYTES_IN]!,
    wireBytesOut: counts[TLS_BYTES_OUT]!,
  };
}
