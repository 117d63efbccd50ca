// Invocation: reads the options, finds out whether a protocol is to be served or a program to be run,
// and turns what went wrong into one line and an exit status: 0 drained, 1 could not run, 2 wrong usage.

import { Option } from 'commander';
import { messageOf, WasmpollError } from '../errors.ts';
import { resolveProtocol } from '../module/source.ts';
import { MAX_WORKERS, type Policy, resolvePolicy } from '../policy.ts';
import {
  addEngines,
  addListen,
  addSettings,
  complain,
  FAILED,
  leaveMissingFolder,
  makeCommand,
  refuse,
  refuseRepetition,
} from './command-line.ts';
import { flagOf, policyFrom, settingNames } from './flags.ts';
import type { Signals } from './signals.ts';

const DEFAULT_ADDRESS = '127.0.0.1:33445';
/** What no command has. */
const SERVER_ONLY = ['--workers', '--store', '--topics', '--log-level'];
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];
interface Flags {
  listen?: string[];
  workers: number | 'auto';
  logLevel: string;
  store?: string;
  topics?: string;
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
      'worker threads, or auto for one per core; 0 serves in the main thread, without a watchdog',
      parseWorkers,
      1,
    )
    .addOption(
      new Option('--log-level <LEVEL>', 'debug logs each client and its data')
        .choices(LEVELS)
        .default('info'),
    )
    .addHelpText('after', '\nTo run a program for WASI preview 1: wasmpoll run <module>')
    .allowExcessArguments(false);
  addEngines(command);
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
    .filter(({ long }) => SERVER_ONLY.includes(long!))
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long!);
  const [protocol] = command.processedArgs as [string];
  return { protocol, flags: command.opts<Flags>(), policy, serverOnly };
}

/** Resolves when the server has drained, or the command has ended. */
async function run(
  { protocol, flags, policy, serverOnly }: Invocation,
  signals: Signals,
): Promise<void> {
  leaveMissingFolder();
  const { isCommand } = await import('../wasi/command.ts');
  const { runDefault } = await import('../wasi/policy.ts');
  // A command may be larger. Whether a protocol is too large the server says.
  const mostBytes = policy.maxModuleBytes ?? runDefault('maxModuleBytes');
  const { source } = await resolveProtocol(protocol, mostBytes);
  if (isCommand(source)) {
    const { runUnasked } = await import('./run.ts');
    const [flag] = serverOnly;
    if (flag !== undefined) {
      throw new WasmpollError('ERR_OPTION', `${flag}: a command has no such setting`);
    }
    return runUnasked({ module: protocol, listen: flags.listen ?? [], policy }, signals);
  }
  // Loaded after the usage is known to be right, so that --help needs no addon.
  const { runServer } = await import('./serve.ts');
  const { listen = [DEFAULT_ADDRESS], workers, logLevel, store, topics } = flags;
  const engines = { ...(store && { store }), ...(topics && { topics }) };
  await runServer({ protocol, listen, workers, policy, ...engines }, logLevel, signals);
}

/** Does what the arguments say, and leaves the exit status. */
export async function main(signals: Signals): Promise<void> {
  // A closed or full standard output must not end the server; --help has failed then.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') complain(`standard output: ${error.message}`);
    process.exitCode ??= FAILED;
  });
  if (process.argv[2] === 'run') {
    const { runMain } = await import('./run.ts');
    return runMain(process.argv.slice(3), signals);
  }
  let invocation: Invocation;
  try {
    invocation = readArguments();
  } catch (error) {
    refuse(error);
    return;
  }
  try {
    await run(invocation, signals);
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}
