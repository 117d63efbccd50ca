// Reload: what has changed in a file of services takes effect, as far as it can without a restart. Everything that
// can fail is tried first: a file that is wrong, or an address that cannot be had, changes nothing.

import { messageOf, WasmpollError } from '../errors.ts';
import { type LiveSettings, liveSettings, type Policy, resolvePolicy } from '../policy.ts';
import type { Logger } from '../server/logger.ts';
import type { Server } from '../server/server.ts';
import { readServices, type Service, type Services } from '../services/services-file.ts';
import { optionsOf, problemsOf, told } from './check.ts';

export interface Running {
  readonly service: Service;
  readonly server: Server;
}

export interface Reloaded {
  readonly running: Map<string, Running>;
  /** Of the process, not of a service. */
  readonly own: Omit<Services, 'services' | 'at'>;
  readonly logger: Logger;
  /** Starts a service. */
  readonly start: (service: Service) => Promise<Server>;
  /** One is there that was not; one is gone, and drains. */
  readonly started: (running: Running) => void;
  readonly ended: (running: Running) => void;
}

/**
 * @throws WasmpollError ERR_CONFIG with a line for each mistake; nothing has changed then. A module that does not
 *   start or cannot take over is a mistake as well, but all others take effect.
 */
export async function reload(file: string, parts: Reloaded): Promise<void> {
  const services = readServices(file);
  const problems = await problemsOf(services);
  if (problems.length > 0) throw new WasmpollError('ERR_CONFIG', problems.join('\n'));
  const { running } = parts;
  const kept = services.services.filter(({ name }) => running.has(name));
  const fresh = await startNew(services, parts);
  try {
    await joinAll(services, kept, running);
  } catch (error) {
    await Promise.all(fresh.map(({ server }) => server.drain()));
    throw error;
  }
  const names = new Set(services.services.map(({ name }) => name));
  for (const [name, one] of [...running]) {
    if (names.has(name)) continue;
    running.delete(name);
    parts.ended(one);
    void one.server.close();
  }
  for (const one of fresh) {
    running.set(one.service.name, one);
    parts.started(one);
  }
  warnOwn(services, parts);
  await renewAll(services, kept, parts);
}

async function startNew(services: Services, { running, start }: Reloaded): Promise<Running[]> {
  const fresh: Running[] = [];
  for (const service of services.services) {
    if (running.has(service.name)) continue;
    try {
      fresh.push({ service, server: await start(service) });
    } catch (error) {
      await Promise.all(fresh.map(({ server }) => server.drain()));
      throw new WasmpollError('ERR_CONFIG', told(services, service, error), { cause: error });
    }
  }
  return fresh;
}

// One after the other; if one cannot, those before listen and connect as they did. Certificates that were read are in
// force.
async function joinAll(
  services: Services,
  kept: readonly Service[],
  running: ReadonlyMap<string, Running>,
): Promise<void> {
  const changed: Running[] = [];
  for (const service of kept) {
    const now = running.get(service.name)!;
    try {
      // Certificates are read anew, whether or not their paths are others.
      now.server.reloadTls();
      changed.push(now);
      if (!same(service.listen, now.service.listen)) await now.server.listen(service.listen);
      if (!same(service.upstreams, now.service.upstreams)) {
        now.server.setUpstreams(service.upstreams ?? {});
      }
    } catch (error) {
      for (const { service: before, server } of changed) await setBack(before, server);
      throw new WasmpollError('ERR_CONFIG', told(services, service, error), { cause: error });
    }
  }
}

// What cannot be set back, since a file is gone, keeps none of the others from it: what is told is why nothing changed.
async function setBack(before: Service, server: Running['server']): Promise<void> {
  await Promise.allSettled([
    server.listen(before.listen),
    (async () => server.setUpstreams(before.upstreams ?? {}))(),
  ]);
}

async function renewAll(
  services: Services,
  kept: readonly Service[],
  { running, logger }: Reloaded,
): Promise<void> {
  const problems: string[] = [];
  for (const service of kept) {
    const { service: before, server } = running.get(service.name)!;
    const later = adjust(server, before, service);
    if (later.length > 0) {
      const text = `has changed, and needs a restart: ${later.join(', ')}`;
      logger.warn({ service: service.name }, text);
    }
    running.set(service.name, { service, server });
    try {
      const { protocol, config = '' } = await optionsOf(service);
      await server.swap(protocol, { config });
    } catch (error) {
      problems.push(told(services, service, error));
    }
  }
  if (problems.length === 0) return;
  const text = problems.map((line) => `the module before goes on: ${line}`).join('\n');
  throw new WasmpollError('ERR_CONFIG', text);
}

/** Puts other limits in force. @returns the names of what cannot change while the server runs */
function adjust(server: Server, before: Service, after: Service): string[] {
  const [old, now] = [resolvePolicy(before.policy), resolvePolicy(after.policy)];
  const names = (Object.keys(now) as (keyof Policy)[]).filter((name) => old[name] !== now[name]);
  const live = names.filter((name) => (liveSettings as readonly string[]).includes(name));
  if (live.length > 0) {
    server.adjust(Object.fromEntries(live.map((name) => [name, now[name]])) as LiveSettings);
  }
  const others = (['workers', 'store', 'topics', 'crashFolder', 'logData'] as const).filter(
    (name) => !same(before[name], after[name]),
  );
  return [...names.filter((name) => !live.includes(name)), ...others];
}

function warnOwn(services: Services, { own, logger }: Reloaded): void {
  const names = ['logLevel', 'logFormat', 'accessLog', 'admin', 'adminAllowRemote'] as const;
  const later = names.filter((name) => !same(own[name], services[name]));
  if (later.length > 0) logger.warn({}, `has changed, and needs a restart: ${later.join(', ')}`);
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Says of a reload that failed why, a line for each mistake. */
export function complainOf(error: unknown, logger: Logger): void {
  const { code } = error as { code?: string };
  const lines = error instanceof WasmpollError ? error.message : messageOf(error);
  for (const line of lines.split('\n')) logger.error({ code }, `not as the file says: ${line}`);
}
