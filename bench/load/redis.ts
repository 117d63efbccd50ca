// redis-benchmark as a second opinion on load.c: an echo server's answer to a RESP command is that
// command, which is a valid reply (an array of bulk strings).

import { readdirSync, readFileSync } from 'node:fs';
import { BenchError, Child, outputOf } from './child.ts';
import { type Load, measure, processorNs, type Server, type Shape, throughput } from './measure.ts';

// *2 $4 ECHO $43 and 43 letters, with the ends of their lines: 64 bytes.
const COMMAND = ['ECHO', 'x'.repeat(43)];

export async function redisVersion(): Promise<string | null> {
  const output = await outputOf(['redis-benchmark', '--version']);
  return output?.trim() ?? null;
}

/** What one client has measured of one server in one run. */
export interface Run {
  /** Messages a second. */
  readonly throughput: number;
  /** The server's processor time a message, in nanoseconds. */
  readonly processorNs: number;
}

// Exact while none of its threads is running. Threads that end meanwhile are lost.
export function processorTime(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const times = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return times.reduce((sum, time) => sum + time, 0);
}

/** Messages of 64 bytes, over `connections`, each with `depth` in flight. */
export async function redisRun(
  pin: readonly string[],
  server: Server,
  { connections, depth, messages }: { connections: number; depth: number; messages: number },
): Promise<Run> {
  const [host, port] = server.address.split(':');
  const options = { h: host, p: port, c: connections, P: depth, n: messages };
  const flags = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)]);
  const command = [...pin, 'redis-benchmark', ...flags, '--csv', ...COMMAND];
  const before = processorTime(server.pid);
  const output = await new Child(command).result();
  const spent = processorTime(server.pid) - before;
  const found = /^"ECHO x+","([\d.]+)"/m.exec(output);
  if (found === null) throw new BenchError(`redis-benchmark said: ${output.trim()}`);
  return { throughput: Number(found[1]), processorNs: spent / messages };
}

export interface Opinion {
  readonly depth: number;
  readonly contender: string;
  /** By round: of load.c, and of redis-benchmark. */
  readonly own: readonly Run[];
  readonly redis: readonly Run[];
}

export interface Clients {
  readonly load: Load;
  readonly pin: readonly string[];
  readonly rounds: number;
  /** Of one run of redis-benchmark. */
  readonly messages: number;
}

/** Both clients against the same servers, in turn. */
export async function compareClients(
  clients: Clients,
  servers: ReadonlyMap<string, Server>,
  shape: Shape,
): Promise<Opinion[]> {
  const { connections, depth } = shape;
  const opinions = [...servers].map(([contender, server]) => {
    return { depth, contender, server, own: [] as Run[], redis: [] as Run[] };
  });
  const pipeline = { connections, depth, messages: clients.messages };
  for (let round = 0; round <= clients.rounds; round += 1) {
    for (const { server, own, redis } of opinions) {
      const sample = await measure(clients.load, server, shape);
      own.push({ throughput: throughput(sample), processorNs: processorNs(sample) });
      redis.push(await redisRun(clients.pin, server, pipeline));
    }
  }
  // The first round compiles.
  return opinions.map(({ contender, own, redis }) => {
    return { depth, contender, own: own.slice(1), redis: redis.slice(1) };
  });
}
