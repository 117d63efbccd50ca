// Command line of `wasmpoll playground`: serves the page until it is told to stop. Exit 0 when told to, 1 if it could
// not serve, 2 if the usage is wrong.

import { once } from 'node:events';
import { InvalidArgumentError } from 'commander';
import { messageOf } from '../../errors.ts';
import { complain, FAILED, makeCommand, refuse } from '../command-line.ts';
import type { Signals } from '../signals.ts';

interface Flags {
  port: number;
}

/** Does what the arguments say, and leaves the exit status. */
export async function playgroundMain(args: readonly string[], signals: Signals): Promise<void> {
  const command = makeCommand('wasmpoll playground')
    .description(
      'Serves a page, on this machine alone, in which a protocol can be tried out: drop a module, ' +
        'connect clients, and see replies, state and traps. The module runs in the browser.',
    )
    .argument('[modules...]', 'paths of modules that the page offers beside the bundled ones')
    .option('--port <PORT>', 'of 127.0.0.1 (default: one that is free)', parsePort, 0);
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    refuse(error);
    return;
  }
  const { port } = command.opts<Flags>();
  const [modules] = command.processedArgs as [string[]];
  signals.endOnHangup();
  const { Playground } = await import('../../playground/playground.ts');
  try {
    const playground = await Playground.open({ port, modules });
    process.stdout.write(`the playground is at ${playground.url}\n`);
    if (!signals.stop.aborted) await once(signals.stop, 'abort');
    await playground.close();
    process.exitCode = 0;
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be from 0 to 65535.');
}
