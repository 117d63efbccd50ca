// Longest turn: how much processor time single turns of the event loop take while something goes on.

export interface Turns {
  /** Milliseconds of processor time: of the longest turn, and of all. */
  readonly longest: number;
  readonly total: number;
  readonly count: number;
}

const usedMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Measures from now on, until the promise resolves. */
export async function turnsUntil(over: Promise<unknown>): Promise<Turns> {
  const begin = usedMs();
  let [longest, count, last, going] = [0, 0, begin, true];
  const turn = (): void => {
    const now = usedMs();
    longest = Math.max(longest, now - last);
    last = now;
    count += 1;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  await over;
  going = false;
  await new Promise(setImmediate);
  return { longest, total: last - begin, count };
}
