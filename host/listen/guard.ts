// Guard: who may come in by a listener, of those whose address is known when they are accepted. With a PROXY
// header the client's address comes later, and only the balancer's is judged here.

import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native } from '../kernel/native.ts';
import { endpointText, IP_BYTES } from './peer/ip.ts';
import type { ListenerTable } from './peer/listener-table.ts';
import { contains } from './peer/networks.ts';
import {
  DENIED,
  type Objection,
  type PeerLimits,
  peerLimits,
  type Refusals,
} from './peer/refusals.ts';
import type { ListenSpec } from './spec.ts';

/** An address and a port, as `acceptFrom` writes them. */
export const PEER_BYTES = IP_BYTES + 2;

const UNTRUSTED: Objection = ['PROXY', 'PROXY headers are not believed from there'];

/** The limits of addresses hold for all listeners of a server together. */
export interface GuardParts {
  readonly native: Native;
  readonly table: ListenerTable;
  readonly refusals: Refusals;
  /** The table of addresses; 0 when they are not limited. */
  readonly peers: number;
}

export class Guard {
  readonly #parts: GuardParts;
  readonly #limits: PeerLimits;
  readonly #number: number;
  readonly #trusted: Uint8Array | null;
  readonly #name: string;

  constructor(parts: GuardParts, number: number, { trusted, name }: ListenSpec) {
    this.#parts = parts;
    this.#limits = peerLimits(parts.native, parts.peers, monotonicMs);
    this.#number = number;
    this.#trusted = trusted;
    this.#name = name;
  }

  /** Whether everybody may come in by a listener like this. */
  static needed({ trusted, allow, deny }: ListenSpec, peers: number): boolean {
    return trusted !== null || allow.length + deny.length > 0 || peers !== 0;
  }

  /**
   * @param peer as `acceptFrom` has written it
   * @returns false when the connection is to be closed; it is counted then
   */
  admits(fd: number, peer: Uint8Array): boolean {
    const objection = this.#objection(fd, peer);
    if (objection === null) return true;
    const [refusal, why] = objection;
    const address = (): string =>
      endpointText(peer.subarray(0, IP_BYTES), (peer[IP_BYTES]! << 8) | peer[IP_BYTES + 1]!);
    this.#parts.refusals.add(refusal, this.#name, address, why);
    return false;
  }

  #objection(fd: number, peer: Uint8Array): Objection | null {
    if (this.#trusted !== null) return contains(this.#trusted, peer) ? null : UNTRUSTED;
    return this.#parts.table.admits(this.#number, peer) ? this.#limits(fd, peer) : DENIED;
  }
}
