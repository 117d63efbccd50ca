// Open rows: what a seat's table says to the server's thread: which descriptors it has, and which connections still wait
// for theirs. It changes nothing.

export { isAwaited, isOpen, isThere } from '../../memory/handles.ts';

import { COLUMNS, CONNECTING, DOOMED, FD, FLAGS, OPEN } from '../../memory/layout.ts';

/** Those that have a descriptor. */
export function openRows(table: Int32Array | null): [slot: number, fd: number][] {
  const rows: [number, number][] = [];
  for (let slot = 0; table !== null && slot * COLUMNS < table.length; slot += 1) {
    const fd = table[slot * COLUMNS + FD]!;
    if ((table[slot * COLUMNS + FLAGS]! & OPEN) !== 0 && fd >= 0) rows.push([slot, fd]);
  }
  return rows;
}

/** How many are being made: they are open, and have no descriptor yet. */
export function awaitedRows(table: Int32Array | null): number {
  let count = 0;
  for (let slot = 0; table !== null && slot * COLUMNS < table.length; slot += 1) {
    const base = slot * COLUMNS;
    const awaited = (table[base + FLAGS]! & (OPEN | CONNECTING | DOOMED)) === (OPEN | CONNECTING);
    if (awaited && table[base + FD]! < 0) count += 1;
  }
  return count;
}
