// Services command: the command lines for a file of services, `wasmpoll --config FILE` and `wasmpoll check
// --config FILE`. It reads arguments, and turns each mistake into a line of its own.

import { Option } from 'commander';
import { messageOf, WasmpollError } from '../errors.ts';
import { readServices } from '../services/services-file.ts';
import { LEVELS } from '../services/shape.ts';
import { complain, FAILED, leaveMissingFolder, makeCommand, refuse } from './command-line.ts';
import type { Signals } from './signals.ts';

interface Flags {
  config: string;
  logLevel?: string;
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
    const level = new Option('--log-level <LEVEL>', "instead of the file's").choices(LEVELS);
    command.addOption(level);
  }
  try {
    command.parse(args.slice(checks ? 1 : 0), { from: 'user' });
  } catch (error) {
    refuse(error);
    return;
  }
  const { config, logLevel } = command.opts<Flags>();
  leaveMissingFolder();
  try {
    if (checks) await check(config);
    else {
      const { runServices } = await import('./services.ts');
      await runServices(config, logLevel, signals);
    }
  } catch (error) {
    const whole = error instanceof WasmpollError && error.code === 'ERR_CONFIG';
    for (const line of whole ? error.message.split('\n') : [messageOf(error)]) complain(line);
    process.exitCode = FAILED;
  }
}

async function check(file: string): Promise<void> {
  const { problemsOf } = await import('./check.ts');
  const services = readServices(file);
  const problems = await problemsOf(services);
  if (problems.length > 0) throw new WasmpollError('ERR_CONFIG', problems.join('\n'));
  const names = services.services.map(({ name }) => name).join(', ');
  process.stdout.write(`${file}: nothing is wrong with ${names}\n`);
}
