// Timers: the time as this room is given it. Servers have the event loop's, from here; the harness has a clock
// of its own.

export interface Timers {
  /** Milliseconds, which only grow. */
  now(): number;
  /**
   * Calls once after so many milliseconds; that alone keeps no process alive.
   * @returns stops it
   */
  after(ms: number, call: () => void): () => void;
  /** Calls once, when what has arrived by now was read. */
  soon(call: () => void): void;
}

/** Those of the event loop. */
export const loopTimers: Timers = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms).unref();
    return () => clearTimeout(timer);
  },
  soon: (call) => void setImmediate(call),
};
