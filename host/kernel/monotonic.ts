// The time that all threads of the process share. `performance.now()` starts at 0 in each thread, and
// `process.hrtime()` makes an array for each call.

const offset = (() => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6 - performance.now();
})();

/** Milliseconds on the system's monotonic clock. */
export const monotonicMs = (): number => performance.now() + offset;
