// Services: the services of a file in one process: all start, or none does. It reads no arguments, and knows no
// listener.

import { setMaxListeners } from 'node:events';
import { WasmpollError } from '../errors.ts';
import { withFields } from '../server/logger.ts';
import { serve } from '../server/serve.ts';
import type { Server } from '../server/server.ts';
import { readServices, type Service, type Services } from '../services/services-file.ts';
import type { AdminFlags } from './admin.ts';
import { optionsOf, told } from './check.ts';
import { type Operation, type OperationOptions, operate } from './operation.ts';
import { complainOf, type Running, reload } from './reload.ts';
import type { Signals } from './signals.ts';

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
    const { logger } = operation;
    const start = (service: Service): Promise<Server> => startOne(service, flags, operation);
    const running = await startAll(services, start, signals);
    if (running === null) return;
    const ever: Promise<void>[] = [];
    const started = ({ service, server }: Running): void => {
      operation.add(service.name, server, () =>
        optionsOf(running.get(service.name)?.service ?? service),
      );
      ever.push(server.closed);
      for (const address of server.addresses) {
        process.stdout.write(`${service.name}: listening on ${address}\n`);
      }
    };
    const ended = ({ service }: Running): void => operation.remove(service.name);
    for (const one of running.values()) started(one);
    const parts = { running, own: services, logger, start, started, ended };
    operation.started(
      () => reload(file, parts),
      (error) => complainOf(error, logger),
    );
    // A reload adds to them.
    for (let count = 0; count < ever.length; ) {
      count = ever.length;
      await Promise.all(ever);
    }
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

async function startOne(
  service: Service,
  { logData }: ServicesFlags,
  operation: Operation,
): Promise<Server> {
  const { logger, signals, isWatched } = operation;
  const server = await serve({
    ...(await optionsOf(service)),
    ...(logData && { logData }),
    histograms: isWatched,
    logger: withFields(logger, { service: service.name }),
    signal: signals.stop,
  });
  operation.watch(service.name, server);
  return server;
}

/** @returns null when a signal has ended the start */
async function startAll(
  services: Services,
  start: (service: Service) => Promise<Server>,
  signals: Signals,
): Promise<Map<string, Running> | null> {
  const running = new Map<string, Running>();
  // Each service listens to it. Node 20 takes more than ten for a leak, and says so on standard error.
  setMaxListeners(0, signals.stop);
  for (const service of services.services) {
    try {
      running.set(service.name, { service, server: await start(service) });
    } catch (error) {
      await Promise.all([...running.values()].map(({ server }) => server.drain()));
      if (error === signals.stop.reason) return null;
      throw new WasmpollError('ERR_CONFIG', told(services, service, error), { cause: error });
    }
  }
  return running;
}
