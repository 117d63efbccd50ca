// Lanes: the connections to the upstream that all clients share, and whose turn it is on each: replies come in the order
// in which commands were sent. It knows no command.

import { Bytes, Connection, connect, connectionOf } from '../kit';

/** Who has asked. It lies outside of the state block, since replies come in callbacks of other connections. */
@unmanaged
export class Client {
  connection!: Connection;
  /** Its commands that are not answered. */
  flights!: i32;
  /** It is not read for now. */
  paused!: bool;
  /** It is over; what is still answered is for nobody. */
  gone!: bool;
}

/** A command that is on its way. */
export class Flight {
  next: Flight | null = null;

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
    flight.client.flights += 1;
    return true;
  }

  /** The command that is answered next; null if none is. */
  take(): Flight | null {
    const flight = this.first;
    if (flight === null) return null;
    this.first = flight.next;
    if (this.first === null) this.last = null;
    flight.client.flights -= 1;
    return flight;
  }
}
