// Outward: TLS towards an upstream, as an operator says it and as it was read. It reads no file, and judges nothing.

/** An upstream's `tls` as an object. */
export interface UpstreamTlsOptions {
  /** Whom a certificate must be for: a name, or an address; without it the host that is connected to. */
  readonly serverName?: string;
  /** Of authorities, instead of those that Node trusts: the path of a PEM file, or a PEM text. */
  readonly ca?: string;
  /** What is shown to servers that ask: a certificate with its chain, and its key, as `ca` is given. */
  readonly cert?: string;
  readonly key?: string;
  /** Protocols, the best first. */
  readonly alpn?: readonly string[];
  /** The oldest version; '1.2' by default. */
  readonly min?: '1.2' | '1.3';
  /** Whether sessions are resumed; true by default. */
  readonly tickets?: boolean;
  /** 'lenient': the end of the stream is an end, as close_notify is. 'strict' by default. */
  readonly end?: 'strict' | 'lenient';
  /** Connections begin in clear, and the guest begins TLS. */
  readonly starttls?: boolean;
  /** `false` takes any certificate of anybody. */
  readonly verify?: boolean;
}

/** What an upstream's `tls` takes. */
export const UPSTREAM_TLS_KEYS = [
  ...['serverName', 'ca', 'cert', 'key', 'alpn', 'min', 'tickets', 'end', 'starttls', 'verify'],
];

/** What was read of it. */
export interface UpstreamTls extends UpstreamTlsOptions {
  /** Whom certificates must be for, if no other host is named for a connection; '' if one is for each. */
  readonly host: string;
}
