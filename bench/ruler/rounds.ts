// Rounds: a reactor on the real kernel whose peers stand in the same thread. A round is one message of
// each connection, there and back, and allocates nothing itself. It measures nothing.

import type { Kernel } from '../../host/kernel/contract.ts';
import { native } from '../../host/kernel/native.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { Reactor } from '../../host/reactor/reactor.ts';
import type { SharedSeat } from '../../host/shared/contract.ts';
import { strict } from './strict.ts';

export interface RoundsOptions {
  readonly guest: Uint8Array;
  readonly connections: number;
  readonly messageBytes: number;
  /** The kernel of the reactor; `native`, or something around it that counts. */
  readonly kernel?: Kernel;
  readonly now?: () => number;
  /** What the reactor has of shared state; nothing when it is not given. */
  readonly seat?: SharedSeat;
}

// Far more than any round needs.
const MOST_TURNS = 1000;

export class Rounds {
  readonly reactor: Reactor;
  readonly #peers: Int32Array;
  readonly #message: Uint8Array;
  readonly #answer: Uint8Array;

  /** Connects all peers, by Unix socket pairs. */
  static async create(options: RoundsOptions): Promise<Rounds> {
    const { connections } = options;
    const policy = resolvePolicy({ maxConnections: connections, poolBytes: 16 * 1024 * 1024 });
    const module = await loadModule(options.guest, policy);
    const reactor = new Reactor({
      kernel: options.kernel ?? native,
      module,
      policy,
      observer: strict,
      now: options.now ?? (() => performance.now()),
      buffer: SharedArrayBuffer,
      ...(options.seat === undefined ? {} : { seat: options.seat }),
    });
    return new Rounds(reactor, connections, options.messageBytes);
  }

  /** Use `Rounds.create()`. */
  constructor(reactor: Reactor, connections: number, messageBytes: number) {
    this.reactor = reactor;
    this.#peers = new Int32Array(connections);
    this.#message = new Uint8Array(messageBytes).fill(0x61);
    this.#answer = new Uint8Array(messageBytes);
    for (let index = 0; index < connections; index += 1) {
      const pair = native.socketpair();
      if (typeof pair === 'number') throw native.systemError('socketpair', pair);
      this.#peers[index] = pair[0];
      reactor.open(pair[1]);
    }
  }

  /** write(2) and read(2), so that whoever counts the server's calls can tell them apart. */
  run(rounds: number): void {
    const peers = this.#peers;
    const { length } = this.#message;
    for (let round = 0; round < rounds; round += 1) {
      for (let index = 0; index < peers.length; index += 1) {
        if (native.write(peers[index]!, this.#message, 0, length) !== length) fail('write');
      }
      while (this.reactor.turn());
      for (let index = 0; index < peers.length; index += 1) this.#read(peers[index]!, length);
    }
  }

  // One turn serves as many as epoll reports at a time; the others' answers take another.
  #read(peer: number, length: number): void {
    for (let turns = 0; turns < MOST_TURNS; turns += 1) {
      const result = native.read(peer, this.#answer, 0, length);
      if (result === length) return;
      if (result !== -native.constants.EAGAIN) break;
      this.reactor.turn();
    }
    fail('read');
  }

  close(): void {
    for (const fd of this.#peers) native.close(fd);
    while (this.reactor.connections > 0) this.reactor.turn();
    this.reactor.close();
  }
}

function fail(what: string): never {
  throw new Error(`a peer could not ${what} a whole message`);
}
