// Peers: who is at the other end of each connection. It knows when one begins and ends, and nothing of its bytes.

import type { Ending } from '../reactor/observer.ts';
import type { Peer } from './peer.ts';

export class Peers {
  /** Whose connection is being opened. */
  opening: Peer | null = null;
  readonly #known = new Map<number, Peer>();

  /** The guest is told of this one later. */
  expect(connection: number, peer: Peer): void {
    this.#known.set(connection, peer);
  }

  opened(connection: number): void {
    const peer = this.opening ?? this.#known.get(connection);
    if (peer === undefined) return;
    peer.connection = connection;
    this.#known.set(connection, peer);
  }

  closed({ connection, reason }: Ending): void {
    const peer = this.#known.get(connection);
    this.#known.delete(connection);
    if (peer !== undefined) peer.closeReason = reason;
  }
}
