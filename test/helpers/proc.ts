// What Linux tells in /proc: sockets with their states, memory and descriptors of a process.

import { readdirSync, readFileSync } from 'node:fs';

/** States of a TCP socket as /proc/net/tcp numbers them (include/net/tcp_states.h). */
export const TCP = {
  ESTABLISHED: 1,
  FIN_WAIT1: 4,
  FIN_WAIT2: 5,
  TIME_WAIT: 6,
  CLOSE_WAIT: 8,
  LAST_ACK: 9,
  LISTEN: 10,
} as const;

/** The column `tr`: which timer runs. */
export const TIMER = { NONE: 0, RETRANSMIT: 1, KEEPALIVE: 2 } as const;

export interface TcpSocket {
  readonly localPort: number;
  readonly remotePort: number;
  readonly state: number;
  readonly timer: number;
  readonly transmitQueue: number;
  readonly receiveQueue: number;
}

/** IPv4 sockets of the machine that are bound to the port. */
export function tcpSockets(localPort: number): TcpSocket[] {
  return readFileSync('/proc/net/tcp', 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map(tcpSocket)
    .filter((socket) => socket.localPort === localPort);
}

// proc_net_tcp: `sl local_address rem_address st tx_queue:rx_queue tr:tm->when …`, in hexadecimal.
function tcpSocket(line: string): TcpSocket {
  const [, local, remote, state, queues, timer] = line.trim().split(/\s+/);
  const part = (text: string | undefined, index: number): number =>
    Number.parseInt(text!.split(':')[index]!, 16);
  return {
    localPort: part(local, 1),
    remotePort: part(remote, 1),
    state: part(state, 0),
    timer: part(timer, 0),
    transmitQueue: part(queues, 0),
    receiveQueue: part(queues, 1),
  };
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match![1]) * 1024;
}

/** Whether the process has a handler for the signal, by its number; proc(5), SigCgt. */
export function handles(pid: number, signal: number): boolean {
  const match = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return ((BigInt(`0x${match![1]}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

export const descriptorCount = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

const SECOND_MS = 1000;
const SECONDS = 3;

/**
 * The least processor time, in milliseconds, that a process has used in one of a few seconds. What spins uses in each
 * of them what it can get; a collection of garbage, which a slow machine may take long for, comes in one.
 * @param enough no other second is waited for after one with less
 */
export async function leastOfSeconds(
  running: { readonly processorMs: number },
  enough: number,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let seconds = 0; seconds < SECONDS && least >= enough; seconds += 1) {
    const before = running.processorMs;
    await new Promise((resolve) => setTimeout(resolve, SECOND_MS));
    least = Math.min(least, running.processorMs - before);
  }
  return least;
}

/** Waits for what no event tells of. A test that waits in vain ends by ava's timeout. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
