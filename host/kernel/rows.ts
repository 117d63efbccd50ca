// Rows: the numbers by which the host and its kernel understand each other: the columns of an I/O row
// and of an event. Nothing else: whoever loads the addon compares each of these names with it.

/**
 * An I/O row is eight Int32: what to do, to which descriptor, and which bytes of which bound buffer.
 * The last two name the target of a COPY or an UPDATE; in other rows they are the caller's own. Kinds that are
 * not listed here are skipped, so a caller may keep its own records between the rows.
 */
export const ROW = 8;
export const ROW_KIND = 0;
export const ROW_FD = 1;
export const ROW_BUFFER = 2;
export const ROW_OFFSET = 3;
export const ROW_LENGTH = 4;
export const ROW_RESULT = 5;
export const ROW_TARGET_BUFFER = 6;
export const ROW_TARGET_OFFSET = 7;

export const KIND_NONE = 0;
export const KIND_RECV = 1;
/** As COPY, but what is the same already is not written: memory that was never written stays none. */
export const KIND_UPDATE = 2;
export const KIND_COPY = 3;
// Rows of TLS; tls-rows.ts says what they answer. They have this bit, and no other row that is performed has.
export const KIND_TLS_RECV = 4;
export const KIND_TLS_SEAL = 5;
export const KIND_TLS_END = 6;
// Both sends have this bit, and no other row has, a caller's own records included: one test finds them.
export const KIND_SEND = 8;
export const KIND_TLS_SEND = KIND_SEND | KIND_TLS_RECV;

/** How many buffers one Io can have bound at a time. */
export const BUFFERS = 9;

/** `wait` writes events as triples of u32: token low, token high, mask. */
export const EVENT = 3;
/** `waitReady` writes events as quadruples of u32: descriptor, token high, mask, bytes to read. */
export const READY = 4;
