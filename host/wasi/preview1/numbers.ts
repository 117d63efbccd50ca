// The numbers of WASI preview 1: error numbers, flags, kinds of files, rights, and the layouts of what
// lies in guest memory (wasi-libc's wasi/wasip1.h asserts the same). Data only.

/** Error numbers. Every function but proc_exit returns one. */
export const E = {
  SUCCESS: 0,
  '2BIG': 1,
  ACCES: 2,
  ADDRINUSE: 3,
  ADDRNOTAVAIL: 4,
  AFNOSUPPORT: 5,
  AGAIN: 6,
  ALREADY: 7,
  BADF: 8,
  BADMSG: 9,
  BUSY: 10,
  CANCELED: 11,
  CHILD: 12,
  CONNABORTED: 13,
  CONNREFUSED: 14,
  CONNRESET: 15,
  DEADLK: 16,
  DESTADDRREQ: 17,
  DOM: 18,
  DQUOT: 19,
  EXIST: 20,
  FAULT: 21,
  FBIG: 22,
  HOSTUNREACH: 23,
  IDRM: 24,
  ILSEQ: 25,
  INPROGRESS: 26,
  INTR: 27,
  INVAL: 28,
  IO: 29,
  ISCONN: 30,
  ISDIR: 31,
  LOOP: 32,
  MFILE: 33,
  MLINK: 34,
  MSGSIZE: 35,
  MULTIHOP: 36,
  NAMETOOLONG: 37,
  NETDOWN: 38,
  NETRESET: 39,
  NETUNREACH: 40,
  NFILE: 41,
  NOBUFS: 42,
  NODEV: 43,
  NOENT: 44,
  NOEXEC: 45,
  NOLCK: 46,
  NOLINK: 47,
  NOMEM: 48,
  NOMSG: 49,
  NOPROTOOPT: 50,
  NOSPC: 51,
  NOSYS: 52,
  NOTCONN: 53,
  NOTDIR: 54,
  NOTEMPTY: 55,
  NOTRECOVERABLE: 56,
  NOTSOCK: 57,
  NOTSUP: 58,
  NOTTY: 59,
  NXIO: 60,
  OVERFLOW: 61,
  OWNERDEAD: 62,
  PERM: 63,
  PIPE: 64,
  PROTO: 65,
  PROTONOSUPPORT: 66,
  PROTOTYPE: 67,
  RANGE: 68,
  ROFS: 69,
  SPIPE: 70,
  SRCH: 71,
  STALE: 72,
  TIMEDOUT: 73,
  TXTBSY: 74,
  XDEV: 75,
  NOTCAPABLE: 76,
} as const;

export const FDFLAGS_APPEND = 1;
export const FDFLAGS_DSYNC = 2;
export const FDFLAGS_NONBLOCK = 4;
export const FDFLAGS_RSYNC = 8;
export const FDFLAGS_SYNC = 16;
export const FDFLAGS_ALL = 31;

export const FILETYPE_UNKNOWN = 0;
export const FILETYPE_BLOCK_DEVICE = 1;
export const FILETYPE_CHARACTER_DEVICE = 2;
export const FILETYPE_DIRECTORY = 3;
export const FILETYPE_REGULAR_FILE = 4;
export const FILETYPE_SOCKET_STREAM = 6;
export const FILETYPE_SYMBOLIC_LINK = 7;

export const RIGHT_FD_READ = 1 << 1;
const RIGHT_FD_SEEK = 1 << 2;
const RIGHT_FD_FDSTAT_SET_FLAGS = 1 << 3;
const RIGHT_FD_TELL = 1 << 5;
export const RIGHT_FD_WRITE = 1 << 6;
export const RIGHT_FD_ALLOCATE = 1 << 8;
const RIGHT_FD_FILESTAT_GET = 1 << 21;
export const RIGHT_FD_FILESTAT_SET_SIZE = 1 << 22;
const RIGHT_POLL_FD_READWRITE = 1 << 27;
const RIGHT_SOCK_SHUTDOWN = 1 << 28;
const RIGHT_SOCK_ACCEPT = 1 << 29;

