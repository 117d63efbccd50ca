// Validity: from when and until when a certificate holds. It asks Node, which there is no TLS without.

// Those who renew by a machine do so at 30 days or earlier: 14 days are late.
const SOON_MS = 14 * 24 * 3_600_000;

/** What is wrong with the time of a certificate, or null; `expired` when nobody will take it. */
export interface Doubt {
  readonly expired: boolean;
  readonly why: string;
}

/** @param pem its first certificate counts */
export function doubtOf(pem: string, now: number): Doubt | null {
  // Not imported: a Node without OpenSSL has no such module, and need not have one.
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  const { validFrom, validTo } = new X509Certificate(pem);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  if (to <= now) return { expired: true, why: `has expired on ${dayOf(to)}` };
  if (from > now) return { expired: true, why: `is not valid before ${dayOf(from)}` };
  if (to - now < SOON_MS) return { expired: false, why: `expires on ${dayOf(to)}` };
  return null;
}

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 16).replace('T', ' ');
