// Loader: a .wasm file is read, judged, bounded and compiled, or refused in one line. It knows the order of
// the steps, and leaves each to its file. Nothing of the guest runs here.

import { WasmpollError } from '../errors.ts';
import { parseSteps } from './binary.ts';
import { compile } from './compile.ts';
import { type GuestInterface, judge, judgeCompiled } from './judge.ts';
import { checkCosts, checkLimits, checkNames, type ModuleLimits } from './limits.ts';
import { bounded } from './maxima.ts';
import { Refusal, refusalOf, shown } from './refusal.ts';
import { inSlices } from './slices.ts';
import type { MapOf } from './source-map.ts';

/** A module that has passed every check that its source allows. */
export interface GuestModule {
  readonly module: WebAssembly.Module;
  readonly name: string;
  /** The exports of the guest interface that it has. */
  readonly exports: ReadonlySet<string>;
  /** What the operator gives each of its instances; the loader leaves it out. */
  readonly config?: Uint8Array;
  /** Of its bytes, in hexadecimal; null for one that was compiled before. */
  readonly sha256?: string | null;
  /** Where its source map may be, if it was a file's and names one. */
  readonly map?: MapOf;
}

/** Paths, bundled names and URLs are resolved before. */
export type ModuleSource = Uint8Array | ArrayBuffer | WebAssembly.Module;

/** Bytes that nobody else has, as those of a file that was read for this: they need no copy. */
export interface OwnBytes {
  readonly own: Uint8Array;
}

/**
 * Checks a module against an interface and the limits, imposes those on memory and tables, and compiles
 * it. Bytes are copied before the first await; they are neither changed nor kept. What is long is done
 * in slices of a few milliseconds, so that the thread goes on serving meanwhile.
 * A ready-made WebAssembly.Module has no bytes: only names and kinds are checked here. Signatures and
 * the limits of its memory and tables are then what the host finds at start; a maximum cannot be imposed,
 * and nothing is known of what its functions cost to compile.
 * A compilation that takes too long goes on in the background: an engine cannot be told to stop.
 * @param name what messages call the module.
 * @throws WasmpollError ERR_MODULE: `<name>: <rule>: <what was found>; <what to do>`, see its `rules`.
 */
export async function loadGuest(
  source: ModuleSource | OwnBytes,
  limits: ModuleLimits,
  name: string,
  guestInterface: GuestInterface,
): Promise<GuestModule> {
  try {
    if (source instanceof WebAssembly.Module) {
      const exports = judgeCompiled(guestInterface, source);
      checkNames(source);
      return { module: source, name, exports };
    }
    const binary = bytesOf(source, limits);
    const parsed = await inSlices(parseSteps(binary));
    const exports = await inSlices(judge(guestInterface, binary, parsed));
    checkLimits(binary, parsed, limits);
    await inSlices(checkCosts(binary, parsed, limits));
    const { copy, map } = await inSlices(bounded(binary, parsed, limits));
    const module = await compile(copy, limits.compileTimeoutMs);
    return { module, name, exports, ...(map !== null && { map }) };
  } catch (thrown) {
    const refusal = refusalOf(thrown);
    if (refusal === null) throw thrown;
    const advice = guestInterface.rules[refusal.rule];
    throw new WasmpollError('ERR_MODULE', `${shown(name)}: ${refusal.message}; ${advice}`, {
      cause: refusal.cause,
    });
  }
}

// A copy: the caller may change the bytes, or another thread if they are in shared memory.
function bytesOf(source: unknown, limits: ModuleLimits): Uint8Array {
  const { own } = (source ?? {}) as Partial<OwnBytes>;
  let bytes: Uint8Array;
  if (own instanceof Uint8Array) bytes = own;
  else if (ArrayBuffer.isView(source)) {
    bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  } else if (source instanceof ArrayBuffer) bytes = new Uint8Array(source);
  else
    throw new Refusal('source', `it is ${source === null ? 'null' : `of type ${typeof source}`}`);
  if (bytes.length > limits.maxModuleBytes) {
    throw new Refusal('size limit', `${bytes.length} bytes, over ${limits.maxModuleBytes}`);
  }
  return bytes === own ? own : new Uint8Array(bytes);
}
