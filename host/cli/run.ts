// Command line of `wasmpoll run`: reads the options, runs a command, and ends as it ends: with its exit
// status, 143 or 130 by a signal, 134 after a trap, 137 when it had to be terminated, 1 when it could not
// run, 2 for wrong usage.

import { messageOf, WasmpollError } from '../errors.ts';
import { parseAddress } from '../listen/address.ts';
import type { RunOptions } from '../wasi/options.ts';
import { resolveRunPolicy, runDefault, runSettingNames } from '../wasi/policy.ts';
import {
  addListen,
  addSettings,
  complain,
  FAILED,
  leaveMissingFolder,
  makeCommand,
  refuse,
  refuseRepetition,
  report,
} from './command-line.ts';
import { flagOf, policyFrom } from './flags.ts';
import type { Signals } from './signals.ts';

// As a shell shows SIGABRT and SIGKILL.
const STATUSES: Readonly<Record<string, number>> = { ERR_TRAP: 134, ERR_HUNG: 137 };

interface Flags {
  listen?: string[];
  dir?: string[];
  env?: Record<string, string>;
  nonblocking?: boolean;
  sigpipe: boolean;
}

function runCommand(): ReturnType<typeof makeCommand> {
  const command = makeCommand('wasmpoll run')
    .description('Runs a program for WASI preview 1, and gives it its listening sockets.')
    .argument('<module>', 'the path of a module that exports _start')
    .argument('[args...]', "the program's arguments; put -- before those that start with a dash");
  addListen(command, 'HOST:PORT, [V6]:PORT or unix:PATH; repeatable (default: none)', parseAddress)
    .option(
      '--dir <HOST[:GUEST[:ro]]>',
      'a folder that the program may use, and the name it has there; ro: it may only read; ' +
        'repeatable (default: none)',
      (text: string, before: string[] = []) => [...before, text],
    )
    .option(
      '--env <NAME=VALUE>',
      "a variable of the program's environment, which is otherwise empty; repeatable",
      parseVariable,
    )
    .option('--nonblocking', 'hand over listeners in non-blocking mode, as Go wants them')
    .option('--no-sigpipe', 'go on when nobody reads standard output any more, and be told EPIPE');
  addSettings(command, runSettingNames, runDefault);
  refuseRepetition(command, ['listen', 'dir', 'env']);
  return command;
}

function parseVariable(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at > 0) return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  throw new WasmpollError('ERR_OPTION', `--env must be NAME=VALUE, got '${text}'`);
}

/** @throws CommanderError or WasmpollError when the usage is wrong */
function readOptions(args: readonly string[]): RunOptions {
  const command = runCommand();
  command.parse(args, { from: 'user' });
  const { listen = [], dir = [], env = {}, nonblocking = false, sigpipe } = command.opts<Flags>();
  const [module, rest] = command.processedArgs as [string, string[]];
  const policy = policyFrom(command.opts());
  resolveRunPolicy(policy, flagOf);
  return { module, args: rest, listen, dirs: dir, env, nonblocking, sigpipe, policy };
}

/** Runs what the arguments say; standard output is the command's alone. */
export async function runMain(args: readonly string[], signals: Signals): Promise<void> {
  let options: RunOptions;
  try {
    options = readOptions(args);
  } catch (error) {
    refuse(error);
    return;
  }
  await run(options, signals);
}

/**
 * Runs a command that `wasmpoll` was given in place of a protocol.
 * @throws WasmpollError ERR_POLICY when a command has no such setting
 */
export async function runUnasked(options: RunOptions, signals: Signals): Promise<void> {
  resolveRunPolicy(options.policy, flagOf);
  await run(options, signals);
}

/** Runs a command, and leaves its exit status. */
async function run(options: RunOptions, signals: Signals): Promise<void> {
  // Programs for WASI hear no signals.
  signals.endOnHangup();
  try {
    leaveMissingFolder();
    // Loaded after the usage is known to be right, so that --help needs no addon.
    const { runWasi } = await import('../wasi/run.ts');
    const running = await runWasi({ ...options, signal: signals.stop });
    signals.beforeExit(() => running.abort());
    for (const address of running.addresses) report(`listening on ${address}`);
    const status = await running.exited;
    if (running.remark !== null) complain(running.remark);
    process.exitCode = running.stopped ? signals.status : status & 0xff;
  } catch (error) {
    if (error === signals.stop.reason) {
      process.exitCode = signals.status;
      return;
    }
    complain(messageOf(error));
    process.exitCode = STATUSES[(error as { code?: string }).code ?? ''] ?? FAILED;
  }
}
