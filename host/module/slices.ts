// Slices: long work on a module in portions, so that the thread that serves is not held up. It knows
// how to wait for the event loop, and nothing of the work, which yields after each portion.

/** Between two portions everything else gets its turn. */
export async function inSlices<T>(work: Generator<void, T>): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    await new Promise<void>(pause);
  }
}

/** For callers whom nobody waits for. */
export function atOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

// Browsers, where the harness runs, have no setImmediate.
function pause(resolve: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(resolve);
  else setTimeout(resolve);
}

/** About so many bytes of a module make a portion: a few milliseconds. */
export const PORTION_BYTES = 65_536;
