// Serve command: what the command line of a server takes, and how --help shows it. It reads the
// arguments, and serves nothing.

import { WasmpollError } from '../errors.ts';
import { parseListen } from '../listen/spec.ts';
import { MAX_WORKERS, type Policy, resolvePolicy } from '../policy.ts';
import type { Upstreams } from '../upstreams/spec/spec.ts';
import {
  addAdmin,
  addEngines,
  addListen,
  addLogs,
  addSettings,
  makeCommand,
  refuseRepetition,
} from './command-line.ts';
import { type ConfigFlags, parseSet } from './config-file.ts';
import { flagOf, policyFrom, settingNames } from './flags.ts';
import type { OperationOptions } from './operation.ts';

/** Where it listens when nothing is said. */
export const DEFAULT_ADDRESS = '127.0.0.1:33445';
/** Flags that mean nothing to a command. */
const SERVER_ONLY = [
  ...[
    '--workers',
    '--store',
    '--topics',
    '--upstream',
    '--log-level',
    '--config-file',
    '--set',
    '--crash-folder',
  ],
  ...['--admin', '--admin-allow-remote', '--log-format', '--log-data', '--access-log'],
];

export interface ServeFlags extends ConfigFlags {
  listen?: string[];
  workers: number | 'auto';
  logLevel: string;
  logFormat?: 'pretty' | 'json';
  logData?: boolean;
  accessLog?: string;
  crashFolder?: string;
  store?: string;
  topics?: string;
  upstream?: Upstreams;
  admin?: string[];
  adminAllowRemote?: boolean;
}

/** What the arguments say. */
export interface Invocation {
  protocol: string;
  flags: ServeFlags;
  policy: Partial<Policy>;
  /** Flags that were given, and mean nothing to a command. */
  serverOnly: readonly string[];
}

/** What of it is about the process, and not the server. */
export const operationOf = (flags: Omit<ServeFlags, 'workers'>): OperationOptions => ({
  level: flags.logLevel,
  ...(flags.logFormat && { format: flags.logFormat }),
  ...(flags.accessLog && { access: flags.accessLog }),
  ...(flags.admin && { admin: flags.admin }),
  ...(flags.adminAllowRemote && { adminAllowRemote: true }),
});

/** @throws CommanderError or WasmpollError when the usage is wrong, whatever the machine is like. */
export function readArguments(): Invocation {
  const command = serveCommand();
  command.parse();
  const policy = policyFrom(command.opts());
  resolvePolicy(policy, flagOf);
  const serverOnly = command.options
    .filter(({ long }) => SERVER_ONLY.includes(long!))
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long!);
  const [protocol] = command.processedArgs as [string];
  return { protocol, flags: command.opts<ServeFlags>(), policy, serverOnly };
}

/** Whether the command line of one server has it. */
export const isServeFlag = (flag: string): boolean =>
  serveCommand().options.some(({ long }) => long === flag);

function serveCommand(): ReturnType<typeof makeCommand> {
  const command = makeCommand('wasmpoll')
    .description('Serves a network protocol written as sandboxed WebAssembly.')
    .argument('[protocol]', 'a bundled protocol, or the path of a module: ./my.wasm', 'echo');
  const forms =
    'HOST:PORT, [V6]:PORT, unix:PATH, unix:@NAME, or fd:NAME for a socket that was passed; behind it ' +
    '?proxy=10.0.0.0/8, &allow=, &deny=, &mode=660, &owner=, &group=; ' +
    `repeatable (default: ${DEFAULT_ADDRESS})`;
  addListen(command, forms, parseListen)
    .option(
      '--workers <N>',
      'worker threads, or auto for one per core; 0 serves in the main thread, without a watchdog',
      parseWorkers,
      1,
    )
    .option(
      '--config-file <PATH>',
      "what the guest's config gives it, at most 1 MiB; SIGHUP reads it again (default: none)",
    )
    .option(
      '--set <KEY=VALUE>',
      'a line for config, behind those of --config-file; repeatable (default: none)',
      parseSet,
    )
    .option(
      '--crash-folder <FOLDER>',
      'keeps what callbacks were given in which the guest fails or hangs, with what users have sent, for ' +
        'wasmpoll replay; at most 10 files, the same once a minute (default: none)',
    )
    .addHelpText(
      'after',
      '\nTo write a protocol: wasmpoll new <name>, then wasmpoll dev; and wasmpoll build' +
        '\nTo try protocols out in a browser: wasmpoll playground' +
        '\nTo run a program for WASI preview 1: wasmpoll run <module>' +
        '\nTo serve several services: wasmpoll --config <file>' +
        '\nTo see what is wrong with that file: wasmpoll check --config <file>' +
        '\nTo test a protocol by transcripts: wasmpoll test <files> --guest <module>' +
        '\nTo play a crash file again: wasmpoll replay <file> <module>' +
        '\nTo see what a server does: wasmpoll top --admin <address>',
    )
    .allowExcessArguments(false);
  addEngines(command);
  addLogs(command, 'info');
  addAdmin(command);
  addSettings(command, settingNames);
  refuseRepetition(command, ['listen', 'set', 'upstream', 'admin']);
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
