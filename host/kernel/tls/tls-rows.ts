// TLS rows: the numbers of rows of TLS. Nothing else: whoever loads the addon compares each with it.
//
// All have the slot in ROW_SLOT and, when they were performed, in ROW_WIRE how much ciphertext they have left
// at the start of the wire buffer; the run stops there. TLS_RECV and TLS_END take ROW_WIRE as well: not 0 says
// that ciphertext waits already, and nothing may overtake it.
//
// | kind     | takes                        | ROW_RESULT                                                |
// | -------- | ---------------------------- | --------------------------------------------------------- |
// | TLS_RECV | descriptor, range            | plaintext, 0 for its end, −errno, or one of TLS_… below;  |
// |          |                              | ROW_LENGTH: ciphertext received, ROW_OFFSET: what else    |
// | TLS_SEND | descriptor, range            | plaintext sealed, −errno, TLS_FAILED                      |
// | TLS_SEAL | range, up to TLS_SEAL_BYTES  | plaintext sealed, which is not sent, or TLS_FAILED        |
// | TLS_END  | descriptor                   | 0 or −errno: that nothing comes any more is on its way    |

/** Names the wire buffer, which has TLS_WIRE_BYTES. */
export const TLS_WIRE_BUFFER = 6;
export const TLS_WIRE_BYTES = 262_144;
/** A TLS_RECV leaves so much of its range unused. */
export const TLS_SLACK_BYTES = 17_408;
export const TLS_SEAL_BYTES = 65_536;

/** Something was done, and nothing came of it. */
export const TLS_MORE = -5001;
export const TLS_FAILED = -5002;
/** The stream has ended, and nobody has said that it would. */
export const TLS_TRUNCATED = -5003;

/** Bits of what else a TLS_RECV has brought: the handshake is done. */
export const TLS_READY = 1;
/** An end or a failure is still to be told, by the next TLS_RECV. */
export const TLS_OVER = 2;
/** With TLS_READY: an earlier session goes on. */
export const TLS_RESUMED = 4;
/** Above these bits: why it failed, as a number below TLS_CAUSES. */
export const TLS_CAUSE_SHIFT = 8;
export const TLS_CAUSES = 10;

/** What a step of a handshake with an upstream answers, besides −errno and the above: it goes on when there is input, */
export const TLS_DIAL_READS = 0;
/** or room for output; */
export const TLS_DIAL_WRITES = 1;
/** or it is done. */
export const TLS_DIAL_DONE = 2;

// Columns of what a Tls has counted.
export const TLS_HANDSHAKES = 0;
export const TLS_RESUMPTIONS = 1;
export const TLS_TRUNCATIONS = 2;
/** Ciphertext, in bytes. */
export const TLS_BYTES_IN = 3;
export const TLS_BYTES_OUT = 4;
/** As many as there are causes. */
export const TLS_FAILURES = 5;
export const TLS_COUNTS = 15;
