// The host functions of guest ABI 1, as AssemblyScript imports them: the import module's name is
// this file's. The contract, with every status, is docs/abi.md.

/** Stages bytes for a connection; those in the receive window must not be changed any more. @returns the backlog with them in bytes, or a status below 0 */
export declare function send(connection: i32, data: usize, length: i32): i32;
/** CLOSE_GRACEFUL, CLOSE_ABORT or CLOSE_OUTPUT. @returns a status */
export declare function close(connection: i32, how: i32): i32;
/** Stops on_data for the connection until `resume`. @returns a status */
export declare function pause(connection: i32): i32;
/** @returns a status */
export declare function resume(connection: i32): i32;
/** No on_data before so many bytes are there, or the peer ends; one-shot. @returns a status */
export declare function want(connection: i32, bytes: i32): i32;
/** Has on_timer called once after so many milliseconds; 0 cancels. @returns a status */
export declare function set_timer(connection: i32, milliseconds: i32): i32;
/** Writes the peer's address as UTF-8, cut at `capacity`. @returns its full length, or a status */
export declare function peer_address(connection: i32, buffer: usize, capacity: i32): i32;
/** Writes a fact about the connection, named by UTF-8, cut at `capacity`. @returns its full length, or a status */
export declare function property(
  connection: i32,
  key: usize,
  key_length: i32,
  buffer: usize,
  capacity: i32,
): i32;
/** Begins TLS on a connection in clear, behind what was sent so far. @returns a status */
export declare function start_tls(connection: i32): i32;
/**
 * Opens a connection to an upstream that the operator has named, when the callback returns; on_connect or on_close
 * follows. Sends wait until then. `parent` is the connection for which it is, or 0; CONNECT_LINK: when one is over, so is
 * the other. @returns the connection, which is above 0, or a status
 */
export declare function connect(parent: i32, upstream: usize, length: i32, flags: i32): i32;
/** Bytes flow between the two from now on, without callbacks, until one is over. @returns a status */
export declare function splice(a: i32, b: i32): i32;
/** Monotonic milliseconds; the same during one callback. */
export declare function now(): f64;
/** Milliseconds since 1970; the same during one callback. */
export declare function wall_clock(): f64;
/** Fills at most 64 KiB with random bytes, fit for keys. @returns a status */
export declare function random(buffer: usize, length: i32): i32;
/** Writes what the operator has configured, cut at `capacity`; in start-up, too. @returns its full length, or a status */
export declare function config(buffer: usize, capacity: i32): i32;
/** Declares a METRIC_…, in start-up only. @returns its number for `measure`, or a status */
export declare function metric(kind: i32, name: usize, length: i32): i32;
/** Adds to a counter, sets a gauge, or records a value in a histogram. @returns a status */
export declare function measure(id: i32, value: f64): i32;
/** Logs a line of UTF-8 at LOG_DEBUG to LOG_ERROR. */
export declare function log(level: i32, text: usize, length: i32): void;
/** Makes the connection a member; `tag` comes back with each message. JOIN_PATTERN: the topic has `+` and `#`. JOIN_QUIET: what is retained does not follow. JOIN_SHARED: the topic is NAME/PATTERN, and one of those who share it is given each message. @returns a status */
export declare function join(
  connection: i32,
  tag: i32,
  topic: usize,
  topic_length: i32,
  flags: i32,
): i32;
/** @returns a status; OK if it was no member */
export declare function leave(connection: i32, topic: usize, topic_length: i32, flags: i32): i32;
/** To all who are members when the callback has returned. PUBLISH_RETAIN keeps it for those who join later, or deletes it with no data; PUBLISH_OTHERS leaves out this connection. @returns a status */
export declare function publish(
  topic: usize,
  topic_length: i32,
  data: usize,
  length: i32,
  flags: i32,
): i32;
/** As publish. What PUBLISH_RETAIN keeps is over after `ttl_ms`; 0 is never. @returns a status */
export declare function publish_for(
  topic: usize,
  topic_length: i32,
  data: usize,
  length: i32,
  flags: i32,
  ttl_ms: u32,
): i32;
/** Asks for a value: on_reply brings 8 bytes of version, then the value, or ABSENT. @returns a status */
export declare function store_get(connection: i32, tag: i32, key: usize, key_length: i32): i32;
/** `expected` is 0 or the address of a version; eight zeros mean absent. A `ttl_ms` of 0 is for ever. on_reply brings the new version, or CONFLICT. @returns a status */
export declare function store_put(
  connection: i32,
  tag: i32,
  key: usize,
  key_length: i32,
  value: usize,
  value_length: i32,
  expected: usize,
  ttl_ms: u32,
): i32;
/** on_reply brings OK, ABSENT or CONFLICT. @returns a status */
export declare function store_delete(
  connection: i32,
  tag: i32,
  key: usize,
  key_length: i32,
  expected: usize,
): i32;
/** Adds to a decimal number; what is absent counts as 0, and gets the TTL. on_reply brings 8 bytes of version, then the number as text. @returns a status */
export declare function store_add(
  connection: i32,
  tag: i32,
  key: usize,
  key_length: i32,
  delta: f64,
  ttl_ms: u32,
): i32;
