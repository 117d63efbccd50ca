// Spec: what an operator says of an upstream, as an object or as text, and what was read of it. It opens nothing and
// resolves no name.

import type { Address } from '../../listen/address.ts';
import type { Pattern } from '../pattern.ts';

/** TLS towards an upstream, whose certificate is always verified. */
export interface UpstreamTls {
  /** Whose certificate it must show; the target's host by default, and the host that the guest names. */
  readonly serverName?: string;
  /** Who may have signed it: a path or a PEM text; those that Node.js knows by default. */
  readonly ca?: string;
  /** What this side shows: a certificate with its chain, and its key, as in `ca`. */
  readonly cert?: string;
  readonly key?: string;
  /** Protocols, the best first. */
  readonly alpn?: string | readonly string[];
  /** The oldest version; '1.2' by default. */
  readonly min?: '1.2' | '1.3';
  /** Connections begin in clear, and the guest begins TLS. */
  readonly starttls?: boolean;
}

/** What `tls` takes. */
export const TLS_KEYS = ['serverName', 'ca', 'cert', 'key', 'alpn', 'min', 'starttls'];

/** An upstream as an object. */
export interface UpstreamOptions {
  /** `HOST:PORT`, `[V6]:PORT` or `unix:PATH`; several are taken in turn, and one that fails rests. */
  readonly targets?: string | readonly string[];
  /** In place of targets: `*.example.com:443` or `*:443`; the guest names the host, and the port if that is `*`. */
  readonly pattern?: string | readonly string[];
  /** With `pattern`: whether private addresses are let in; or which networks are. False by default. */
  readonly allowPrivate?: boolean | readonly string[];
  /** How long connecting may take in all, as `'5s'` or in milliseconds; 5 s by default. */
  readonly connectTimeout?: number | string;
  /** Connections at a time, over all workers; what the policy has for all upstreams together by default. */
  readonly max?: number;
  /** True, or an object: connections are of TLS. */
  readonly tls?: boolean | UpstreamTls;
  /** The version of a PROXY header that tells the upstream of the client. */
  readonly proxy?: 'v1' | 'v2';
}

/** Upstreams by name. Text is `TARGET,TARGET?key=value&…`, behind `tls://` with TLS. */
export type Upstreams = Readonly<Record<string, string | UpstreamOptions>>;

/** What was read of one. */
export interface UpstreamSpec {
  readonly name: string;
  /** None with patterns. */
  readonly targets: readonly Address[];
  readonly patterns: readonly Pattern[];
  /** Or networks, as `parseNetworks` has them. */
  readonly allowPrivate: boolean | Uint8Array;
  readonly connectTimeoutMs: number;
  /** Null: no bound of its own. */
  readonly max: number | null;
  readonly tls: UpstreamTls | null;
  /** Of its PROXY headers; null for none. */
  readonly proxy: 1 | 2 | null;
}
