// TLS: the files of a rediss:// address, and plain words for what goes wrong with certificates. It connects to
// nothing.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { messageOf } from '../../errors.ts';
import type { ServerAddress } from '../address.ts';

/** As `tls.connect` takes them. */
export interface TlsOptions {
  readonly tls: true;
  readonly servername?: string;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * Read anew for each connection, so that a certificate that was renewed is used.
 * @throws Error in Node's form
 */
export function tlsOptions(address: ServerAddress): TlsOptions | Record<string, never> {
  if (!address.tls) return {};
  const { ca, cert, key } = address.files;
  const { host } = address.servers[0];
  return {
    tls: true,
    // An address is no name that a server could be asked for.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
  };
}

/** What Node and OpenSSL call the ways in which a certificate is not accepted. */
const NOT_ACCEPTED = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Why a connection failed: OpenSSL's own messages have places in its source. */
export function whyOf(error: unknown): string {
  const { code = '' } = error as { code?: string };
  const message = messageOf(error);
  if (NOT_ACCEPTED.has(code)) return `the server's certificate is not accepted: ${message}`;
  if (code.endsWith('WRONG_VERSION_NUMBER')) return 'the server does not speak TLS at this port';
  if (code.endsWith('CERTIFICATE_REQUIRED')) {
    return 'the server wants to see a certificate (cert= and key=)';
  }
  if (code.endsWith('UNKNOWN_CA')) return 'the server does not accept the certificate in cert=';
  return message;
}
