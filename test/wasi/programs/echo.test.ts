// Echo servers that were not written for wasmpoll, in C and in Rust, behave under `wasmpoll run` as
// they do anywhere. The same C, compiled for this machine, is tested with them: it says what is the
// program's own.

import type { ExecutionContext } from 'ava';
import { testEcho } from '../../helpers/wasi-echo.ts';
import {
  compiledC,
  compiledNative,
  compiledRust,
  type Program,
  startNative,
  startWasi,
} from '../../helpers/wasi-programs.ts';

const stopped = { code: 143, signal: null };
const killed = { code: null, signal: 'SIGTERM' } as const;

/** Compiled before the first test starts. */
function wasi(module: string): (t: ExecutionContext) => Promise<Program> {
  return (t) => startWasi(t, module);
}

function native(program: string): (t: ExecutionContext) => Promise<Program> {
  return (t) => startNative(t, program);
}

const oneByOne = { sideBySide: false, stopped };
testEcho({ name: 'accept.c', start: wasi(compiledC('accept')), ...oneByOne });
testEcho({ name: 'server.rs', start: wasi(compiledRust('server')), ...oneByOne });
testEcho({ name: 'poll.c', start: wasi(compiledC('poll')), sideBySide: true, stopped });
testEcho({
  name: 'poll.c, native',
  start: native(compiledNative('poll')),
  sideBySide: true,
  stopped: killed,
});
