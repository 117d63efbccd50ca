// Spec: what an operator says of an upstream, as an object or as text, and what was read of it. It opens nothing and
// resolves no name.

import type { Address } from '../../listen/address.ts';
import type { UpstreamTls, UpstreamTlsOptions } from '../../tls/outward.ts';
import type { Pattern } from '../pattern.ts';

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
  /** The version of a PROXY header that tells the upstream of the client. */
  readonly proxy?: 'v1' | 'v2';
  /** Connections are of TLS; `true` for what holds without options. */
  readonly tls?: boolean | UpstreamTlsOptions;
}

/** Upstreams by name. Text is `TARGET,TARGET?key=value&…`. */
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
  /** Of its PROXY headers; null for none. */
  readonly proxy: 1 | 2 | null;
  /** Null in clear. */
  readonly tls: UpstreamTls | null;
}
