// Effect kinds: what a callback may ask for, as kinds of rows that the kernel skips. Numbers only: what each does is the
// reactor's affair.

import { KIND_TLS_RECV } from '../kernel/rows.ts';
import { TLS } from '../memory/layout.ts';

// From the flag of a connection to the bit of a row: a send of TLS then takes no branch of its own.
export const TLS_TO_KIND = Math.clz32(KIND_TLS_RECV) - Math.clz32(TLS);

// Kinds of rows that the kernel skips: what a callback has asked for. None has the bit of sends.
/** Bytes for a connection that has a backlog: they go behind it. */
export const EFFECT_APPEND = 16;
export const EFFECT_CLOSE = 17;
export const EFFECT_PAUSE = 18;
export const EFFECT_RESUME = 19;
export const EFFECT_WANT = 20;
export const EFFECT_TIMER = 21;
/** The connection went over its backlog limit. */
export const EFFECT_LIMIT = 22;
export const EFFECT_START_TLS = 23;
export const EFFECT_CONNECT = 24;
/** With whom in ROW_VALUE, as a slot. */
export const EFFECT_SPLICE = 25;
// Kinds from here on belong to no connection, and their columns are their own.
export const EFFECT_APART = 32;
/** The metric's number in ROW_SLOT, the value's halves in ROW_VALUE and ROW_BUFFER. */
export const EFFECT_MEASURE = 32;
