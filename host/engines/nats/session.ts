// NATS session: one connection to a NATS server, by the package @nats-io/transport-node, on one subject. It
// counts what the server has not confirmed, and tells of failures.

import { readFileSync } from 'node:fs';
import { messageOf } from '../../errors.ts';
import { type Endpoint, type ServerAddress, textOf } from '../address.ts';
import { FRAME_OVERHEAD } from '../contract.ts';
import { InFlight } from '../in-flight.ts';
import type { Session } from '../link.ts';

export type Nats = typeof import('@nats-io/transport-node');
type Connection = Awaited<ReturnType<Nats['connect']>>;

/** nats-server's `write_deadline`: so long it waits for another server that does not read. */
const ROUTE_MS = 10_000;

export interface NatsEvents {
  lost(why: string): void;
  frame(frame: Uint8Array): void;
  /** @param waiting as `NatsSession.waiting` */
  confirmed(waiting: number): void;
  /** It has ended with frames that are not confirmed. */
  unconfirmed(): void;
}

export class NatsSession implements Session {
  readonly ready: Promise<void>;
  readonly #subject: string;
  readonly #events: NatsEvents;
  readonly #asked: InFlight<number>;
  #connection: Connection | null = null;
  #closed = false;
  #waiting = 0;
  #asking = false;
  /** When the last frame was published. */
  #published = Number.NEGATIVE_INFINITY;

  /** @param server one of the address's */
  constructor(
    nats: Nats,
    address: ServerAddress,
    server: Endpoint,
    limitMs: number,
    events: NatsEvents,
  ) {
    this.#subject = address.service;
    this.#events = events;
    this.#asked = new InFlight(limitMs, () => events.lost(`no answer within ${limitMs} ms`));
    this.ready = this.#open(nats, address, server, limitMs);
  }

  /** What frames that are not confirmed cost. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @returns false if it cannot be sent: the connection is closed, or the server takes no such length */
  publish(frame: Uint8Array): boolean {
    try {
      this.#connection?.publish(this.#subject, frame);
    } catch {
      return false;
    }
    this.#waiting += frame.length + FRAME_OVERHEAD;
    this.#published = performance.now();
    this.#confirm();
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#waiting > 0 || this.#mayBeOnRoute()) this.#events.unconfirmed();
    void this.#connection?.close();
  }

  // What a server of a cluster has confirmed may still wait there for the others of the cluster, and is lost with
  // the server.
  #mayBeOnRoute(): boolean {
    if (this.#connection?.info?.cluster === undefined) return false;
    return performance.now() - this.#published < ROUTE_MS;
  }

  async #open(
    nats: Nats,
    address: ServerAddress,
    server: Endpoint,
    limitMs: number,
  ): Promise<void> {
    const { user, password, files } = address;
    const { creds } = files;
    const connection = await nats.connect({
      servers: textOf(server),
      ignoreClusterUpdates: true,
      noEcho: true,
      // Link sees to that: while it is down the package takes frames, and drops them.
      reconnect: false,
      timeout: limitMs,
      pingInterval: limitMs,
      maxPingOut: 1,
      // One part alone is a token.
      ...(password === '' ? {} : { user, pass: password }),
      ...(password === '' && user !== '' ? { token: user } : {}),
      ...(creds === undefined
        ? {}
        : { authenticator: nats.credsAuthenticator(readFileSync(creds)) }),
    });
    this.#connection = connection;
    if (this.#closed) return connection.close();
    void this.#watchErrors(connection);
    void connection.closed().then((error) => {
      this.#events.lost(error === undefined ? 'the connection was closed' : messageOf(error));
    });
    connection.subscribe(this.#subject, {
      callback: (error, message) => {
        if (error === null) this.#events.frame(message.data);
      },
    });
    // Until this is answered, the subject may be refused.
    await connection.flush();
  }

  // A subject that is not allowed is an error of the connection, not of a call.
  async #watchErrors(connection: Connection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'error') this.#events.lost(messageOf(status.error));
    }
  }

  // One question for all that is published in a turn of the event loop.
  #confirm(): void {
    if (this.#asking) return;
    this.#asking = true;
    setImmediate(() => void this.#ask());
  }

  async #ask(): Promise<void> {
    const asked = this.#waiting;
    this.#asked.add(asked);
    try {
      await this.#connection?.flush();
    } catch {
      // The connection is over, which is told by itself.
      return;
    }
    this.#asked.shift();
    this.#waiting -= asked;
    this.#asking = false;
    if (this.#closed) return;
    this.#events.confirmed(this.#waiting);
    if (this.#waiting > 0) this.#confirm();
  }
}
