// Entrance: how peers come into a harness. It knows what they come with, and nothing of what follows.

import type { Loopback } from '../kernel/loopback/loopback.ts';
import { Listeners } from './listeners.ts';
import { type ConnectOptions, LISTENER } from './options.ts';
import { Peer } from './peer.ts';
import type { Peers } from './peers.ts';
import { BUFFER_BYTES } from './upstream.ts';

export class Entrance {
  readonly #listeners: Listeners;
  readonly #kernel: Loopback;
  readonly #peers: Peers;
  readonly #settle: () => void;
  #ports = 49_152;

  constructor(
    kernel: Loopback,
    peers: Peers,
    buffer: ConstructorParameters<typeof Listeners>[0],
    settle: () => void,
  ) {
    this.#listeners = new Listeners(buffer);
    this.#kernel = kernel;
    this.#peers = peers;
    this.#settle = settle;
  }

  /** The table of listeners, and which of them have TLS. */
  get buffer(): ArrayBufferLike {
    return this.#listeners.buffer;
  }

  get modes(): Int32Array {
    return this.#listeners.modes;
  }

  /** @param open as `Reactor.open` */
  connect(options: ConnectOptions, open: (fd: number, listener: number) => number): Peer {
    const { address = `127.0.0.1:${this.#ports++}`, bufferBytes = BUFFER_BYTES } = options;
    const { listener = LISTENER, local = listener, tls = false, proxy = false } = options;
    const { fd, client } = this.#kernel.connect(bufferBytes, address, local);
    const peer = new Peer(client, () => this.#settle());
    const facts = typeof tls === 'object' ? tls : {};
    this.#kernel.seat.facts = facts;
    this.#peers.opening = peer;
    const handle = open(fd, this.#listeners.number(options));
    this.#peers.opening = null;
    // The header comes first.
    if (proxy && tls !== false) this.#kernel.seat.expect(handle, facts);
    // Told of as open when its header has come, and its handshake is done.
    if (proxy || tls !== false) this.#peers.expect(handle, peer);
    if (tls !== false && options.shakes !== false && !proxy) peer.shake();
    else this.#settle();
    return peer;
  }
}
