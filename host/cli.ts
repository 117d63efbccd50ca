#!/usr/bin/env node
// Command line: reads the options, serves until a signal comes, and turns what went wrong into one
// line and an exit status: 0 drained, 1 could not run, 2 wrong usage.

import { readFileSync, writeSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { parseAddress } from './address.ts';
import { messageOf, WasmpollError } from './errors.ts';
import type { Logger } from './log.ts';
import { LogOutput } from './log-output.ts';
import {
  flagOf,
  PLACEHOLDERS,
  parseSetting,
  policyFrom,
  settingNames,
  showValue,
} from './options.ts';
import { MAX_WORKERS, type Policy, resolvePolicy, settings } from './policy.ts';
import type { Server } from './server.ts';
import { printable } from './text.ts';

const DEFAULT_ADDRESS = '127.0.0.1:33445';
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];
const FAILED = 1;
const USAGE = 2;
const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

interface Flags {
  listen?: string[];
  workers: number | 'auto';
  logLevel: string;
}

interface Invocation {
  protocol: string;
  flags: Flags;
  policy: Partial<Policy>;
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
    .option(
      '--workers <N>',
      'threads that serve, or auto for one a core; 0: the main thread, without a watchdog',
      parseWorkers,
      1,
    )
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
  refuseRepetition(command);
  return command;
}

// The last one winning would hide a slip of whoever wrote the first.
function refuseRepetition(command: Command): void {
  const given = new Set<string>();
  for (const option of command.options) {
    const name = option.name();
    if (name === 'listen') continue;
    command.on(`option:${name}`, () => {
      if (given.has(name)) {
        throw new WasmpollError('ERR_OPTION', `--${name} can be given only once`);
      }
      given.add(name);
    });
  }
}

function parseWorkers(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  if (/^\d{1,3}$/.test(text) && Number(text) <= MAX_WORKERS) return Number(text);
  throw new WasmpollError(
    'ERR_OPTION',
    `--workers must be auto or a whole number from 0 to ${MAX_WORKERS}, got '${text}'`,
  );
}

/** @throws CommanderError or WasmpollError when the usage is wrong, whatever the machine is like. */
function readArguments(): Invocation {
  const command = makeCommand();
  command.parse();
  const policy = policyFrom(command.opts());
  resolvePolicy(policy, flagOf);
  return { protocol: command.processedArgs[0] as string, flags: command.opts<Flags>(), policy };
}

/** Resolves when the server has drained. */
async function run({ protocol, flags, policy }: Invocation): Promise<void> {
  leaveMissingFolder();
  // Loaded after the usage is known to be right, so that --help needs no addon.
  const { serveAlone } = await import('./server.ts');
  const { pino } = await import('pino');
  const output = new LogOutput(2);
  process.on('exit', () => output.flush());
  const logger = pino({ level: flags.logLevel, base: null }, output);
  const server = await serveAlone({
    protocol,
    listen: flags.listen ?? [DEFAULT_ADDRESS],
    workers: flags.workers,
    policy,
    logger,
  });
  stopOnSignals(server);
  swapOnSignal(server, protocol, logger);
  for (const address of server.addresses) process.stdout.write(`listening on ${address}\n`);
  await server.closed;
  await output.end();
  // Whatever became of standard output meanwhile.
  process.exitCode = 0;
}

// A thread does not start in a folder that was deleted.
function leaveMissingFolder(): void {
  try {
    process.cwd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    process.chdir('/');
  }
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
}

// Reads the same path or name again. The end of a terminal sends it, too, and must end nothing.
function swapOnSignal(server: Server, protocol: string, logger: Logger): void {
  process.on('SIGHUP', () => {
    server.swap(protocol).catch((error) => {
      logger.error({ code: (error as { code?: string }).code }, `not swapped: ${messageOf(error)}`);
    });
  });
}

/** One line on standard error, written at once: the process is about to end. */
function complain(message: string): void {
  try {
    writeSync(2, `wasmpoll: ${printable(message)}\n`);
  } catch (error) {
    // Nobody is there to read it; the exit status still tells.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

/** What --help and --version end with, too. */
function refuse(error: unknown): void {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  const why = messageOf(error)
    .replace(/^error: /, '')
    .replace(/\.$/, '');
  complain(`${why}; see --help`);
  process.exitCode = USAGE;
}

async function main(): Promise<void> {
  let invocation: Invocation;
  try {
    invocation = readArguments();
  } catch (error) {
    refuse(error);
    return;
  }
  try {
    await run(invocation);
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}

// A closed or full standard output must not end the server; --help has failed then.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') complain(`standard output: ${error.message}`);
  process.exitCode ??= FAILED;
});
await main();
