// Commands for WASI preview 1, hand-assembled. It knows how they import; not what hosts them.

import { WASI_MODULE, type WasiName, wasiImports } from '../../host/wasi/interface.ts';
import { assemble, type Code, type ModuleSpec } from './wasm.ts';

/** A command that imports `names` and whose _start is `body`; memory of one page. */
export function command(
  names: readonly WasiName[],
  body: Code,
  spec: ModuleSpec = {},
): Uint8Array<ArrayBuffer> {
  const imports = Object.fromEntries(
    names.map((name) => [`${WASI_MODULE}.${name}`, wasiImports[name]]),
  );
  const functions = { _start: body, ...spec.functions };
  return assemble({
    memory: { min: 1 },
    ...spec,
    imports: { ...imports, ...spec.imports },
    functions,
  });
}
