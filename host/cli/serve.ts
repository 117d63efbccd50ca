// Serving from the command line: one server, until a signal comes. It reads no arguments; standard output gets
// the addresses.

import path from 'node:path';
import { messageOf } from '../errors.ts';
import type { Logger } from '../server/logger.ts';
import type { ServeOptions } from '../server/options.ts';
import { serveAlone } from '../server/serve.ts';
import type { Server } from '../server/server.ts';
import { type ConfigFlags, readConfig } from './config-file.ts';
import { type Operation, type OperationOptions, operate } from './operation.ts';
import type { Signals } from './signals.ts';

type Served = ServeOptions & { readonly protocol: string };

/** Resolves when the server has drained, or a signal has ended its start. */
export async function runServer(
  options: Served,
  given: ConfigFlags,
  around: OperationOptions,
  signals: Signals,
): Promise<void> {
  await operate(around, signals, (operation) => serveIn(operation, options, given));
}

async function serveIn(operation: Operation, options: Served, given: ConfigFlags): Promise<void> {
  const { logger, signals } = operation;
  const { protocol } = options;
  let server: Server;
  try {
    const config = await readConfig(given);
    const more = { config, logger, histograms: operation.isWatched, signal: signals.stop };
    server = await serveAlone({ ...options, ...more });
  } catch (error) {
    if (error !== signals.stop.reason) throw error;
    return;
  }
  const again = async (): Promise<{ protocol: string; config: Uint8Array }> => {
    return { protocol, config: await readConfig(given) };
  };
  const name = path.basename(protocol, '.wasm');
  operation.watch(name, server);
  // SIGHUP, which the end of a terminal sends, too, must end nothing.
  const reload = async (): Promise<void> => {
    const { config } = await again();
    reloadTls(server, logger);
    await server.swap(protocol, { config });
  };
  operation.add(name, server, again);
  operation.started(reload, (error) => {
    const { code } = error as { code?: string };
    logger.error({ code }, `not swapped: ${messageOf(error)}`);
  });
  for (const address of server.addresses) process.stdout.write(`listening on ${address}\n`);
  await server.closed;
}

/** It reads its certificates again: those that are wrong change nothing, and are told. */
function reloadTls(server: Server, logger: Logger): void {
  try {
    server.reloadTls();
  } catch (error) {
    const { code } = error as { code?: string };
    logger.error({ code }, `certificates are as before: ${messageOf(error)}`);
  }
}
