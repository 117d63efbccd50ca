// Services command: the command lines for a file of services, `wasmpoll --config FILE` and `wasmpoll check
// --config FILE`. It reads arguments, and turns each mistake into a line of its own.

import { messageOf, WasmpollError } from '../errors.ts';
import { readServices } from '../services/services-file.ts';
import {
  addAdmin,
  addLogs,
  complain,
  FAILED,
  leaveMissingFolder,
  makeCommand,
  refuse,
  refuseRepetition,
} from './command-line.ts';
import type { ServicesFlags } from './services.ts';
import type { Signals } from './signals.ts';

interface Flags extends ServicesFlags {
  config: string;
}

/** Whether the arguments, without node and the script, are for a file of services. */
export const namesServices = (args: readonly string[]): boolean =>
  args[0] === 'check' || args.some((arg) => arg === '--config' || arg.startsWith('--config='));

/** Does what the arguments say, and leaves the exit status. */
export async function servicesMain(args: readonly string[], signals: Signals): Promise<void> {
  const checks = args[0] === 'check';
  const command = makeCommand(checks ? 'wasmpoll check' : 'wasmpoll')
    .description(
      checks ? 'Says what is wrong with a file of services.' : 'Serves the services of a file.',
    )
    .requiredOption('--config <FILE>', 'TOML, or JSON if it ends in .json')
    .allowExcessArguments(false);
  if (!checks) {
    addLogs(command, undefined);
    addAdmin(command);
    command.addHelpText('after', '\nThese flags win over what the file says.');
    refuseRepetition(command, ['admin']);
  }
  try {
    command.parse(args.slice(checks ? 1 : 0), { from: 'user' });
  } catch (error) {
    refuse(await explained(error));
    return;
  }
  const { config, ...flags } = command.opts<Flags>();
  leaveMissingFolder();
  try {
    if (checks) await check(config);
    else {
      const { runServices } = await import('./services.ts');
      await runServices(config, flags, signals);
    }
  } catch (error) {
    const whole = error instanceof WasmpollError && error.code === 'ERR_CONFIG';
    for (const line of whole ? error.message.split('\n') : [messageOf(error)]) complain(line);
    process.exitCode = FAILED;
  }
}

/** A flag of one server is known, and has no meaning for several. */
async function explained(error: unknown): Promise<unknown> {
  const [, flag] = /unknown option '(--[\w-]+)/.exec(messageOf(error)) ?? [];
  if (flag === undefined) return error;
  const { isServeFlag } = await import('./serve-command.ts');
  if (!isServeFlag(flag)) return error;
  return new WasmpollError(
    'ERR_OPTION',
    `${flag} is for one server; with --config it is said in the file, in its [service.NAME]`,
  );
}

async function check(file: string): Promise<void> {
  const { adminProblemsOf, problemsOf } = await import('./check.ts');
  const services = readServices(file);
  const problems = [...(await adminProblemsOf(services)), ...(await problemsOf(services))];
  if (problems.length > 0) throw new WasmpollError('ERR_CONFIG', problems.join('\n'));
  const names = services.services.map(({ name }) => name).join(', ');
  process.stdout.write(`${file}: nothing is wrong with ${names}\n`);
}
