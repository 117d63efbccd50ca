// Records: the numbers by which the host and shared state understand each other: what a callback asks of
// topics and keys, and what is taken for those who serve it. Nothing else: whoever loads the addon compares
// each of these names with it. The types are in contract.ts.

/**
 * A record is ten words of Int32, then its first bytes (a topic or key), then its second (a message or
 * value), and zeros up to a multiple of 8.
 */
export const RECORD = 10;
export const RECORD_OP = 0;
/** The connection that asks: its handle, or 0 for nobody. Members and replies are known by it. */
export const RECORD_HANDLE = 1;
export const RECORD_TAG = 2;
export const RECORD_FLAGS = 3;
/** Lengths of the first and second bytes. */
export const RECORD_FIRST = 4;
export const RECORD_SECOND = 5;
/** Milliseconds as u32; 0 is for ever. Of a key, or of what is retained. */
export const RECORD_TTL = 6;
/** To whom a DIRECT message goes; in records that are taken, who asks. */
export const RECORD_SEAT = 7;
/** Two words: the version that is expected, or the f64 that is added. */
export const RECORD_VALUE = 8;

export const OP_JOIN = 1;
export const OP_LEAVE = 2;
export const OP_PUBLISH = 3;
export const OP_GET = 4;
export const OP_PUT = 5;
export const OP_DELETE = 6;
export const OP_ADD = 7;
/** A message for one connection of one seat. */
export const OP_DIRECT = 8;
/** Messages may have been lost: all members of all seats are told. */
export const OP_GAP = 9;

/** JOIN and LEAVE: the topic is a pattern with `+` and `#`. */
export const FLAG_PATTERN = 1;
/** JOIN: what is retained does not follow. */
export const FLAG_QUIET = 2;
/** JOIN and LEAVE: the topic is a name, `/`, and a pattern, of whose members with this name one gets each message. */
export const FLAG_SHARED = 4;
/** PUBLISH: the message is kept for those who join later; an empty one deletes it. */
export const FLAG_RETAIN = 1;
/** PUBLISH: not to the connection that asks. */
export const FLAG_OTHERS = 2;
/** PUBLISH: it came from elsewhere, and is not sent there again. */
export const FLAG_INBOUND = 4;
/** PUT and DELETE: only if the version is the one in the record; eight zeros are "absent". */
export const FLAG_EXPECTED = 1;

/**
 * A block says what was taken for a seat, in words of Int32: a head, then entries of ENTRY words. It lies in
 * shared memory, with its position moved on by whoever serves it, so that a successor can go on with it.
 */
export const BLOCK_KIND = 0;
export const BLOCK_COUNT = 1;
/** The entry that is served next. */
export const BLOCK_POSITION = 2;
/** 1 while a guest is given the message. */
export const BLOCK_INSIDE = 3;
/** MESSAGE: DELIVERED_…, and the lengths of topic and data, which lie one after the other. */
export const BLOCK_FLAGS = 4;
export const BLOCK_TOPIC = 5;
export const BLOCK_DATA = 6;
/** Where the entries start. */
export const BLOCK_ENTRIES = 8;
/** Words of an entry: handle, tag, status, offset and length of its bytes; the last three in REPLIES only. */
export const ENTRY = 5;
export const ENTRY_HANDLE = 0;
export const ENTRY_TAG = 1;
export const ENTRY_STATUS = 2;
export const ENTRY_OFFSET = 3;
export const ENTRY_LENGTH = 4;
/** Entries in a block at most. */
export const ENTRIES = 256;
/** Words of a whole block. */
export const BLOCK = BLOCK_ENTRIES + ENTRIES * ENTRY;

/** One message, for the members in the entries. */
export const BLOCK_MESSAGE = 1;
/** Messages are lost for the members in the entries. */
export const BLOCK_MISSED = 2;
export const BLOCK_REPLIES = 3;
/** Records of all seats, with RECORD_SEAT set, for the seat that was asked to see to them. No entries. */
export const BLOCK_RECORDS = 4;

// What `commit` returns, as bits.
/** Something was queued for the seat that has committed: it is to take until that is 0, and is not woken. */
export const COMMITTED_OWN = 1;
/** A DIRECT message was left out: the seat is gone, or its queue is full. */
export const COMMITTED_REFUSED = 2;

// In BLOCK_FLAGS.
export const DELIVERED_RETAINED = 1;
export const DELIVERED_DIRECT = 2;

// What `count` tells, as columns of Float64.
/** Topics and patterns that have members. */
export const COUNT_TOPICS = 0;
export const COUNT_MEMBERS = 1;
export const COUNT_RETAINED = 2;
/** Bytes of topics, members and retained messages. */
export const COUNT_GROUP_BYTES = 3;
export const COUNT_KEYS = 4;
export const COUNT_STORE_BYTES = 5;
/** Bytes of messages and replies that wait, in all seats. */
export const COUNT_QUEUE_BYTES = 6;
/** Requests that wait for their reply, or whose reply was not taken yet. */
export const COUNT_PENDING = 7;
/** Since the start: messages published, entries of messages taken, members told that they missed some. */
export const COUNT_PUBLISHED = 8;
export const COUNT_DELIVERED = 9;
export const COUNT_MISSED = 10;
/** Messages (and the retained ones of a JOIN, as one) that were left out for a seat whose queue was full. */
export const COUNT_LEFT_OUT = 11;
export const COUNT_POISONED = 12;
export const COUNTS = 13;

// What is charged to the bounds, in bytes: a formula, not what an allocator says, so that each
// implementation refuses at the same record. Lengths are those of topics, data, keys and values.
//   groupBytes: a topic that has members: CHARGE_TOPIC + its length; a pattern: CHARGE_LEVEL more for each
//     of its levels (one, and one for each '/'); each membership: CHARGE_MEMBER, twice if it is shared; a
//     share: CHARGE_TOPIC + its name; each retained message: CHARGE_RETAINED + topic + data.
//   storeBytes: each key: CHARGE_KEY + key + value.
//   queueBytes: each entry that waits for a seat: CHARGE_ENTRY, and a message topic + data, a reply its
//     bytes, a record that was routed first + second, retained messages that are to follow a join and a
//     gap the name they are for. A seat has one sum for all its queues. An entry is charged until a take
//     finds that nobody is left for it.
// Something fits when the sum with it is no more than the bound.
export const CHARGE_TOPIC = 256;
export const CHARGE_LEVEL = 128;
export const CHARGE_MEMBER = 128;
export const CHARGE_RETAINED = 256;
export const CHARGE_KEY = 128;
export const CHARGE_ENTRY = 64;
/** Replies of up to so many bytes (a version and a number) are queued whatever waits. */
export const REPLY_ALWAYS = 40;
/** Members, nodes of patterns and entries for nobody that one take looks at before it says −1, about. */
export const TAKE_STEPS = 1024;
