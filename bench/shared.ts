// What topics and keys cost, beside what does the same without them, in one interleaved run of a minute at most.
// npm run bench:shared [-- --rounds N]
// All cases run on one core, and each figure is processor time: what others took meanwhile is not in it.

import { fileURLToPath } from 'node:url';
import { BenchError, Child } from './load/child.ts';
import { describeMachine, findCores } from './load/machine.ts';
import { parseSharedOptions, UsageError } from './options.ts';
import {
  type Case,
  cases,
  fanOut,
  fanOutAlone,
  messages,
  requests,
  requestsAlone,
} from './shared/cases.ts';
import { Redis } from './shared/redis.ts';
import { aimTable, beyond, costTable, type Rounds, type Row } from './shared/tables.ts';
import { wakes } from './shared/threads.ts';

const script = fileURLToPath(new URL('./shared/child.js', import.meta.url));
// As for the ruler.
const FLAGS = ['--no-concurrent-recompilation'];
// No round begins later.
const LAST_ROUND_MS = 50_000;
const FEWEST_ROUNDS = 3;

const print = (text: string): void => void process.stdout.write(text);

class Run {
  readonly #children = new Map<string, Child>();
  readonly #results = new Map<string, number[]>();
  readonly #redis: Redis | null;

  private constructor(redis: Redis | null) {
    this.#redis = redis;
  }

  static async start(pin: readonly string[], load: readonly string[]): Promise<Run> {
    const run = new Run(await Redis.start(pin, load));
    for (const { name } of cases) {
      const child = new Child([...pin, process.execPath, ...FLAGS, script, name]);
      await child.shows(/^warm$/m);
      run.#children.set(name, child);
      run.#results.set(name, []);
    }
    if (run.#redis !== null)
      for (const name of ['redis get', 'redis set']) run.#results.set(name, []);
    return run;
  }

  async round(number: number): Promise<void> {
    for (const [name, child] of this.#children) {
      child.say(`${number}`);
      const answer = await child.shows(new RegExp(`^${number} ([\\d.]+)$`, 'm'));
      this.#results.get(name)!.push(Number(answer[1]));
    }
    if (this.#redis === null) return;
    this.#results.get('redis get')!.push(await this.#redis.run('get'));
    this.#results.get('redis set')!.push(await this.#redis.run('set'));
  }

  /** Of a case, or `redis get` and `redis set`; empty where that is not installed. */
  of(name: string): Rounds {
    return this.#results.get(name) ?? [];
  }

  rows(of: readonly Case[]): Row[] {
    return of.map(({ name, title }) => ({ title, rounds: this.of(name) }));
  }

  get redis(): Row[] {
    if (this.#redis === null) return [];
    return ['get', 'set'].map((command) => {
      return { title: `redis-server, ${command}`, rounds: this.of(`redis ${command}`) };
    });
  }

  async close(): Promise<void> {
    await this.#redis?.close();
    for (const child of this.#children.values()) {
      child.release();
      await child.result();
    }
  }
}

function report(run: Run): void {
  print('\nOne message of 64 B to 1,000 members on one worker, over pairs of Unix sockets:\n\n');
  print(costTable('member', run.rows(fanOut), run.of('kernel')));
  print('\nThe same on a kernel that does nothing: the time of host and guest:\n\n');
  print(costTable('member', run.rows(fanOutAlone)));
  print(
    '\nA request to the store and its answer, on a kernel that does nothing; values of 64 B:\n\n',
  );
  print(costTable('request', run.rows(requestsAlone)));
  print(
    '\nThe same over Unix sockets, 64 in a row, the kernel included. redis-server reads RESP, the\n',
  );
  print('guest of this bench commands of one byte. postMessage asks a Map in another thread:\n\n');
  print(costTable('request', [...run.rows(requests), ...run.redis, ...run.rows(messages)]));
  if (run.redis.length === 0) print('redis-server and redis-benchmark are not installed\n');
  print(`\n64 messages for another thread that does not look meanwhile: ${wakes(64)} wake\n\n`);
  const member = beyond(run.of('topic'), run.of('kernel'));
  print(
    aimTable([
      { what: "a member, beyond the kernel's send", most: 300, rounds: member },
      { what: 'a member, host and guest alone', most: 300, rounds: run.of('topic-alone') },
      { what: 'a get, host and guest', most: 600, rounds: run.of('get-alone') },
      { what: 'a put, host and guest', most: 600, rounds: run.of('put-alone') },
    ]),
  );
}

async function main(rounds: number): Promise<void> {
  const began = performance.now();
  const cores = await findCores();
  print(`${describeMachine()}; Node ${process.version}\n`);
  if (cores.unpinned !== null) print(`not pinned: ${cores.unpinned}\n`);
  const run = await Run.start(cores.server, cores.load);
  let done = 0;
  for (; done < rounds; done += 1) {
    if (done >= FEWEST_ROUNDS && performance.now() - began > LAST_ROUND_MS) break;
    await run.round(done);
  }
  await run.close();
  print(`medians of ${done} rounds\n`);
  report(run);
}

try {
  await main(parseSharedOptions(process.argv.slice(2)).rounds);
} catch (error) {
  const usage = error instanceof UsageError;
  if (!usage && !(error instanceof BenchError)) throw error;
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = usage ? 2 : 1;
}
