// What is measured of topics and keys has this form; and the ground it stands on: a reactor with a seat in shared
// state of its own, and peers that are pairs of sockets in the same thread.

import type { Kernel } from '../../host/kernel/contract.ts';
import { native } from '../../host/kernel/native.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { Reactor } from '../../host/reactor/reactor.ts';
import type { Shared } from '../../host/shared/contract.ts';
import { strict } from '../ruler/strict.ts';

export interface Measured {
  /** @returns nanoseconds of the processor for each of its units */
  run(): number | Promise<number>;
  close(): void | Promise<void>;
}

const SEAT = 1;

export interface Ground {
  readonly reactor: Reactor;
  /** To be kept: what nobody refers to is collected, with all that is in it. */
  readonly shared: Shared;
}

export async function reactorOn(
  kernel: Kernel,
  guest: Uint8Array,
  connections: number,
  now: () => number = () => performance.now(),
): Promise<Ground> {
  const policy = resolvePolicy({ maxConnections: connections, poolBytes: 16 << 20 });
  const module = await loadModule(guest, policy);
  const shared = native.shared(policy);
  // It wakes nobody: all is its own, and `turn` looks by itself.
  shared.open(SEAT, -1);
  const seat = shared.seat(SEAT);
  const buffer = SharedArrayBuffer;
  const reactor = new Reactor({ kernel, module, policy, observer: strict, now, buffer, seat });
  return { reactor, shared };
}

/** A clock that goes on by too little for any turn to be ended by its budget; it costs no system call. */
export function slowClock(): () => number {
  const time = new Float64Array([1]);
  return () => {
    time[0]! += 2 ** -20;
    return time[0]!;
  };
}

/** Nanoseconds of the processor that `work` takes: what others took meanwhile is not in it. */
export function processorNs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

/** Ends of pairs of sockets; the others are somebody else's. */
export class Peers {
  readonly #fds: number[] = [];
  readonly #answer = new Uint8Array(65_536);

  /** @returns the descriptor for the other side */
  add(): number {
    const pair = native.socketpair();
    if (typeof pair === 'number') throw native.systemError('socketpair', pair);
    this.#fds.push(pair[0]);
    return pair[1];
  }

  say(peer: number, bytes: Uint8Array): void {
    if (native.write(this.#fds[peer]!, bytes, 0, bytes.length) !== bytes.length) {
      throw new Error('a peer could not send all');
    }
  }

  /** @throws Error when a peer has not been sent so many bytes, since something was lost */
  hear(peer: number, bytes: number): void {
    for (let left = bytes; left > 0; ) {
      const got = native.read(this.#fds[peer]!, this.#answer, 0, Math.min(left, 65_536));
      if (got <= 0) throw new Error(`peer ${peer} lacks ${left} bytes`);
      left -= got;
    }
  }

  close(): void {
    for (const fd of this.#fds) native.close(fd);
  }
}
