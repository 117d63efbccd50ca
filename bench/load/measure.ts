// One server under one load: starts contenders, and runs bench/load/load.c against them. It compares
// nothing.

import { BenchError, Child } from './child.ts';

/** How messages come. */
export interface Shape {
  readonly connections: number;
  /** All of them if not given. */
  readonly active?: number;
  readonly bytes: number;
  /** Messages in flight on each active connection. */
  readonly depth: number;
  /** Connect, one message there and back, close; a message is such a cycle. */
  readonly cycle?: boolean;
}

/** What load.c tells of its window; the server's processor time is that of all its threads. */
export interface Sample {
  readonly messages: number;
  readonly windowNs: number;
  readonly serverNs: number;
  /** The server's processor time once more, as the kernel samples it, in ticks by mode. */
  readonly userTicks: number;
  readonly systemTicks: number;
  /** The load generator's own processor time. */
  readonly loadNs: number;
  /** For how long their cores were idle, if they are pinned to one each; in ticks of 10 ms. */
  readonly serverIdleNs: number;
  readonly loadIdleNs: number;
  /** Percentiles, as `"99.9"`, in microseconds. */
  readonly latencyUs: Readonly<Record<string, number>>;
}

export interface Server {
  readonly address: string;
  readonly pid: number;
  readonly child: Child;
}

/** @throws BenchError when it ends before it listens */
export async function startServer(
  command: readonly string[],
  pin: readonly string[],
): Promise<Server> {
  const child = new Child([...pin, ...command]);
  const [, address] = await child.shows(/^listening on (\S+)\n/m);
  return { address: address!, pid: child.pid, child };
}

/** Starts a server for as long as `act` needs it. */
export async function withServer<T>(
  command: readonly string[],
  pin: readonly string[],
  act: (server: Server) => Promise<T>,
): Promise<T> {
  const server = await startServer(command, pin);
  try {
    return await act(server);
  } finally {
    await server.child.stop();
  }
}

export interface Load {
  /** The program, with what pins it. */
  readonly command: readonly string[];
  readonly seconds: number;
  readonly warmup: number;
  /** The server's, if server and load are pinned to one each. */
  readonly serverCore: number | null;
}

function loadCommand(load: Load, server: Server, shape: Shape): string[] {
  const options = {
    to: server.address,
    pid: server.pid,
    core: load.serverCore ?? -1,
    seconds: load.seconds,
    warmup: load.warmup,
    connections: shape.connections,
    active: shape.active ?? shape.connections,
    bytes: shape.bytes,
    depth: shape.depth,
    cycle: shape.cycle ? 1 : 0,
  };
  return [...load.command, ...Object.entries(options).map(([name, value]) => `${name}=${value}`)];
}

// On a machine that is busy with other things a server may not get to run in a short window at all.
const TRIES = 3;

/** @throws BenchError when the server answers wrongly, or not at all */
export async function measure(load: Load, server: Server, shape: Shape): Promise<Sample> {
  const command = loadCommand(load, server, shape);
  for (let tries = 0; tries < TRIES; tries += 1) {
    const sample = JSON.parse(await new Child(command).result()) as Sample;
    if (sample.messages > 0) return sample;
  }
  throw new BenchError(`no message came back within ${load.seconds} s, ${TRIES} times`);
}

export const throughput = (sample: Sample): number => (sample.messages / sample.windowNs) * 1e9;

/** Nanoseconds of the server's processor time a message. */
export const processorNs = (sample: Sample): number => sample.serverNs / sample.messages;

/**
 * The part of the window in which others had the server's core, or the load's if that was more: other
 * processes, the kernel on its own account, or another virtual machine.
 */
export function foreignShare(sample: Sample): number {
  const { windowNs, serverNs, serverIdleNs, loadNs, loadIdleNs } = sample;
  const known = Math.min(serverNs + serverIdleNs, loadNs + loadIdleNs);
  return Math.max(0, 1 - known / windowNs);
}
