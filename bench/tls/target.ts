// One contender under the load of TLS: what its processes use meanwhile, as the kernel accounts it. It compares
// nothing.

import { readdirSync, readFileSync } from 'node:fs';
import { Child } from '../load/child.ts';
import type { Running } from './contenders.ts';

/** What one round finds. Nanoseconds of processor time, of all processes together. */
export interface Round {
  readonly smallNs: number;
  readonly largeNs: number;
  readonly fullNs: number;
  readonly resumedNs: number;
  /** How many of the handshakes that offered a session went on with it, from 0 to 1. */
  readonly resumed: number;
}

const SMALL = 64;
const LARGE = 16_384;
// By number, not by time: on a busy machine a second is sometimes a tenth of one.
const SMALL_MESSAGES = 10_000;
const LARGE_MESSAGES = 3000;
const HANDSHAKES = 80;
// Until V8 has compiled what it will: the first handshakes, which are interpreted, take half as much again.
const WARM_UP = { small: 40_000, large: 2000, handshakes: 1000 };

// A thread may have ended since it was listed.
function childrenOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split(' ').filter(Boolean);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

function family(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) => childrenOf(`/proc/${pid}/task/${thread}/children`));
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

const processesOf = ({ children }: Running): number[] => children.flatMap(({ pid }) => family(pid));

const residentOf = (pid: number): number =>
  Number(/^Pss_Anon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))![1]) * 1024;

export class Target {
  readonly #running: Running;
  readonly #load: Child;
  #answers = 0;

  private constructor(running: Running, load: Child) {
    this.#running = running;
    this.#load = load;
  }

  /** @param load the command of the load, to which the port is added */
  static async create(running: Running, load: readonly string[]): Promise<Target> {
    const child = new Child([...load, String(running.port)]);
    await child.shows(/^ready$/m);
    return new Target(running, child);
  }

  /** Connections are opened, and code is compiled. */
  async warmUp(): Promise<void> {
    await this.#ask(`echo ${SMALL} ${WARM_UP.small}`);
    await this.#ask(`echo ${LARGE} ${WARM_UP.large}`);
    await this.#ask(`shake ${WARM_UP.handshakes} 0`);
    await this.#ask(`shake ${WARM_UP.handshakes} 1`);
  }

  async #ask(command: string): Promise<number> {
    this.#load.say(command);
    this.#answers += 1;
    const lines = new RegExp(`^ready\\n(?:.*\\n){${this.#answers - 1}}(\\d+)\\n`);
    return Number((await this.#load.shows(lines))[1]);
  }

  async #cost(command: string): Promise<{ ns: number; answer: number }> {
    const before = await this.#processorNs();
    const answer = await this.#ask(command);
    return { ns: (await this.#processorNs()) - before, answer };
  }

  async #processorNs(): Promise<number> {
    let sum = 0;
    for (const pid of processesOf(this.#running)) sum += await this.#ask(`clock ${pid}`);
    return sum;
  }

  #residentBytes(): number {
    return processesOf(this.#running)
      .map(residentOf)
      .reduce((sum, bytes) => sum + bytes, 0);
  }

  async round(): Promise<Round> {
    const small = await this.#cost(`echo ${SMALL} ${SMALL_MESSAGES}`);
    const large = await this.#cost(`echo ${LARGE} ${LARGE_MESSAGES}`);
    const full = await this.#cost(`shake ${HANDSHAKES} 0`);
    const resumed = await this.#cost(`shake ${HANDSHAKES} 1`);
    return {
      smallNs: small.ns / small.answer,
      largeNs: large.ns / large.answer,
      fullNs: full.ns / HANDSHAKES,
      resumedNs: resumed.ns / HANDSHAKES,
      resumed: resumed.answer / HANDSHAKES,
    };
  }

  /**
   * Bytes of memory that a connection takes which has been used once, and is idle. To be asked of processes that have
   * not served before: others have memory to spare.
   * @param first are open before any is counted: what a process takes once is not theirs
   */
  async idleBytes(first: number, connections: number): Promise<number> {
    await this.#ask(`hold ${first}`);
    const before = this.#residentBytes();
    await this.#ask(`hold ${connections}`);
    return (this.#residentBytes() - before) / connections;
  }

  async stop(): Promise<void> {
    this.#load.release();
    await this.#load.result();
    for (const child of this.#running.children) await child.stop('SIGTERM');
  }
}
