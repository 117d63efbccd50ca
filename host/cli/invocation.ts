// Invocation: has the options read, finds out whether a protocol is to be served or a program to be run,
// and turns what went wrong into one line and an exit status: 0 drained, 1 could not run, 2 wrong usage.

import { messageOf, WasmpollError } from '../errors.ts';
import { lacksDescriptors } from '../kernel/descriptors.ts';
import { resolveProtocol } from '../module/source.ts';
import { authorCommand } from './author/commands.ts';
import { complain, FAILED, leaveMissingFolder, refuse } from './command-line.ts';
import { DEFAULT_ADDRESS, type Invocation, operationOf, readArguments } from './serve-command.ts';
import { namesServices, servicesMain } from './services-command.ts';
import type { Signals } from './signals.ts';

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
  const { listen = [DEFAULT_ADDRESS], workers, logData = false } = flags;
  const { store, topics, upstream: upstreams, crashFolder } = flags;
  const paths = {
    ...(store && { store }),
    ...(topics && { topics }),
    ...(upstreams && { upstreams }),
    ...(crashFolder && { crashFolder }),
  };
  const options = { protocol, listen, workers, policy, logData, ...paths };
  await runServer(options, flags, operationOf(flags), signals);
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
  if (process.argv[2] === 'top') {
    const { topMain } = await import('./top/command.ts');
    return topMain(process.argv.slice(3), signals);
  }
  const args = process.argv.slice(2);
  const author = authorCommand(args[0]);
  if (author !== null) return (await author())(args.slice(1), signals);
  if (namesServices(args)) return servicesMain(args, signals);
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
    // Also a module of this program may not have been opened, which is told where the first one is loaded.
    if (lacksDescriptors(error)) throw error;
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}
