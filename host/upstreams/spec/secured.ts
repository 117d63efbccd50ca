// Secured: which of the upstreams have TLS, and what was said of it. It reads no file.

import type { UpstreamTls } from '../../tls/outward.ts';
import type { UpstreamSpec } from './spec.ts';

export interface SecuredUpstream {
  /** Its place in the list. */
  readonly number: number;
  readonly name: string;
  readonly tls: UpstreamTls;
}

/** @param specs by their numbers; null where there is none */
export const securedOf = (specs: readonly (UpstreamSpec | null)[]): SecuredUpstream[] =>
  specs.flatMap((spec, number) => {
    const { name, tls = null } = spec ?? {};
    return name === undefined || tls === null ? [] : [{ number, name, tls }];
  });
