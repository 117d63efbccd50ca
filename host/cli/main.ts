#!/usr/bin/env node
// The binary's entrance. It hears signals before anything else is loaded: until then SIGHUP ends the
// process, and a process whose number is 1, as in a container, never gets SIGTERM. Then it takes what the
// environment says of passed sockets, so that nothing that it starts takes them for its own.

import { Signals } from './signals.ts';

const signals = new Signals();
const { readEnvironment } = await import('../listen/activation.ts');
readEnvironment();
const { main } = await import('./invocation.ts');
await main(signals);
