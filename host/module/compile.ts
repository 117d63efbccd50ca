// Compile: bytes that passed every check become a module, or a refusal in time. It knows the engine
// and its clock, and nothing of what the bytes hold.

import { messageOf } from '../errors.ts';
import { Refusal, shown } from './refusal.ts';

/** Parts of the compile limit. */
const TICKS = 8;

/** @throws Refusal when the engine refuses the bytes, or takes longer than `timeoutMs` */
export async function compile(
  binary: Uint8Array<ArrayBuffer>,
  timeoutMs: number,
): Promise<WebAssembly.Module> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const refusal = new Refusal('compile limit', `not compiled within ${timeoutMs} ms`);
    // Counted in ticks: when the thread itself stood still, only one of them is over at its end, and
    // the result that came meanwhile gets its turn before the last.
    let left = TICKS;
    const tick = (): void => {
      left -= 1;
      if (left === 0) reject(refusal);
      else timer = setTimeout(tick, timeoutMs / TICKS);
    };
    timer = setTimeout(tick, timeoutMs / TICKS);
  });
  try {
    return await Promise.race([WebAssembly.compile(binary), late]);
  } catch (thrown) {
    if (!(thrown instanceof WebAssembly.CompileError)) throw thrown;
    throw new Refusal('engine', shown(messageOf(thrown), 300), { cause: thrown });
  } finally {
    clearTimeout(timer);
  }
}
