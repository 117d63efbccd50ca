// Debian's programs in tests: whether one is here, and one that runs until the test ends.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type LogOwner, Running, type RunOptions } from './process.ts';

/** Whether the program is installed; if not, the test says so. */
export function has(t: LogOwner, program: string, name = program): boolean {
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' });
  if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') return true;
  t.log(`skipped: there is no ${program} (apt-get install ${name})`);
  t.pass();
  return false;
}

/** A port of 127.0.0.1 that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a program, whose output is collected; it is killed by its pid when the test ends. */
export function startProgram(
  t: LogOwner,
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Running {
  const running = new Running(args, { ...options, program });
  t.teardown(async () => {
    running.kill('SIGKILL');
    await running.exited;
  });
  return running;
}
