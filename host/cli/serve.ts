// Serving from the command line: until a signal comes, with log lines on standard error. It reads no
// arguments; standard output gets the addresses.

import { messageOf } from '../errors.ts';
import type { Logger } from '../server/logger.ts';
import type { ServeOptions } from '../server/options.ts';
import { serveAlone } from '../server/serve.ts';
import type { Server } from '../server/server.ts';
import { stopOnSignals } from './command-line.ts';
import { LogOutput } from './log-output.ts';

/** Resolves when the server has drained. */
export async function runServer(
  options: ServeOptions & { readonly protocol: string },
  logLevel: string,
): Promise<void> {
  const { pino } = await import('pino');
  const output = new LogOutput(2);
  process.on('exit', () => output.flush());
  const logger = pino({ level: logLevel, base: null }, output);
  const server = await serveAlone({ ...options, logger });
  stopOnSignals(() => void server.close());
  swapOnSignal(server, options.protocol, logger);
  for (const address of server.addresses) process.stdout.write(`listening on ${address}\n`);
  await server.closed;
  await output.end();
  // Whatever became of standard output meanwhile.
  process.exitCode = 0;
}

// Reads the same path or name again. The end of a terminal sends it, too, and must end nothing.
function swapOnSignal(server: Server, protocol: string, logger: Logger): void {
  process.on('SIGHUP', () => {
    server.swap(protocol).catch((error) => {
      logger.error({ code: (error as { code?: string }).code }, `not swapped: ${messageOf(error)}`);
    });
  });
}
