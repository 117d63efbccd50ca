// What is measured beside the cases: system calls, memory of idle connections, and the load generator
// itself against redis-benchmark.

import { bytesEach, holdConnections } from '../load/holders.ts';
import { type Load, type Server, startServer, withServer } from '../load/measure.ts';
import { compareClients, type Opinion, redisVersion } from '../load/redis.ts';
import { countCalls, untraceable } from '../load/syscalls.ts';
import { commandOf, type Present, REFERENCE } from '../peers/contenders.ts';
import { type Case, cases } from './cases.ts';
import type { Results } from './results.ts';

export interface Bench {
  readonly present: readonly Present[];
  readonly load: Load;
  /** Prefixes that pin a process. */
  readonly serverPin: readonly string[];
  readonly loadPin: readonly string[];
  readonly rounds: number;
  readonly progress: (text: string) => void;
}

const GUEST = 'echo';
const IDLE = [1000, 10_000];
const IDLE_REPETITIONS = 3;
const OPINION_ROUNDS = 5;
const OPINION_MESSAGES = { 1: 100_000, 16: 1_000_000 } as const;
const TRACED_SECONDS = 2;

const caseNamed = (name: string): Case => cases.find((each) => each.name === name)!;

export async function callsOfAll(bench: Bench): Promise<Pick<Results, 'calls' | 'notCounted'>> {
  const notCounted = await untraceable();
  if (notCounted !== null) return { calls: null, notCounted };
  const calls = [];
  for (const present of bench.present) {
    const { name } = present.contender;
    bench.progress(`system calls of ${name}`);
    const load = { ...bench.load, seconds: TRACED_SECONDS };
    const perMessage = await withServer(commandOf(present, GUEST), bench.serverPin, (server) =>
      countCalls(load, server, caseNamed('50x64B')),
    );
    calls.push({ contender: name, perMessage });
  }
  return { calls, notCounted };
}

export async function idleOfAll(bench: Bench): Promise<Results['idle']> {
  const idle = [];
  for (const present of bench.present) {
    const { name } = present.contender;
    const bytes: number[] = [];
    for (let time = 0; time < IDLE_REPETITIONS; time += 1) {
      bench.progress(`idle connections of ${name}`);
      const [, few, many] = await withServer(commandOf(present, GUEST), bench.serverPin, (server) =>
        holdConnections(bench.load.command, server, IDLE),
      );
      bytes.push(bytesEach(few!, many!));
    }
    idle.push({ contender: name, bytes });
  }
  return idle;
}

/** Null when there is no redis-benchmark. */
export async function opinions(bench: Bench): Promise<Opinion[] | null> {
  if ((await redisVersion()) === null) return null;
  const asked = bench.present.filter(
    ({ contender }) => contender.name === REFERENCE || contender.guest,
  );
  const servers = new Map<string, Server>();
  try {
    for (const present of asked) {
      const server = await startServer(commandOf(present, GUEST), bench.serverPin);
      servers.set(present.contender.name, server);
    }
    const found: Opinion[] = [];
    for (const what of [caseNamed('50x64B'), caseNamed('50x64B-d16')]) {
      bench.progress(`load.c and redis-benchmark, depth ${what.depth}`);
      const clients = {
        load: bench.load,
        pin: bench.loadPin,
        rounds: Math.min(bench.rounds, OPINION_ROUNDS),
        messages: OPINION_MESSAGES[what.depth as keyof typeof OPINION_MESSAGES],
      };
      found.push(...(await compareClients(clients, servers, what)));
    }
    return found;
  } finally {
    await Promise.all([...servers.values()].map(({ child }) => child.stop()));
  }
}
