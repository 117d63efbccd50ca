// Connection: the handle that a callback is given, and the state block that goes with it. Both are
// i32 for the host, so callbacks declare their parameters with these types.

import { CLOSE_GRACEFUL } from '../abi';
import * as raw from '../wasmpoll';
import { Bytes } from './bytes';
import { halt } from './input';
import { draft, Output, reply } from './output';

const spare: Output = draft();

/**
 * A connection, as the host knows it: compare it by `===`, and keep it if you like. When it is closed,
 * its methods do nothing.
 */
@unmanaged
export class Connection {
  /** Unsent bytes, or a status below 0 when it takes none any more. */
  get backlog(): i32 {
    if (reply.isFor(this.handle)) reply.flush();
    return raw.send(this.handle, 0, 0);
  }

  /** Sends bytes. Behind what `reply` has for this connection. */
  send(bytes: Bytes): void {
    if (reply.isFor(this.handle)) reply.bytes(bytes);
    else raw.send(this.handle, bytes.at, bytes.length);
  }

  /** Sends a text as UTF-8. */
  tell(text: string): void {
    if (reply.isFor(this.handle)) reply.text(text);
    else spare.clear().text(text).send(this);
  }

  /** Closes: CLOSE_GRACEFUL or CLOSE_OUTPUT after all output, or CLOSE_ABORT at once. */
  close(how: i32 = CLOSE_GRACEFUL): void {
    this.settle();
    raw.close(this.handle, how);
  }

  /** No more input, until `resume`: what is unread stays where it is. */
  pause(): void {
    halt(this.handle);
    raw.pause(this.handle);
  }

  resume(): void {
    raw.resume(this.handle);
  }

  /** Has `on_timer` called once after so many milliseconds; 0 cancels. A connection has one timer. */
  timer(milliseconds: i32): void {
    raw.set_timer(this.handle, milliseconds);
  }

  /** Begins TLS behind what was sent so far. @returns a status: DENIED if the listener does not allow it */
  startTls(): i32 {
    this.settle();
    return raw.start_tls(this.handle);
  }

  private get handle(): i32 {
    return changetype<i32>(this);
  }

  // What was written goes out first, and no further message is read.
  private settle(): void {
    if (reply.isFor(this.handle)) reply.flush();
    halt(this.handle);
  }
}

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

/** What `state_size` returns: `stateSize<Mine>()`. */
export function stateSize<T extends Session>(): i32 {
  return <i32>offsetof<T>();
}
