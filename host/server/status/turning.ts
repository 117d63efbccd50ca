// Turning: which workers give no sign that they turn. It knows promises and time, and no thread.

// The time is counted in parts: a process that stood still meanwhile has lost one of them, not all.
const PARTS = 4;

/**
 * Waits for signs, at most so long.
 * @returns the numbers of those who gave none
 */
export async function silentOf(
  asked: readonly { readonly index: number; readonly turned: Promise<void> }[],
  withinMs: number,
): Promise<number[]> {
  const silent = new Set(asked.map(({ index }) => index));
  const all = Promise.all(
    asked.map(({ index, turned }) => turned.then(() => silent.delete(index))),
  );
  for (let part = 0; part < PARTS && silent.size > 0; part += 1) {
    await eitherOr(all, withinMs / PARTS);
  }
  return [...silent];
}

async function eitherOr(signs: Promise<unknown>, ms: number): Promise<void> {
  let patience: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    patience = setTimeout(resolve, ms);
  });
  await Promise.race([signs, late]);
  clearTimeout(patience);
}
