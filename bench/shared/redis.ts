// redis-server as a store beside ours: on a Unix socket, without persistence, asked by redis-benchmark.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BenchError, Child, outputOf } from '../load/child.ts';
import { processorTime } from '../load/redis.ts';
import { CONNECTIONS, DEPTH } from './keys.ts';

const REQUESTS = 100_000;

export class Redis {
  readonly #folder: string;
  readonly #server: Child;
  readonly #load: readonly string[];

  private constructor(folder: string, server: Child, load: readonly string[]) {
    this.#folder = folder;
    this.#server = server;
    this.#load = load;
  }

  /** @returns null where it is not installed */
  static async start(pin: readonly string[], load: readonly string[]): Promise<Redis | null> {
    for (const program of ['redis-server', 'redis-benchmark']) {
      if ((await outputOf([program, '--version'])) === null) return null;
    }
    const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-'));
    const options = ['--port', '0', '--unixsocket', path.join(folder, 'redis'), '--dir', folder];
    const server = new Child([...pin, 'redis-server', ...options, '--save', '']);
    await server.shows(/ready to accept/i);
    const redis = new Redis(folder, server, load);
    // Every key has a value.
    await redis.run('set');
    return redis;
  }

  /** @returns nanoseconds of the server's processor for each request */
  async run(command: 'get' | 'set'): Promise<number> {
    const shape = ['-c', CONNECTIONS, '-P', DEPTH, '-n', REQUESTS, '-d', 64, '-r', 1024];
    const socket = ['-s', path.join(this.#folder, 'redis')];
    const words = [...this.#load, 'redis-benchmark', ...socket, ...shape.map(String)];
    const before = processorTime(this.#server.pid);
    const output = await new Child([...words, '-t', command, '--csv']).result();
    const spent = processorTime(this.#server.pid) - before;
    if (new RegExp(`^"${command}"`, 'im').test(output)) return spent / REQUESTS;
    throw new BenchError(`redis-benchmark said: ${output.trim()}`);
  }

  async close(): Promise<void> {
    await this.#server.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
