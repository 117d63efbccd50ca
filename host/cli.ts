#!/usr/bin/env node
// Command line: reads the options, serves until a signal comes, and turns what went wrong into one
// line and an exit status: 0 drained, 1 could not run, 2 wrong usage.

import { readFileSync, writeSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { pino } from 'pino';
import { parseAddress } from './address.ts';
import { messageOf, WasmpollError } from './errors.ts';
import {
  flagOf,
  PLACEHOLDERS,
  parseSetting,
  policyFrom,
  settingNames,
  showValue,
} from './options.ts';
import { resolvePolicy, settings } from './policy.ts';
import type { Server } from './server.ts';

const DEFAULT_ADDRESS = '127.0.0.1:33445';
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];
const USAGE = 2;
const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

interface Flags {
  listen?: string[];
  workers: number;
  logLevel: string;
}

function makeCommand(): Command {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  const command = new Command('wasmpoll')
    .description('Serves a network protocol written as sandboxed WebAssembly.')
    .argument('[protocol]', 'a bundled protocol, or the path of a module: ./my.wasm', 'echo')
    .option(
      '--listen <ADDRESS>',
      `HOST:PORT, [V6]:PORT or unix:PATH; repeatable (default: ${DEFAULT_ADDRESS})`,
      (text: string, before: string[] = []) => {
        parseAddress(text);
        return [...before, text];
      },
    )
    .option('--workers <N>', 'worker threads; only 0 in this version', parseWorkers, 0)
    .addOption(
      new Option('--log-level <LEVEL>', 'debug shows each client and its data')
        .choices(LEVELS)
        .default('info'),
    )
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  for (const name of settingNames) {
    const { unit, default: value, min, max, why } = settings[name];
    const range = `${showValue(min, unit)} to ${showValue(max, unit)}`;
    command.option(
      `${flagOf(name)} <${PLACEHOLDERS[unit]}>`,
      `${why} (${range}; default: ${showValue(value, unit)})`,
      (text: string) => parseSetting(name, text),
    );
  }
  return command;
}

function parseWorkers(text: string): number {
  if (text !== '0') {
    throw new WasmpollError('ERR_OPTION', `--workers must be 0 in this version, got '${text}'`);
  }
  return 0;
}

async function main(): Promise<void> {
  const command = makeCommand();
  command.parse();
  const flags = command.opts<Flags>();
  const policy = policyFrom(command.opts());
  resolvePolicy(policy);
  // Loaded after the usage is known to be right, so that --help needs no addon.
  const { serve } = await import('./server.ts');
  const destination = pino.destination({ dest: 2, sync: false });
  // A closed or full standard error must not stop the server.
  destination.on('error', () => undefined);
  process.stdout.on('error', () => undefined);
  const logger = pino({ level: flags.logLevel, base: null }, destination);
  const server = await serve({
    protocol: command.processedArgs[0] as string,
    listen: flags.listen ?? [DEFAULT_ADDRESS],
    workers: flags.workers,
    policy,
    logger,
  });
  stopOnSignals(server);
  for (const address of server.addresses) process.stdout.write(`listening on ${address}\n`);
  await server.closed;
  destination.flushSync();
}

// The first signal drains; a second one ends the process at once, as a shell's ^C would.
function stopOnSignals(server: Server): void {
  let stopping = false;
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    process.on(signal, () => {
      if (stopping) process.exit(128 + SIGNALS[signal]);
      stopping = true;
      void server.close();
    });
  }
  // Without a handler the end of a terminal would end the server, connections and all.
  process.on('SIGHUP', () => undefined);
}

/** One line on standard error, written at once: the process is about to end. */
function complain(message: string): void {
  try {
    writeSync(2, `wasmpoll: ${message}\n`);
  } catch (error) {
    // Nobody is there to read it; the exit status still tells.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

const USAGE_CODES: readonly string[] = ['ERR_OPTION', 'ERR_POLICY', 'ERR_ADDRESS'];

try {
  await main();
} catch (error) {
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0) complain(`${error.message.replace(/^error: /, '')}; see --help`);
    process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  } else if (error instanceof WasmpollError && USAGE_CODES.includes(error.code)) {
    complain(`${error.message}; see --help`);
    process.exitCode = USAGE;
  } else {
    complain(messageOf(error));
    process.exitCode = 1;
  }
}
