// Routes: which path is answered by what, and who may ask. It reads no request but its method, path and query.

import type { ServerResponse } from 'node:http';
import { WasmpollError } from '../errors.ts';
import type { ConnectionsQuery } from '../server/status/connections.ts';
import { Assets } from './assets.ts';
import type { Commands } from './commands.ts';
import type { Events } from './events.ts';
import type { Health } from './health.ts';
import { metrics } from './metrics.ts';
import { json, line, type Reply, refusal } from './reply.ts';
import { Refused, type Request } from './request.ts';
import type { Services } from './services.ts';

type Answer = Reply | null | Promise<Reply | null>;
type Read = (request: Request) => Answer;
type Command = (body: Readonly<Record<string, unknown>>) => Promise<Reply>;

const CLOSE = /^\/connections\/(\d{1,16})\/close$/;

export class Routes {
  readonly #reads: ReadonlyMap<string, Read>;
  readonly #commands: ReadonlyMap<string, Command>;
  readonly #close: (id: string) => Command;

  constructor(services: Services, health: Health, events: Events, commands: Commands) {
    const assets = new Assets();
    const page: Read = ({ path, commands, response }) =>
      assets.answer(path, commands, response.req.headers['if-none-match']);
    this.#reads = new Map<string, Read>([
      ...assets.paths.map((path) => [path, page] as const),
      ['/healthz', () => health.alive()],
      ['/readyz', () => health.ready()],
      ['/metrics', ({ accept }) => metrics(services.status, accept)],
      ['/status', () => json(200, services.text)],
      ['/events', ({ method, response }) => follow(events, method, response)],
      ['/connections', ({ query }) => connections(services, query)],
    ]);
    this.#commands = new Map<string, Command>([
      ['/swap', (body) => commands.swap(body)],
      ['/drain', (body) => commands.drain(body)],
      ['/log-level', (body) => commands.logLevel(body)],
      ['/reload', (body) => commands.reload(body)],
    ]);
    this.#close = (id) => (body) => commands.close(id, body);
  }

  /**
   * @returns null when the answer is on its way already
   * @throws Refused
   */
  answer(request: Request): Answer {
    const { method, path } = request;
    const read = this.#reads.get(path);
    if (read !== undefined) {
      if (method === 'GET' || method === 'HEAD') return read(request);
      return { ...refusal(405, `${path} takes GET`), headers: { Allow: 'GET, HEAD' } };
    }
    const id = CLOSE.exec(path)?.[1];
    const command = id === undefined ? this.#commands.get(path) : this.#close(id);
    if (command === undefined) {
      const paths = [...this.#reads.keys(), ...this.#commands.keys()];
      return refusal(404, `there is no ${path}; there are ${paths.join(', ')}`);
    }
    if (method !== 'POST') {
      return { ...refusal(405, `${path} takes POST`), headers: { Allow: 'POST' } };
    }
    if (request.commands) return request.body().then(command);
    return refusal(
      403,
      `${path} is a command, which only a Unix socket with a file takes: --admin unix:/PATH`,
    );
  }
}

function follow(events: Events, method: string, response: ServerResponse): Reply | null {
  if (method === 'HEAD') return line(200, '');
  return events.stream(response) ? null : refusal(503, 'too many follow already');
}

/** `?service=&limit=&after=&sort=` */
async function connections(services: Services, query: URLSearchParams): Promise<Reply> {
  for (const name of query.keys()) {
    if (['service', 'limit', 'after', 'sort'].includes(name)) continue;
    throw new Refused(400, `there is no ${name}; there are service, limit, after, sort`);
  }
  const [name, { server }] = services.choose(query.get('service') ?? undefined);
  const { limit, after, sort } = Object.fromEntries(query);
  const asked = {
    ...(limit !== undefined && { limit: /^\d{1,4}$/.test(limit) ? Number(limit) : Number.NaN }),
    ...(after !== undefined && { after }),
    ...(sort !== undefined && { sort: sort as NonNullable<ConnectionsQuery['sort']> }),
  };
  try {
    return json(200, { service: name, ...(await server.connections(asked)) });
  } catch (error) {
    if (error instanceof WasmpollError) throw new Refused(400, error.message);
    throw error;
  }
}
