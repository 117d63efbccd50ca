// Secured: which of the upstreams have TLS, and what was said of it. It reads no file.

import type { UpstreamTls } from '../../tls/outward.ts';
import type { UpstreamSpec } from './spec.ts';

export interface SecuredUpstream {
  /** Its place in the list. */
  readonly number: number;
  readonly name: string;
  readonly tls: UpstreamTls;
}

export const securedOf = (specs: readonly UpstreamSpec[]): SecuredUpstream[] =>
  specs.flatMap(({ name, tls }, number) => (tls === null ? [] : [{ number, name, tls }]));
