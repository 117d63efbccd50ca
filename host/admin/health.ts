// Health: whether the process is alive and whether it should be sent clients, with the reason if not. Workers are
// asked for signs all the time, so that an answer is never waited for.

import type { Server } from '../server/server.ts';
import type { ServerStatus } from '../server/status/status.ts';
import { line, type Reply } from './reply.ts';
import type { Services } from './services.ts';

/** An idle worker is woken so often. */
const ASK_EACH_MS = 500;

export class Health {
  readonly #services: Services;
  /** The workers of each server that have not turned in time; the servers that are being asked. */
  readonly #stuck = new Map<Server, readonly number[]>();
  readonly #asked = new Set<Server>();
  readonly #ticks: NodeJS.Timeout;

  constructor(services: Services) {
    this.#services = services;
    this.#ticks = setInterval(() => this.#askAll(), ASK_EACH_MS).unref();
  }

  #askAll(): void {
    for (const { server } of this.#services.all.values()) {
      if (!this.#asked.has(server)) void this.#ask(server);
    }
  }

  async #ask(server: Server): Promise<void> {
    this.#asked.add(server);
    this.#stuck.set(server, await server.stuck());
    this.#asked.delete(server);
  }

  /** 200 while this thread and every worker turn. That it answers shows that this thread does. */
  alive(): Reply {
    for (const [name, { server }] of this.#services.all) {
      const [index] = this.#stuck.get(server) ?? [];
      if (index !== undefined) return line(503, `${name}: worker ${index} does not turn`);
    }
    return line(200, 'ok');
  }

  /**
   * 200 when every server serves, listens, and reaches what it needs. One that has ended is not missed: an operator
   * had it drain, and the others serve.
   */
  ready(): Reply {
    if (this.#services.starting) return line(503, 'starting');
    const all = [...this.#services.all].map(
      ([name, { server }]) => [name, server.status()] as const,
    );
    const ended = all.every(([, { state }]) => state === 'closed');
    for (const [name, status] of all) {
      if (status.state === 'closed' && !ended) continue;
      const reason = unreadiness(status);
      if (reason !== null) return line(503, `${name}: ${reason}`);
    }
    return line(200, 'ready');
  }

  close(): void {
    clearInterval(this.#ticks);
  }
}

function unreadiness({ state, listeners, workers, stats }: ServerStatus): string | null {
  if (state !== 'serving') return state;
  const silent = listeners.find((listener) => listener.state !== 'listening');
  if (silent !== undefined) return `${silent.address} is ${silent.state}`;
  const starting = workers.find((worker) => worker.state === 'starting');
  if (starting !== undefined) return `worker ${starting.index} is starting`;
  if (!stats.engines.ready) return 'an engine is not connected';
  return null;
}
