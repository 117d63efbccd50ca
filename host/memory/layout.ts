// Layout: where each number about a connection lies, and the names of the buffers that rows speak of.
// Numbers only: what they mean for a connection is decided elsewhere.
//
// V8 inlines a module's own constants, but reloads imported ones at each use. So files on the way of a
// message import this one as a whole and rebind what they need: `const { FD, FLAGS } = Numbers`.

/**
 * No table has more slots. `(slot & SLOTS) * COLUMNS` tells V8 that no index made of it overflows: it checks each
 * that may, at every look into the table.
 */
export const SLOTS = 0xf_ffff;

// A connection's row in the table, as Int32 columns: two lines of the cache.
export const COLUMNS = 32;
/** The handle under which guest and epoll know the connection; changes when the slot is freed. */
export const HANDLE = 0;
export const FLAGS = 1;
export const FD = 2;
/** The epoll mask in force; −1 while the descriptor is not watched. */
export const MASK = 3;
/** Next slot in the free list or in the closing queue; a slot is never in both. */
export const LINK = 4;
/** Neighbours in the ready list. */
export const READY_NEXT = 5;
export const READY_PREVIOUS = 20;
/**
 * Two page chains of four columns each: first page, last page, offset in the first, bytes. Few bytes lie in
 * a block; then both are the page that it is cut from.
 */
export const OUTPUT = 6;
export const HELD = 10;
export const CHAIN_FIRST = 0;
export const CHAIN_LAST = 1;
export const CHAIN_START = 2;
export const CHAIN_BYTES = 3;
export const OUTPUT_BYTES = OUTPUT + CHAIN_BYTES;
export const HELD_BYTES = HELD + CHAIN_BYTES;
/** Bytes that must be there before the next on_data; 0 for any. */
export const WANT = 14;
/** Bytes sent by the guest that the kernel has not been offered yet. */
export const STAGED_BYTES = 15;
/** Flags that the running callback will have set when it returns. */
export const STAGED_FLAGS = 16;
export const REASON = 17;
/** The turn in which it was last received from. */
export const TURN = 18;
/** Bytes that were received, but for those that BYTES_IN has. */
export const RECEIVED = 19;
/** 1 while the row, or what it stands for in the kernel, is being changed. */
export const BUSY = 21;
/** 1 while the state that its last callback left is in the guest's memory alone. */
export const UNSAVED = 22;
/** The generation of state blocks in which its own lies; see state-blocks.ts. */
export const LAYOUT = 23;
/** Bytes that have moved into or out of its pages since MOVED_SINCE. */
export const MOVED = 24;
/** The number of the listener that it came by, or of the upstream that it leads to. */
export const LISTENER = 25;
/** Requests to the store that it was not told the result of. */
export const REQUESTS = 26;
/** Bytes that are there of its PROXY header, or of what the guest has added to an upstream's name; 0 for none. */
export const HEADER_BYTES = 27;
/** What RECEIVED may come to in TURN, less what the turn is charged for besides. */
export const TURN_LIMIT = 28;
/** Bytes that the kernel has taken, but for those that BYTES_OUT has. */
export const SENT = 29;
/**
 * With so much in RECEIVED or SENT, `Connections.carry` is due: far below what an Int32 holds, by more than any row
 * of I/O moves at a time.
 */
export const MANY_BYTES = 2 ** 30;

// A connection's times, as Float64 columns in monotonic milliseconds; 0 is unset. A row is one line of the cache.
export const TIMES = 8;
export const LAST_PROGRESS = 0;
export const OUTPUT_SINCE = 1;
export const HELD_SINCE = 2;
export const LINGER_UNTIL = 3;
export const GUEST_TIMER = 4;
/** When its pages last made progress; while it has none, how old they were, negated. */
export const MOVED_SINCE = 5;
/** Not times, but what RECEIVED and SENT have no room for: they are emptied into these, once in a gigabyte. */
export const BYTES_IN = 6;
export const BYTES_OUT = 7;

// What ties a connection to others, as Int32 columns of a table of its own: handles, 0 for none. Where the flags do
// not say that there is something, a row means nothing, and nobody looks there.
export const TIES = 8;
/** In whose favour it was made, if it is OUTBOUND. */
export const PARENT = 0;
/** The newest of those that are LINKED to it, if it is TIED; each names the one before and the one after. */
export const CHILD = 1;
export const CHILD_NEXT = 2;
export const CHILD_PREVIOUS = 3;
/** Where its bytes go, if it is SPLICED. */
export const PARTNER = 4;

