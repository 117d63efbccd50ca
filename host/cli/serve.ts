// Serving from the command line: until a signal comes, with log lines on standard error. It reads no
// arguments; standard output gets the addresses.

import path from 'node:path';
import { messageOf } from '../errors.ts';
import type { Logger } from '../server/logger.ts';
import type { ServeOptions } from '../server/options.ts';
import { serveAlone } from '../server/serve.ts';
import type { Server } from '../server/server.ts';
import { type AdminFlags, withAdmin } from './admin.ts';
import { type ConfigFlags, readConfig } from './config-file.ts';
import { LogOutput } from './log-output.ts';
import type { Signals } from './signals.ts';

/** Resolves when the server has drained, or a signal has ended its start. */
export async function runServer(
  options: ServeOptions & { readonly protocol: string },
  given: ConfigFlags & AdminFlags,
  logLevel: string,
  signals: Signals,
): Promise<void> {
  await withLogger(logLevel, (plain) =>
    withAdmin(given, plain, async (admin, logger) => {
      let server: Server;
      try {
        const config = await readConfig(given);
        const histograms = admin !== null;
        const more = { config, logger, histograms, signal: signals.stop };
        server = await serveAlone({ ...options, ...more });
      } catch (error) {
        if (error !== signals.stop.reason) throw error;
        return;
      }
      const again = async (): Promise<{ protocol: string; config: Uint8Array }> => ({
        protocol: options.protocol,
        config: await readConfig(given),
      });
      const reload = async (): Promise<void> => {
        const { protocol, config } = await again();
        await server.swap(protocol, { config });
      };
      admin?.add(path.basename(options.protocol, '.wasm'), server, again);
      admin?.started({ reload });
      signals.onHangup(() => void swap(reload, logger));
      for (const address of server.addresses) process.stdout.write(`listening on ${address}\n`);
      await server.closed;
    }),
  );
}

/** Gives `serving` a logger that writes to standard error. Once it is done, all lines are out. */
export async function withLogger(
  level: string,
  serving: (logger: Logger) => Promise<void>,
): Promise<void> {
  const { pino } = await import('pino');
  const output = new LogOutput(2, lineOf);
  process.on('exit', () => output.flush());
  await serving(pino({ level, base: null }, output));
  await output.end();
  // Whatever became of standard output meanwhile.
  process.exitCode = 0;
}

// As pino writes them.
const lineOf = (msg: string): string => `${JSON.stringify({ level: 40, time: Date.now(), msg })}\n`;

// Reads the same paths or name again. The end of a terminal sends it, too, and must end nothing.
async function swap(reload: () => Promise<void>, logger: Logger): Promise<void> {
  try {
    await reload();
  } catch (error) {
    logger.error({ code: (error as { code?: string }).code }, `not swapped: ${messageOf(error)}`);
  }
}
