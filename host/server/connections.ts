// Connections: a page of a server's connections, read out of tables that workers change meanwhile. What takes long is
// done in slices, so that the thread goes on with its other work. It changes nothing.

import { WasmpollError } from '../errors.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import { type ConnectionRow, type ConnectionTable, idOf, type SortKey } from '../threads/engine.ts';

/** Which connections are listed, and in which order. */
export interface ConnectionsQuery {
  /** At most so many, up to 1,000; 100 by default. */
  limit?: number;
  /** Those behind a page before: its `next`. */
  after?: string;
  /** By `id`, or those with the most `backlog`, `held`, `in`, `out` or `age` first. By `id` by default. */
  sort?: 'id' | 'backlog' | 'held' | 'in' | 'out' | 'age';
}

export interface ConnectionInfo {
  /** As in events. */
  readonly id: number;
  /** The worker's number. */
  readonly worker: number;
  /** Its address; '' when it is gone. */
  readonly peer: string;
  /** As the operator has written its address. */
  readonly listener: string;
  readonly ageMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly backlogBytes: number;
  readonly heldBytes: number;
  /** `handshake`: its PROXY header or TLS is awaited; `ended`: the peer has finished sending; `closing`, `lingering`: it was given its end. */
  readonly state: ConnectionRow['state'];
  /** What input waits for: the `backlog` to shrink, the `guest`, `more` input, or `requests`; null for the peer. */
  readonly waiting: ConnectionRow['waiting'];
}

export interface ConnectionsPage {
  readonly connections: readonly ConnectionInfo[];
  /** For `after`; null behind the last page. */
  readonly next: string | null;
}

const KEYS = {
  backlog: 'backlogBytes',
  held: 'heldBytes',
  in: 'bytesIn',
  out: 'bytesOut',
  age: 'openedMs',
} as const satisfies Record<string, SortKey>;
const MOST = 1000;
/** Slots that are looked at without a pause: less than a millisecond. */
const SLICE = 8192;

/** A connection that may be on the page: the larger its value, the further in front; then by its id. */
interface Candidate {
  readonly value: number;
  readonly id: number;
  readonly table: ConnectionTable;
  readonly slot: number;
}

const inFront = (a: Candidate, b: Candidate): number => b.value - a.value || a.id - b.id;

/**
 * @param listener the operator's name for the one of this number
 * @throws WasmpollError ERR_OPTION
 */
export async function pageOf(
  tables: readonly ConnectionTable[],
  query: ConnectionsQuery,
  listener: (number: number) => string,
): Promise<ConnectionsPage> {
  const { limit = 100, sort = 'id', after } = query;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MOST)) {
    throw bad(`limit must be a whole number from 1 to ${MOST}, got ${String(limit)}`);
  }
  if (sort !== 'id' && !Object.hasOwn(KEYS, sort)) {
    throw bad(`sort must be one of id, ${Object.keys(KEYS).join(', ')}, got '${String(sort)}'`);
  }
  const from = after === undefined ? null : cursorOf(after);
  // One more shows whether there is a next page.
  const found = await best(tables, sort === 'id' ? null : KEYS[sort], from, limit + 1);
  const shown = found.slice(0, limit);
  const now = monotonicMs();
  const connections = shown.flatMap(({ table, slot }) => {
    const row = table.rows.row(slot);
    const peer = table.peer(slot);
    // The descriptor may be another connection's by now, or closed.
    if (!table.rows.holds(slot, row)) return [];
    const { handle, fd: _, listener: number, openedMs, ...rest } = row;
    const ageMs = Math.max(0, Math.round(now - openedMs));
    const places = { worker: table.index, peer, listener: listener(number) };
    return [{ id: idOf(table.index, handle), ...places, ageMs, ...rest }];
  });
  const last = shown.at(-1);
  const next = found.length > limit && last !== undefined ? `${last.value}:${last.id}` : null;
  return { connections, next };
}

const bad = (why: string): WasmpollError => new WasmpollError('ERR_OPTION', `connections: ${why}`);

function cursorOf(text: unknown): { value: number; id: number } {
  const match = /^(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?):(\d{1,16})$/.exec(String(text));
  if (match === null) throw bad(`after must be the next of another page, got '${String(text)}'`);
  return { value: Number(match[1]), id: Number(match[2]) };
}

/** The first `most` behind `from`, in order. */
async function best(
  tables: readonly ConnectionTable[],
  key: SortKey | null,
  from: { value: number; id: number } | null,
  most: number,
): Promise<Candidate[]> {
  let found: Candidate[] = [];
  const start = from as Candidate | null;
  let looked = 0;
  for (const table of tables) {
    const { rows, index } = table;
    for (let slot = 0; slot < rows.size && rows.used(slot); slot += 1) {
      looked += 1;
      if (looked % SLICE === 0) await pause();
      if (!rows.has(slot)) continue;
      const value = key === null ? 0 : rows.key(slot, key) * (key === 'openedMs' ? -1 : 1);
      const candidate = { value, id: idOf(index, rows.handle(slot)), table, slot };
      if (start !== null && inFront(candidate, start) <= 0) continue;
      found.push(candidate);
      if (found.length >= 4 * most) found = found.sort(inFront).slice(0, most);
    }
  }
  return found.sort(inFront).slice(0, most);
}

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
