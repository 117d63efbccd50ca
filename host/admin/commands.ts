// Commands: what operators have the process do. Each takes an object, and answers with one. What it does is the
// servers' own, or that of whoever started them.

import { messageOf, WasmpollError } from '../errors.ts';
import { LEVELS } from '../server/logger.ts';
import type { LogTail } from './log-tail.ts';
import { json, type Reply } from './reply.ts';
import { Refused } from './request.ts';
import type { Services } from './services.ts';

type Body = Readonly<Record<string, unknown>>;

/** What only the program that started the servers can do. */
export interface Hooks {
  /** Reads its configuration again. Rejects with what is wrong; nothing has changed then. */
  reload?: () => Promise<void>;
  /** Begins the end of all servers, as a signal does. */
  drain?: () => void;
}

export class Commands {
  readonly #services: Services;
  readonly #logs: LogTail | null;
  hooks: Hooks = {};

  constructor(services: Services, logs: LogTail | null) {
    this.#services = services;
    this.#logs = logs;
  }

  /** `{ service?, abort? }`: ends a connection. */
  async close(id: string, body: Body): Promise<Reply> {
    const { abort, service } = fields(body, { abort: 'boolean', service: 'string' });
    const [name, { server }] = this.#services.choose(service);
    const found = server.disconnect(Number(id), { abort: abort === true });
    if (!found) throw new Refused(404, `${name} has no connection ${id}`);
    return json(202, { service: name, id: Number(id) });
  }

  /** `{ service?, protocol?, drain?, config? }`: puts another module under the connections, or the same anew. */
  async swap(body: Body): Promise<Reply> {
    const given = fields(body, {
      ...{ service: 'string', protocol: 'string', drain: 'boolean', config: 'string' },
    });
    const [name, { server, again }] = this.#services.choose(given.service);
    const { protocol, config } = given as { protocol?: string; config?: string };
    if (protocol === undefined && again === undefined) {
      throw new Refused(400, 'protocol is missing: a bundled name, or a path of this machine');
    }
    const before = again === undefined ? {} : await attempt(again());
    const next = {
      ...before,
      ...(protocol && { protocol }),
      ...(config !== undefined && { config }),
    };
    const drain = given.drain === true;
    const options = { drain, ...(next.config !== undefined && { config: next.config }) };
    await attempt(server.swap(next.protocol ?? '', options));
    return json(200, { service: name, module: server.status().module });
  }

  /** `{ service? }`: stops listening and waits until connections are quiet; without `service`, all servers. */
  async drain(body: Body): Promise<Reply> {
    const { service } = fields(body, { service: 'string' });
    const chosen =
      service === undefined ? [...this.#services.all] : [this.#services.choose(service)];
    if (service === undefined && this.hooks.drain !== undefined) this.hooks.drain();
    else for (const [, { server }] of chosen) void server.close();
    return json(202, { services: chosen.map(([name]) => name) });
  }

  /** `{ level }` */
  async logLevel(body: Body): Promise<Reply> {
    const { level } = fields(body, { level: 'string' });
    if (!LEVELS.includes(level as string)) {
      throw new Refused(400, `level must be one of ${LEVELS.join(', ')}`);
    }
    if (this.#logs?.setLevel(level as string) !== true) {
      throw new Refused(409, 'the level of this log cannot be changed');
    }
    for (const { server } of this.#services.all.values()) server.observeLog();
    return json(200, { level });
  }

  /** `{}` */
  async reload(body: Body): Promise<Reply> {
    fields(body, {});
    const { reload } = this.hooks;
    if (reload === undefined) throw new Refused(409, 'there is no configuration to read again');
    await attempt(reload());
    return json(200, { services: [...this.#services.all.keys()] });
  }
}

type Types = Readonly<Record<string, 'string' | 'boolean'>>;

/** @throws Refused for what is not known, or of another type */
function fields<Known extends Types>(body: Body, known: Known): { [key in keyof Known]?: unknown } {
  for (const [key, value] of Object.entries(body)) {
    const type = Object.hasOwn(known, key) ? known[key] : undefined;
    if (type === undefined) {
      const names = Object.keys(known);
      const takes = names.length === 0 ? 'nothing is taken' : `there are ${names.join(', ')}`;
      throw new Refused(400, `there is no '${key}'; ${takes}`);
    }
    if (typeof value !== type) throw new Refused(400, `${key} must be a ${type}`);
  }
  return body as { [key in keyof Known]?: unknown };
}

/** A refusal says why: 400 for what was asked wrongly, 409 for what cannot be done now, or with this module. */
async function attempt<Value>(done: Promise<Value>): Promise<Value> {
  try {
    return await done;
  } catch (error) {
    const code = error instanceof WasmpollError ? error.code : '';
    throw new Refused(code === 'ERR_OPTION' || code === 'ERR_CONFIG' ? 400 : 409, messageOf(error));
  }
}
