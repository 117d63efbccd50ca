// Routes: which path is answered by what. It reads no request but its method and path.

import type { ServerResponse } from 'node:http';
import type { Events } from './events.ts';
import type { Health } from './health.ts';
import { metrics } from './metrics.ts';
import { json, line, type Reply, refusal } from './reply.ts';
import type { Services } from './services.ts';

/** A request as far as routes need it. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
  /** It came by a socket whose owner may command. */
  readonly commands: boolean;
  readonly response: ServerResponse;
}

type Route = (request: Request) => Reply | null | Promise<Reply | null>;

export class Routes {
  readonly #reads: ReadonlyMap<string, Route>;

  constructor(services: Services, health: Health, events: Events) {
    this.#reads = new Map<string, Route>([
      ['/healthz', () => health.alive()],
      ['/readyz', () => health.ready()],
      ['/status', () => json(200, services.text)],
      ['/metrics', ({ accept }) => metrics(services.status, accept)],
      ['/events', ({ method, response }) => follow(events, method, response)],
    ]);
  }

  /** @returns null when the answer is on its way already */
  answer(request: Request): Reply | null | Promise<Reply | null> {
    const { method, path } = request;
    const route = this.#reads.get(path);
    if (route === undefined) return refusal(404, `there is no ${path}; ${this.#listed}`);
    if (method === 'GET' || method === 'HEAD') return route(request);
    return { ...refusal(405, `${path} takes GET`), headers: { Allow: 'GET, HEAD' } };
  }

  get #listed(): string {
    return `there are ${[...this.#reads.keys()].join(', ')}`;
  }
}

function follow(events: Events, method: string, response: ServerResponse): Reply | null {
  if (method === 'HEAD') return line(200, '');
  return events.stream(response) ? null : refusal(503, 'too many follow already');
}
