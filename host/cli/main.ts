#!/usr/bin/env node
// The binary's entrance. It hears signals before anything else is loaded: until then SIGHUP ends the
// process, and a process whose number is 1, as in a container, never gets SIGTERM.

import { Signals } from './signals.ts';

const signals = new Signals();
const { main } = await import('./invocation.ts');
await main(signals);
