// Slices: long work on a module in portions, so that the thread that serves is not held up. It knows
// how to wait for the event loop, and nothing of the work, which yields after each portion.

// Longer, and the connections of that thread would notice; shorter, and waiting would take more than work.
const SLICE_MS = 5;

/** After each slice everything else gets its turn. */
export async function inSlices<T>(work: Generator<void, T>): Promise<T> {
  let end = performance.now() + SLICE_MS;
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (performance.now() < end) continue;
    await new Promise<void>(pause);
    end = performance.now() + SLICE_MS;
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

/** About so many bytes of a module are read in one go: a millisecond, even of the shortest functions. */
export const PORTION_BYTES = 4096;

/** So many bytes are copied in one go: a millisecond, if the memory is new. */
export const COPIED_BYTES = 1 << 20;