// Flags of the column FLAGS.
/** The slot is in use. */
export const OPEN = 1 << 0;
/** The guest may name it: on_open was due, on_close is not yet. */
export const KNOWN = 1 << 1;
/** The guest has asked not to be given input. */
export const PAUSED = 1 << 2;
/** Its backlog is over the high-water mark. */
export const BLOCKED = 1 << 3;
/** The peer has finished sending. */
export const ENDED = 1 << 4;
/** The guest has been told so. */
export const END_TOLD = 1 << 5;
/** The guest took nothing of what is held; only more bytes, the end or resume() change that. */
export const DECLINED = 1 << 6;
/** A FIN is due when the output is out. */
export const FIN_DUE = 1 << 7;
export const FIN_SENT = 1 << 8;
/** Closing gracefully: input is discarded, no output is added. */
export const CLOSING = 1 << 9;
/** The guest is done with it; the host reads and discards until the peer ends. */
export const LINGERING = 1 << 10;
/** To be aborted at the next rest: no more I/O, no more callbacks but on_close. */
export const DOOMED = 1 << 11;
/** In the ready list. */
export const READY = 1 << 12;
/** In the closing queue. */
export const QUEUED = 1 << 13;
/** on_drain is due. */
export const DRAINED = 1 << 14;
/** In the list of slots whose backlog has changed. */
export const TOUCHED = 1 << 15;
/** It may have memberships or requests, which end with it. */
export const SHARING = 1 << 16;
/** Messages for it were lost, and it was not told. */
export const MISSED = 1 << 17;
/** It ends with REASON_ERROR by the host's own fault, and not since a system call failed. */
export const LOST = 1 << 19;
/** Its bytes go through a session of TLS: what is in OUTPUT is ciphertext, what is in HELD is not. */
export const TLS = 1 << 20;
/** The session's handshake is not done; LINGER_UNTIL has its deadline. */
export const HANDSHAKING = 1 << 21;
/** An end or a failure waits in the session, to be told by the next receive. */
export const OVER = 1 << 22;
/** The peer was told that nothing comes any more, or cannot be told. */
export const NOTIFIED = 1 << 23;
/** The peer has finished below TLS as well. */
export const WIRE_ENDED = 1 << 24;

/** It leads to an upstream. */
export const OUTBOUND = 1 << 25;
/** Somebody else is making it: there is no descriptor yet. */
export const CONNECTING = 1 << 26;
/** The running callback has asked for it: if that fails, it was never there. */
export const ASKED = 1 << 27;
/** It ends with its parent, and the parent with it. */
export const LINKED = 1 << 28;
/** Others are LINKED to it. */
export const TIED = 1 << 29;
/** What comes goes to another connection, and not to the guest. */
export const SPLICED = 1 << 30;

/** Its PROXY header has not come yet; the guest knows nothing of it. */
export const AWAITING = 1 << 18;

/** Any of these, and nothing is received, unless the connection is closing. */
export const UNREAD = PAUSED | BLOCKED | ENDED;
/** Any of these, and an event is not just input. */
export const EXCEPTIONS = UNREAD | CLOSING | DOOMED | AWAITING | TLS | SPLICED;
/** Either of these, and nothing that comes is for anybody. */
export const GONE = CLOSING | DOOMED;
/** Any of these, and nothing that comes is for the guest. */
export const ELSEWHERE = GONE | SPLICED;
/** Any of these, and a send has to be looked at again. */
export const UNSENDABLE = CLOSING | FIN_DUE | HANDSHAKING | SPLICED | CONNECTING;
/** Any of these, and the guest is given no input. */
export const WITHHELD = PAUSED | BLOCKED | CLOSING | DOOMED | HANDSHAKING | SPLICED;

// Names of the bound buffers.
export const GUEST_BUFFER = 0;
export const SEGMENT_BUFFER = 1;
export const STAGING_BUFFER = 2;
export const STATES_BUFFER = 3;
/** The state blocks that a swap replaces. */
export const BEFORE_BUFFER = 4;
/** What the running callback asks of shared state. */
export const LOG_BUFFER = 5;
/** PROXY headers. */
export const HEADERS_BUFFER = 7;
/** What callbacks have sent that have returned; see outbox.ts. */
export const OUTBOX_BUFFER = 8;
// 6 is where rows of TLS leave ciphertext; kernel/tls-rows.ts.

/** No buffer is larger, since I/O rows name places in it by Int32. */
export const MAX_BYTES = 2 ** 31 - 1;
