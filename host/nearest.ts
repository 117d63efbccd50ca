// Nearest: which known name somebody may have meant. It knows letters only.

/** @returns the known name that takes the fewest changes, if those are few; null otherwise */
export function nearest(name: string, known: readonly string[]): string | null {
  const most = Math.max(1, Math.floor(name.length / 3));
  const ranked = known
    .map((candidate) => ({ candidate, changes: distance(fold(name), fold(candidate)) }))
    .sort((a, b) => a.changes - b.changes);
  const [best] = ranked;
  return best !== undefined && best.changes <= most ? best.candidate : null;
}

const fold = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

// Letters that are left out, added or other ones: Levenshtein's distance, one row at a time.
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...b].entries()) {
      const changed = row[column]! + Number(letter !== other);
      next.push(Math.min(changed, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
