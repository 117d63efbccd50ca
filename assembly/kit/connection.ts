// Connection: the handle that a callback is given, and the state block that goes with it. Both are
// i32 for the host, so callbacks declare their parameters with these types.

import { CLOSE_GRACEFUL, CONNECT_LINK, JOIN_PATTERN } from '../abi';
import * as raw from '../wasmpoll';
import { Bytes, view } from './bytes';
import { halt } from './message';
import { reply, utf8 } from './output';

/**
 * A connection, as the host knows it: compare it by `===`, and keep it if you like. When it is closed,
 * its methods do nothing.
 */
@unmanaged
export class Connection {
  /** Its number, by which the Node program knows it, too. */
  get id(): i32 {
    return changetype<i32>(this);
  }

  /** Unsent bytes, or a status below 0 when it takes none any more. */
  get backlog(): i32 {
    if (reply.isFor(this.id)) reply.flush();
    return raw.send(this.id, 0, 0);
  }

  /** Sends bytes. Behind what `reply` has for this connection. */
  send(bytes: Bytes): void {
    if (reply.isFor(this.id)) reply.bytes(bytes);
    else raw.send(this.id, bytes.at, bytes.length);
  }

  /** Sends a text as UTF-8. */
  tell(text: string): void {
    if (reply.isFor(this.id)) reply.text(text);
    else this.send(utf8(text));
  }

  /** Closes: CLOSE_GRACEFUL or CLOSE_OUTPUT after all output, or CLOSE_ABORT at once. */
  close(how: i32 = CLOSE_GRACEFUL): void {
    this.settle();
    raw.close(this.id, how);
  }

  /** No more input, until `resume`: what is unread stays where it is. */
  pause(): void {
    halt(this.id);
    raw.pause(this.id);
  }

  resume(): void {
    raw.resume(this.id);
  }

  /** Has `on_timer` called once after so many milliseconds; 0 cancels. A connection has one timer. */
  timer(milliseconds: i32): void {
    raw.set_timer(this.id, milliseconds);
  }

  /** Begins TLS behind what was sent so far. @returns a status: DENIED if the listener does not allow it */
  startTls(): i32 {
    this.settle();
    return raw.start_tls(this.id);
  }

  /**
   * Opens a connection to an upstream that the operator has named, for this one. `on_connect` or `on_close` follows;
   * what is sent to it until then waits.
   * @param linked when either is over, the other is closed after its output
   * @returns its `id`, which is above 0; or a status: DENIED if there is no such upstream, LIMIT if there are too many
   */
  connect(upstream: Bytes, linked: bool = true): i32 {
    return raw.connect(this.id, upstream.at, upstream.length, linked ? CONNECT_LINK : 0);
  }

  /** From the end of the callback on, bytes flow between the two, without callbacks. @returns a status */
  splice(other: Connection): i32 {
    this.settle();
    return raw.splice(this.id, other.id);
  }

  /** Becomes a member of a topic. `tag` comes back with each message. @returns a status: OK or LIMIT */
  join(topic: Bytes, tag: i32 = 0): i32 {
    return raw.join(this.id, tag, topic.at, topic.length, 0);
  }

  /**
   * As `join`, for all topics that match: `+` stands for one level, `#` for all that follow.
   * @param flags JOIN_QUIET: what is retained does not follow. JOIN_SHARED: the pattern has a name and `/` in front,
   *   and one of those who share it by this name is given each message
   */
  joinPattern(pattern: Bytes, tag: i32 = 0, flags: i32 = 0): i32 {
    return raw.join(this.id, tag, pattern.at, pattern.length, JOIN_PATTERN | flags);
  }

  /** @returns a status; OK if it was no member */
  leave(topic: Bytes): i32 {
    return raw.leave(this.id, topic.at, topic.length, 0);
  }

  /** @returns a status; OK if it was no member */
  leavePattern(pattern: Bytes, flags: i32 = 0): i32 {
    return raw.leave(this.id, pattern.at, pattern.length, JOIN_PATTERN | flags);
  }

  /** The peer's address, `127.0.0.1:4242`, until this or `property` is called again; empty when it is gone. */
  address(): Bytes {
    return view(place, max(0, raw.peer_address(this.id, place, capacity)));
  }

  /** A fact that docs/abi.md names, until this is called again; null if there is none. */
  property(name: string): Bytes | null {
    const key = utf8(name);
    const length = raw.property(this.id, key.at, key.length, place, capacity);
    if (length < 0) return null;
    if (length <= capacity) return view(place, length);
    capacity = length;
    place = heap.realloc(place, capacity);
    return this.property(name);
  }

  // What was written goes out first, and no further message is read.
  private settle(): void {
    if (reply.isFor(this.id)) reply.flush();
    halt(this.id);
  }
}

/** Opens a connection to an upstream that is for no other connection. @returns as `Connection.connect` */
export function connect(upstream: Bytes): i32 {
  return raw.connect(0, upstream.at, upstream.length, 0);
}

/** The connection of an `id`. */
export function connectionOf(id: i32): Connection {
  return changetype<Connection>(id);
}

// Where the host writes what it is asked for.
let capacity: i32 = 256;
let place: usize = heap.alloc(capacity);

// 0             4
// | searchFrom | searched |
/**
 * The base of state blocks: `@unmanaged class Mine extends Session { count!: i32; }`. It keeps how far a
 * search has come, so that a message which arrives in pieces is not searched from its start each time.
 */
@unmanaged
export class Session {
  /** Where in the message the search began. */
  searchFrom!: i32;
  /** Bytes of the message that were searched. */
  searched!: i32;
}

/** What `stateSize` has said; 0 if nobody has asked. */
export let stated: i32 = 0;

/** What `state_size` returns: `stateSize<Mine>()`, with so many bytes more behind the fields: see `tail`. */
export function stateSize<T extends Session>(more: i32 = 0): i32 {
  const size = <i32>offsetof<T>() + more;
  stated = max(stated, size);
  return size;
}

/** For `begin`, when the fields are beyond what `stateSize` has said: whoever counts without it has a block, too. */
export function checkState(state: usize): void {
  assert(
    state !== 0,
    'there is no state block: export state_size, which returns stateSize of the class',
  );
  assert(
    stated === 0,
    'the state block is too small: state_size must return stateSize of the class',
  );
  stated = i32.MAX_VALUE;
}

/** The first `length` bytes behind the fields of a state block, which are kept as well. */
export function tail<T extends Session>(session: T, length: i32): Bytes {
  return view(changetype<usize>(session) + offsetof<T>(), length);
}
