// Services: the services of a file in one process: all start, or none does; what changes in the file takes effect
// at SIGHUP as far as it can. It reads no arguments, and knows no listener.

import { setMaxListeners } from 'node:events';
import { messageOf, WasmpollError } from '../errors.ts';
import { type Logger, withFields } from '../server/logger.ts';
import { serve } from '../server/serve.ts';
import type { Server } from '../server/server.ts';
import { readServices, type Service, type Services } from '../services/services-file.ts';
import type { AdminFlags } from './admin.ts';
import { optionsOf, problemsOf, told } from './check.ts';
import { type Operation, type OperationOptions, operate } from './operation.ts';
import { reloadTls } from './reload-tls.ts';
import type { Signals } from './signals.ts';

interface Running {
  readonly service: Service;
  readonly server: Server;
}

/** What the command line says instead of the file. */
export interface ServicesFlags extends AdminFlags {
  logLevel?: string;
  logFormat?: 'pretty' | 'json';
  logData?: boolean;
  accessLog?: string;
}

/** Resolves when all services have drained, or a signal has ended their start. */
export async function runServices(
  file: string,
  flags: ServicesFlags,
  signals: Signals,
): Promise<void> {
  const services = readServices(file);
  await operate(optionsFor(services, flags), signals, async (operation) => {
    const running = await startAll(services, flags, operation);
    if (running === null) return;
    for (const [name, { service, server }] of running) {
      operation.add(name, server, () => optionsOf(service));
    }
    const { logger } = operation;
    operation.started(
      () => reload(file, running, logger),
      (error) => refuse(error, logger),
    );
    for (const { service, server } of running.values()) {
      for (const address of server.addresses) {
        process.stdout.write(`${service.name}: listening on ${address}\n`);
      }
    }
    await Promise.all([...running.values()].map(({ server }) => server.closed));
  });
}

function optionsFor(services: Services, flags: ServicesFlags): OperationOptions {
  const {
    logLevel = 'info',
    logFormat: format,
    accessLog: access,
    admin,
    adminAllowRemote,
  } = {
    ...services,
    ...flags,
  };
  return {
    level: logLevel,
    ...(format && { format }),
    ...(access && { access }),
    ...(admin && { admin }),
    ...(adminAllowRemote && { adminAllowRemote }),
  };
}

/** @returns null when a signal has ended the start */
async function startAll(
  services: Services,
  { logData }: ServicesFlags,
  { logger, signals, isWatched }: Operation,
): Promise<Map<string, Running> | null> {
  const running = new Map<string, Running>();
  // Each service listens to it. Node 20 takes more than ten for a leak, and says so on standard error.
  setMaxListeners(0, signals.stop);
  for (const service of services.services) {
    try {
      const options = {
        ...(await optionsOf(service)),
        ...(logData && { logData }),
        histograms: isWatched,
        logger: withFields(logger, { service: service.name }),
        signal: signals.stop,
      };
      running.set(service.name, { service, server: await serve(options) });
    } catch (error) {
      await Promise.all([...running.values()].map(({ server }) => server.close()));
      if (error === signals.stop.reason) return null;
      throw new WasmpollError('ERR_CONFIG', told(services, service, error), { cause: error });
    }
  }
  return running;
}

/** What takes effect without a restart: the module, and what its guest is given by `config`. */
const LIVE = ['protocol', 'config', 'configFile'];

/** A file that is wrong changes nothing. Rejects with a line for each mistake. */
async function reload(file: string, running: Map<string, Running>, logger: Logger): Promise<void> {
  const services = readServices(file);
  const problems = await problemsOf(services);
  if (problems.length > 0) throw new WasmpollError('ERR_CONFIG', problems.join('\n'));
  for (const service of services.services) await renew(service, running, logger);
  const names = new Set(services.services.map(({ name }) => name));
  for (const name of running.keys()) {
    if (!names.has(name))
      logger.warn({ service: name }, 'not in the file any more: restart to end it');
  }
}

function refuse(error: unknown, logger: Logger): void {
  for (const line of String((error as Error).message).split('\n')) {
    logger.error({ code: (error as { code?: string }).code }, `nothing is changed: ${line}`);
  }
}

async function renew(
  service: Service,
  running: Map<string, Running>,
  logger: Logger,
): Promise<void> {
  const { name } = service;
  const now = running.get(name);
  if (now === undefined) {
    logger.warn({ service: name }, 'new in the file: restart to serve it');
    return;
  }
  const rest = (of: Service): string =>
    JSON.stringify(
      Object.entries(of)
        .filter(([key]) => !LIVE.includes(key))
        .sort(),
    );
  if (rest(service) !== rest(now.service)) {
    logger.warn(
      { service: name },
      'more than protocol and config has changed: restart for the rest',
    );
  }
  reloadTls(now.server, withFields(logger, { service: name }));
  try {
    const { protocol, config = '' } = await optionsOf(service);
    await now.server.swap(protocol, { config });
  } catch (error) {
    logger.error({ service: name }, `not swapped: ${messageOf(error)}`);
  }
}
