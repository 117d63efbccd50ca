// An echo server in AssemblyScript for WASI preview 1, with the bindings of @assemblyscript/wasi-shim:
// it serves its clients side by side, by poll_oneoff. test/wasi/ has those in C and Rust.

import { compiledAssemblyScript, startWasi } from './helpers/wasi.ts';
import { testEcho } from './helpers/wasi-echo.ts';

// Compiled before the first test starts.
const module = compiledAssemblyScript();

testEcho({
  name: 'server.ts',
  start: (t) => startWasi(t, module),
  sideBySide: true,
  stopped: { code: 0, signal: null },
});
