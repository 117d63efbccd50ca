// TLS access: what one server's threads are given to serve TLS, and what each makes of it.

import type { TlsAccess, TlsPlace, TlsSeat } from '../contract.ts';

/** How each listener's connections begin and end: bits for its number, as all threads see them. */
export const TLS_LISTENERS = 1024;
/** Behind them those of upstreams, as many. */
export const TLS_MODES = 2 * TLS_LISTENERS;
/** They begin with a handshake. */
export const TLS_AT_ONCE = 1 << 0;
/** The end of the stream is an end, announced or not. */
export const TLS_LENIENT = 1 << 1;
/** The guest may begin TLS in the middle. */
export const TLS_LATER = 1 << 2;

/** Where the bits stand of a listener, or of the upstream of this number. */
export const modeIndex = (number: number, outbound: boolean): number =>
  outbound ? TLS_LISTENERS + number : number;

export interface TlsShare {
  readonly id: number;
  /** An Int32Array of TLS_MODES. */
  readonly modes: SharedArrayBuffer;
}

/** The kernel that the sessions are in. */
interface Sessions {
  tlsSeat(place: TlsPlace): TlsSeat;
}

/** @param seat the thread's own */
export function tlsAccess(
  native: Sessions,
  share: TlsShare | null,
  seat: number,
): TlsAccess | null {
  if (share === null) return null;
  const place = { id: share.id, seat };
  return { place, seat: native.tlsSeat(place), modes: new Int32Array(share.modes) };
}
