#!/usr/bin/env node
// The binary's entrance. It hears signals before anything else is loaded: until then SIGHUP ends the
// process, and a process whose number is 1, as in a container, never gets SIGTERM. Then it takes what the
// environment says of passed sockets, so that nothing that it starts takes them for its own.

import { Signals } from './signals.ts';

const signals = new Signals();
try {
  const { readEnvironment } = await import('../listen/activation.ts');
  readEnvironment();
  const { main } = await import('./invocation.ts');
  await main(signals);
} catch (error) {
  // Modules are files: with few descriptors the next one cannot be opened, whichever it is.
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
  const advice = code === 'EMFILE' ? 'ulimit -n 1024' : 'sysctl fs.file-max';
  process.stderr.write(
    `wasmpoll: there are too few file descriptors; raise their number, see ${advice} (${message})\n`,
  );
  process.exitCode = 1;
}
