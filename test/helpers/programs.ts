// A server whose program takes part in topics and keys, as tests use it: with few settings that make it quick, and
// what its guests log.

import { type EventEmitter, once } from 'node:events';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import type { Logger } from '../../host/server/logger.ts';
import { type Client, connect } from './client.ts';
import type { Owner } from './process.ts';

const quick = { drainQuietMs: 0, graceMs: 2000, lingerMs: 200, callbackTimeoutMs: 500 };

/** A client, and the id of its connection. */
export interface Known {
  readonly client: Client;
  readonly id: number;
}

export class Hosted {
  readonly server: Server;
  /** Ids of connections that are over. */
  readonly closed = new Set<number>();
  readonly #lines: string[];
  #news: () => void = () => undefined;

  private constructor(server: Server, lines: string[], told: (tell: () => void) => void) {
    this.server = server;
    // From the start: who begins to listen later may miss the first.
    server.on('close', ({ id }) => this.closed.add(id));
    this.#lines = lines;
    told(() => this.#news());
  }

  static async start(owner: Owner, options: Partial<ServeOptions>): Promise<Hosted> {
    const lines: string[] = [];
    let tell = (): void => undefined;
    const ignore = (): void => undefined;
    const info = (fields: object, message: string): void => {
      if (!('from' in fields)) return;
      lines.push(message.trimEnd());
      tell();
    };
    const isLevelEnabled = (): boolean => false;
    const logger: Logger = { debug: ignore, info, warn: ignore, error: ignore, isLevelEnabled };
    const server = await serve({
      protocol: 'echo',
      listen: '127.0.0.1:0',
      logger,
      ...options,
      policy: { ...quick, logLinesPerSecond: 1_000_000, ...options.policy },
    });
    owner.teardown(async () => {
      await server.close();
    });
    return new Hosted(server, lines, (told) => {
      tell = told;
    });
  }

  /** Resolves with the first line of a guest that matches, and takes it away. */
  async logged(pattern: RegExp | string): Promise<string> {
    const matches = (line: string): boolean =>
      typeof pattern === 'string' ? line === pattern : pattern.test(line);
    for (;;) {
      const at = this.#lines.findIndex(matches);
      if (at >= 0) return this.#lines.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
  }

  async clients(owner: Owner, count: number): Promise<Known[]> {
    const all: Known[] = [];
    for (let made = 0; made < count; made += 1) {
      const opened = new Promise<{ id: number }>((resolve) => this.server.once('open', resolve));
      const client = await connect(this.server.addresses[0]!, { owner });
      all.push({ client, id: (await opened).id });
    }
    return all;
  }

  /** Resolves with what the event tells next. */
  async next(name: 'error' | 'missed' | 'restart'): Promise<unknown> {
    const [value] = await once(this.server as EventEmitter, name);
    return value;
  }
}

/** Resolves when it holds, for what no event tells of. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