/** Rights as low 32 bits; no right has a number over 29. */
export const RIGHTS_SOCKET =
  RIGHT_FD_READ |
  RIGHT_FD_FDSTAT_SET_FLAGS |
  RIGHT_FD_WRITE |
  RIGHT_FD_FILESTAT_GET |
  RIGHT_POLL_FD_READWRITE |
  RIGHT_SOCK_SHUTDOWN |
  RIGHT_SOCK_ACCEPT;
/** Of a pipe or a terminal: wasi-libc takes a character device without SEEK and TELL for a terminal. */
export const RIGHTS_STREAM =
  RIGHT_FD_READ |
  RIGHT_FD_FDSTAT_SET_FLAGS |
  RIGHT_FD_WRITE |
  RIGHT_FD_FILESTAT_GET |
  RIGHT_POLL_FD_READWRITE;
/** Of a device that is no terminal, such as /dev/null. */
export const RIGHTS_DEVICE = RIGHTS_STREAM | RIGHT_FD_SEEK | RIGHT_FD_TELL;
export const RIGHTS_FILE = 0x08e001ff;
/** Without those to set sizes, which a folder has none of, and whose paths are opened for it. */
export const RIGHTS_FOLDER = 0x0fb7fe98;
/** What may be had beneath a folder: everything that a file or a folder can have. */
export const RIGHTS_ALL = 0x0fffffff;

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_PROCESS_CPUTIME = 2;
export const CLOCK_THREAD_CPUTIME = 3;

export const PREOPENTYPE_DIR = 0;

export const RIFLAGS_PEEK = 1;
export const RIFLAGS_WAITALL = 2;
export const SDFLAGS_RD = 1;
export const SDFLAGS_WR = 2;

export const WHENCE_CUR = 1;
export const WHENCE_END = 2;

export const OFLAGS_CREAT = 1;
export const OFLAGS_DIRECTORY = 2;
export const OFLAGS_EXCL = 4;
export const OFLAGS_TRUNC = 8;
export const OFLAGS_ALL = 15;
export const LOOKUPFLAGS_SYMLINK_FOLLOW = 1;
export const FSTFLAGS_ATIM = 1;
export const FSTFLAGS_ATIM_NOW = 2;
export const FSTFLAGS_MTIM = 4;
export const FSTFLAGS_MTIM_NOW = 8;
export const FSTFLAGS_ALL = 15;

/** iovec, ciovec: buffer u32, length u32. */
export const IOVEC = 8;
/** fdstat: filetype u8, flags u16 @2, rights u64 @8, inheriting rights u64 @16. */
export const FDSTAT = 24;
/** prestat: tag u8, length of the name u32 @4. */
export const PRESTAT = 8;
/** filestat: dev u64, ino u64, filetype u8 @16, nlink u64, size u64, atim u64, mtim u64, ctim u64. */
export const FILESTAT = 64;
/** dirent: next cookie u64, ino u64, length of the name u32, type u8 @20. */
export const DIRENT = 24;

/** subscription: userdata u64, tag u8 @8, and what the tag says from @16 on. */
export const SUBSCRIPTION = 48;
export const SUBSCRIPTION_TAG = 8;
export const SUBSCRIPTION_FD = 16;
export const SUBSCRIPTION_CLOCK = 16;
export const SUBSCRIPTION_TIMEOUT = 24;
export const SUBSCRIPTION_CLOCK_FLAGS = 40;
export const SUBCLOCKFLAGS_ABSTIME = 1;

/** event: userdata u64, error u16 @8, type u8 @10, bytes u64 @16, flags u16 @24. */
export const EVENT = 32;
export const EVENT_ERROR = 8;
export const EVENT_TYPE = 10;
export const EVENT_BYTES = 16;
export const EVENT_FLAGS = 24;
export const EVENT_HANGUP = 1;

export const EVENTTYPE_CLOCK = 0;
export const EVENTTYPE_FD_READ = 1;
export const EVENTTYPE_FD_WRITE = 2;

/** wasi-libc's struct pollfd: the descriptor i32, what is asked for u16 @4, with these bits. */
export const POLLFD = 8;
export const POLLFD_EVENTS = 4;
export const POLLRDNORM = 1;
export const POLLWRNORM = 2;
