// Command: the command line of `wasmpoll top`, and how it ends: 0 when told to, 1 if it could not look, 2 if the
// usage is wrong.

import { messageOf } from '../../errors.ts';
import { complain, FAILED, makeCommand, refuse } from '../command-line.ts';
import type { Signals } from '../signals.ts';

interface Flags {
  admin: string;
  once?: boolean;
  service?: string;
}

/** Does what the arguments say, and leaves the exit status. */
export async function topMain(args: readonly string[], signals: Signals): Promise<void> {
  const command = makeCommand('wasmpoll top')
    .description('Shows what a server is doing, as its dashboard does.')
    .requiredOption(
      '--admin <ADDRESS>',
      "where the server's --admin listens: /PATH, unix:PATH, HOST:PORT or http://HOST:PORT",
    )
    .option('--service <NAME>', 'the service to begin with (default: the first)')
    .option('--once', 'print one snapshot and end, as it does when standard output is no terminal')
    .addHelpText(
      'after',
      '\nKeys: q quits, s sorts connections by another column, n shows the next service.',
    )
    .allowExcessArguments(false);
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    refuse(error);
    return;
  }
  const { admin, once = false, service } = command.opts<Flags>();
  signals.endOnHangup();
  const { runTop } = await import('./top.ts');
  try {
    await runTop({ admin, once, service: service ?? null }, signals.stop);
    if (signals.stop.aborted) process.exitCode = signals.status;
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}
