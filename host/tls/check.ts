// Check: whether certificates are what a server could show, without a server.

import { native } from '../kernel/native.ts';
import type { Policy } from '../policy.ts';
import { TlsContexts, type TlsListener, type TlsUpstream } from './contexts.ts';

/** @throws WasmpollError ERR_TLS, naming the file and what is wrong with it */
export function checkCertificates(listener: TlsListener, policy: Policy): void {
  const contexts = new TlsContexts(native, policy, () => undefined);
  try {
    contexts.check([listener]);
  } finally {
    contexts.close();
  }
}

/** @throws WasmpollError ERR_TLS, naming the file and what is wrong with it */
export function checkUpstreamCertificates(upstream: TlsUpstream, policy: Policy): void {
  const contexts = new TlsContexts(native, policy, () => undefined);
  try {
    contexts.checkUpstreams([upstream]);
  } finally {
    contexts.close();
  }
}
