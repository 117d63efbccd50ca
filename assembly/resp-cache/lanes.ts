// Lanes: the connections to the upstream that all clients share, whose turn it is on each, and who waits for room: replies
// come in the order in which commands were sent. It knows no command.

import { Bytes, Connection, connect, connectionOf } from '../kit';

/** Commands of a client that may be on their way. */
const MOST_FLIGHTS: i32 = 128;
/**
 * Of all in a lane. One callback may be given all their replies, or have to say that the lane is lost, and asks for two
 * things for each, of the thousands that it may ask for.
 */
const MOST_IN_LANE: i32 = 1024;
/**
 * Bytes of commands in a lane that are not answered. With the command that comes last that is less than the backlog
 * that the host lets any connection have, and as much as it lets wait before it reads no more of one.
 */
const MOST_BYTES: i32 = 256 * 1024;

/** Who has asked. It lies outside of the state block, since replies come in callbacks of other connections. */
@unmanaged
export class Client {
  connection!: Connection;
  /** Its commands that are not answered. */
  flights!: i32;
  /** It is not read for now. */
  paused!: bool;
  /** It is in a lane's list of those that wait for room. */
  queued!: bool;
  /** It is over; what is still answered is for nobody. */
  gone!: bool;
  next!: Client | null;

  get isFull(): bool {
    return this.flights >= MOST_FLIGHTS;
  }

  /** It is not read until `resume`. */
  pause(): void {
    this.paused = true;
    this.connection.pause();
  }

  resume(): void {
    if (!this.paused || this.queued || this.flights > MOST_FLIGHTS / 2) return;
    this.paused = false;
    this.connection.resume();
  }

  /** Frees it if nobody will speak of it any more. */
  leave(): void {
    if (this.gone && !this.queued && this.flights === 0) heap.free(changetype<usize>(this));
  }
}

/** A command that is on its way. */
export class Flight {
  next: Flight | null = null;
  bytes: i32 = 0;

  /**
   * @param slot of the key that it writes or reads; −1 for neither
   * @param seen as `reading` gave it; −1 for a write, and for what is not to be remembered
   * @param key of a read
   */
  constructor(
    public client: Client,
    public writes: bool,
    public slot: i32,
    public seen: i32,
    public key: ArrayBuffer | null,
  ) {}
}

export class Lane {
  /** Null while there is none. */
  connection: Connection | null = null;
  private first: Flight | null = null;
  private last: Flight | null = null;
  private flights: i32 = 0;
  private bytes: i32 = 0;
  private firstWaiting: Client | null = null;
  private lastWaiting: Client | null = null;

  get isFull(): bool {
    return this.flights >= MOST_IN_LANE || this.bytes >= MOST_BYTES;
  }

  /** @returns false when there is no connection, and none can be had */
  send(upstream: Bytes, command: Bytes, flight: Flight): bool {
    if (this.connection === null) {
      const made = connect(upstream);
      if (made < 0) return false;
      this.connection = connectionOf(made);
    }
    this.connection!.send(command);
    const last = this.last;
    if (last === null) this.first = flight;
    else last.next = flight;
    this.last = flight;
    flight.bytes = command.length;
    this.flights += 1;
    this.bytes += flight.bytes;
    flight.client.flights += 1;
    return true;
  }

  /** Whose command is answered next. */
  get head(): Client | null {
    const flight = this.first;
    return flight === null ? null : flight.client;
  }

  /** The command that is answered next; null if none is. */
  take(): Flight | null {
    const flight = this.first;
    if (flight === null) return null;
    this.first = flight.next;
    if (this.first === null) this.last = null;
    this.flights -= 1;
    this.bytes -= flight.bytes;
    flight.client.flights -= 1;
    return flight;
  }

  /** The client goes on when there is room for it. */
  wait(client: Client): void {
    client.pause();
    if (client.queued) return;
    client.queued = true;
    client.next = null;
    const last = this.lastWaiting;
    if (last === null) this.firstWaiting = client;
    else last.next = client;
    this.lastWaiting = client;
  }

  /** Lets clients go on, in the order in which they came: so many at most, and none that would find no room. */
  wake(most: i32): void {
    const room = min(most, MOST_IN_LANE - this.flights);
    for (let left = this.isFull ? 0 : room; left > 0; left -= 1) {
      const client = this.firstWaiting;
      if (client === null) return;
      this.firstWaiting = client.next;
      if (this.firstWaiting === null) this.lastWaiting = null;
      client.queued = false;
      if (client.gone) client.leave();
      else client.resume();
    }
  }
}
