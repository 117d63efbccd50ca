// TLS modes: how each listener's connections begin and end, by its number, as all threads see it. Numbers only.

/** Listeners that there can be. */
export const TLS_LISTENERS = 1024;

/** Connections begin with a handshake. */
export const TLS_AT_ONCE = 1 << 0;
/** The end of the stream is an end, announced or not. */
export const TLS_LENIENT = 1 << 1;
/** The guest may begin it in the middle. */
export const TLS_LATER = 1 << 2;
