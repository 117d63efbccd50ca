#!/usr/bin/env node
// Command line: reads the options, serves until a signal comes, and turns what went wrong into one
// line and an exit status: 0 drained, 1 could not run, 2 wrong usage.

import { Option } from 'commander';
import { messageOf, WasmpollError } from '../errors.ts';
import { resolveProtocol } from '../module/source.ts';
import { MAX_WORKERS, type Policy, resolvePolicy } from '../policy.ts';
import type { Logger } from '../server/logger.ts';
import type { Server } from '../server/server.ts';
import {
  addListen,
  addSettings,
  complain,
  FAILED,
  leaveMissingFolder,
  makeCommand,
  refuse,
  refuseRepetition,
  stopOnSignals,
} from './command-line.ts';
import { flagOf, policyFrom, settingNames } from './flags.ts';
import { LogOutput } from './log-output.ts';

const DEFAULT_ADDRESS = '127.0.0.1:33445';
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];
interface Flags {
  listen?: string[];
  workers: number | 'auto';
  logLevel: string;
}

interface Invocation {
  protocol: string;
  flags: Flags;
  policy: Partial<Policy>;
  /** Flags that were given, and mean nothing to a command. */
  serverOnly: readonly string[];
}

function serveCommand(): ReturnType<typeof makeCommand> {
  const command = makeCommand('wasmpoll')
    .description('Serves a network protocol written as sandboxed WebAssembly.')
    .argument('[protocol]', 'a bundled protocol, or the path of a module: ./my.wasm', 'echo');
  addListen(command, DEFAULT_ADDRESS)
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
    .addHelpText('after', '\nPrograms for WASI preview 1 are run by: wasmpoll run <module>')
    .allowExcessArguments(false);
  addSettings(command, settingNames);
  refuseRepetition(command, ['listen']);
  return command;
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
  const command = serveCommand();
  command.parse();
  const policy = policyFrom(command.opts());
  resolvePolicy(policy, flagOf);
  const serverOnly = command.options
    .filter(({ long }) => long === '--workers' || long === '--log-level')
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long!);
  const [protocol] = command.processedArgs as [string];
  return { protocol, flags: command.opts<Flags>(), policy, serverOnly };
}

/** Resolves when the server has drained, or the command has ended. */
async function run({ protocol, flags, policy, serverOnly }: Invocation): Promise<void> {
  leaveMissingFolder();
  const { isCommand } = await import('../wasi/command.ts');
  const { source } = await resolveProtocol(protocol, resolvePolicy(policy).maxModuleBytes);
  if (isCommand(source)) {
    const { run: runCommand } = await import('./run.ts');
    const { resolveRunPolicy } = await import('../wasi/policy.ts');
    const [flag] = serverOnly;
    if (flag !== undefined) {
      throw new WasmpollError('ERR_OPTION', `${flag}: a command has no such setting`);
    }
    resolveRunPolicy(policy, flagOf);
    return runCommand({ module: protocol, listen: flags.listen ?? [], policy });
  }
  // Loaded after the usage is known to be right, so that --help needs no addon.
  const { serveAlone } = await import('../server/server.ts');
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
  stopOnSignals(() => void server.close());
  swapOnSignal(server, protocol, logger);
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

async function main(): Promise<void> {
  if (process.argv[2] === 'run') {
    const { runMain } = await import('./run.ts');
    return runMain(process.argv.slice(3));
  }
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
