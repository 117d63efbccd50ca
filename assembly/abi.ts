// Guest ABI 1, the numbers: read by the AssemblyScript compiler and by TypeScript.
// Only `export const NAME = <integer>;` lines may stand here. The contract is docs/abi.md.

// What a host function answers instead of a count.
export const STATUS_OK = 0;
export const STATUS_CLOSED = -1;
export const STATUS_BOUNDS = -2;
export const STATUS_LIMIT = -3;
export const STATUS_STATE = -4;
export const STATUS_ABSENT = -5;
export const STATUS_CONFLICT = -6;
export const STATUS_UNAVAILABLE = -7;
export const STATUS_UNKNOWN = -8;
export const STATUS_DENIED = -9;

// The second argument of close().
export const CLOSE_GRACEFUL = 0;
export const CLOSE_ABORT = 1;
export const CLOSE_OUTPUT = 2;

// The last argument of connect().
export const CONNECT_LINK = 1;

// The last argument of join() and leave(), as bits.
export const JOIN_PATTERN = 1;
export const JOIN_QUIET = 2;
export const JOIN_SHARED = 4;

// The last argument of publish(), as bits.
export const PUBLISH_RETAIN = 1;
export const PUBLISH_OTHERS = 2;

// What on_message() is told of a message, as bits.
export const MESSAGE_RETAINED = 1;
export const MESSAGE_DIRECT = 2;

// The first argument of log().
export const LOG_DEBUG = 0;
export const LOG_INFO = 1;
export const LOG_WARN = 2;
export const LOG_ERROR = 3;

// The first argument of metric().
export const METRIC_COUNTER = 0;
export const METRIC_GAUGE = 1;
export const METRIC_HISTOGRAM = 2;

// Why a connection ended: the last argument of on_close().
export const REASON_PEER = 1;
export const REASON_GUEST = 2;
export const REASON_FRAME = 3;
export const REASON_LIMIT = 4;
export const REASON_IDLE = 5;
export const REASON_WRITE_TIMEOUT = 6;
export const REASON_FRAME_TIMEOUT = 7;
export const REASON_TRAP = 8;
export const REASON_HUNG = 9;
export const REASON_SHUTDOWN = 10;
export const REASON_ERROR = 11;
export const REASON_MEMORY = 12;
export const REASON_CONNECT = 13;
export const REASON_TLS = 14;
export const REASON_PROXY = 15;
