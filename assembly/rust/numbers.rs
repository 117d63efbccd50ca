//! The numbers of abi.ts.

pub const STATUS_OK: i32 = 0;
pub const STATUS_CLOSED: i32 = -1;
pub const STATUS_BOUNDS: i32 = -2;
pub const STATUS_LIMIT: i32 = -3;
pub const STATUS_STATE: i32 = -4;
pub const STATUS_ABSENT: i32 = -5;
pub const STATUS_CONFLICT: i32 = -6;
pub const STATUS_UNAVAILABLE: i32 = -7;
pub const STATUS_UNKNOWN: i32 = -8;
pub const STATUS_DENIED: i32 = -9;

pub const CLOSE_GRACEFUL: i32 = 0;
pub const CLOSE_ABORT: i32 = 1;
pub const CLOSE_OUTPUT: i32 = 2;

pub const CONNECT_LINK: i32 = 1;

pub const JOIN_PATTERN: i32 = 1;
pub const JOIN_QUIET: i32 = 2;
pub const JOIN_SHARED: i32 = 4;

pub const PUBLISH_RETAIN: i32 = 1;
pub const PUBLISH_OTHERS: i32 = 2;

pub const MESSAGE_RETAINED: i32 = 1;
pub const MESSAGE_DIRECT: i32 = 2;

pub const LOG_DEBUG: i32 = 0;
pub const LOG_INFO: i32 = 1;
pub const LOG_WARN: i32 = 2;
pub const LOG_ERROR: i32 = 3;

pub const METRIC_COUNTER: i32 = 0;
pub const METRIC_GAUGE: i32 = 1;
pub const METRIC_HISTOGRAM: i32 = 2;

pub const REASON_PEER: i32 = 1;
pub const REASON_GUEST: i32 = 2;
pub const REASON_FRAME: i32 = 3;
pub const REASON_LIMIT: i32 = 4;
pub const REASON_IDLE: i32 = 5;
pub const REASON_WRITE_TIMEOUT: i32 = 6;
pub const REASON_FRAME_TIMEOUT: i32 = 7;
pub const REASON_TRAP: i32 = 8;
pub const REASON_HUNG: i32 = 9;
pub const REASON_SHUTDOWN: i32 = 10;
pub const REASON_ERROR: i32 = 11;
pub const REASON_MEMORY: i32 = 12;
pub const REASON_CONNECT: i32 = 13;
pub const REASON_TLS: i32 = 14;
pub const REASON_PROXY: i32 = 15;
