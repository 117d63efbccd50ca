// Connections: a page of a server's connections, read out of tables that workers change meanwhile. What takes long is
// done in slices, so that the thread goes on with its other work. It changes nothing.

import { WasmpollError } from '../../errors.ts';
import { monotonicMs } from '../../kernel/monotonic.ts';
import {
  type ConnectionRow,
  type ConnectionTable,
  idOf,
  type SortKey,
} from '../../threads/engine.ts';

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
  /** As the operator has written its address; `upstream NAME` of a connection to an upstream. */
  readonly listener: string;
  /** The upstream that it leads to; null for one that came by a listener. */
  readonly upstream: string | null;
  /** The id of the connection in whose favour the guest has opened it; null if there is none, or not any more. */
  readonly parent: number | null;
  readonly ageMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly backlogBytes: number;
  readonly heldBytes: number;
  /** `connecting`: it is being made; `handshake`: its PROXY header or TLS is awaited; `ended`: the peer has finished sending; `closing`, `lingering`: it was given its end. */
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
/** So long a search goes on without a pause. */
const SLICE_MS = 0.5;
/** A slot takes some 50 ns. */
const LOOK_EACH = 512;

/** Where a connection stands in a list: the larger its value, the further in front; then by its id. */
interface Place {
  readonly value: number;
  readonly id: number;
}

interface Candidate extends Place {
  readonly table: ConnectionTable;
  readonly slot: number;
}

const inOrder = (a: Place, b: Place): number => b.value - a.value || a.id - b.id;

const behind = (value: number, id: number, place: Place): boolean =>
  value < place.value || (value === place.value && id > place.id);

/** @throws WasmpollError ERR_OPTION */
export async function pageOf(
  tables: readonly ConnectionTable[],
  query: ConnectionsQuery,
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
    const listener = table.listener(slot);
    const { handle, fd: _, openedMs, parent: by, ...rest } = row;
    const ageMs = Math.max(0, Math.round(now - openedMs));
    const parent = by === 0 ? null : idOf(table.index, by);
    const places = { worker: table.index, peer, listener, upstream: table.upstream(slot), parent };
    return [{ id: idOf(table.index, handle), ...places, ageMs, ...rest }];
  });
  const last = shown.at(-1);
  const next = found.length > limit && last !== undefined ? `${last.value}:${last.id}` : null;
  return { connections, next };
}

const bad = (why: string): WasmpollError => new WasmpollError('ERR_OPTION', `connections: ${why}`);

function cursorOf(text: unknown): Place {
  const match = /^(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?):(\d{1,16})$/.exec(String(text));
  if (match === null) throw bad(`after must be the next of another page, got '${String(text)}'`);
  return { value: Number(match[1]), id: Number(match[2]) };
}

/** What has been found so far: the first `most` behind a place, in order. */
class Best {
  readonly #most: number;
  readonly #from: Place | null;
  #found: Candidate[] = [];
  /** Whatever is behind it is not among the first. */
  #last: Place | null = null;

  constructor(most: number, from: Place | null) {
    this.#most = most;
    this.#from = from;
  }

  offer(value: number, id: number, table: ConnectionTable, slot: number): void {
    if (this.#from !== null && !behind(value, id, this.#from)) return;
    if (this.#last !== null && behind(value, id, this.#last)) return;
    this.#found.push({ value, id, table, slot });
    if (this.#found.length >= 4 * this.#most) this.#shorten();
  }

  #shorten(): void {
    this.#found = this.#found.sort(inOrder).slice(0, this.#most);
    this.#last = this.#found.at(-1) ?? null;
  }

  get first(): readonly Candidate[] {
    this.#shorten();
    return this.#found;
  }
}

async function best(
  tables: readonly ConnectionTable[],
  key: SortKey | null,
  from: Place | null,
  most: number,
): Promise<readonly Candidate[]> {
  const found = new Best(most, from);
  const clock = new Slices();
  for (const table of tables) {
    const { rows, index } = table;
    for (let slot = 0; slot < rows.size && rows.used(slot); slot += 1) {
      if (clock.over(slot)) await clock.pause();
      if (!rows.has(slot)) continue;
      // Those that were opened first have the smallest value.
      const value = key === null ? 0 : rows.key(slot, key) * (key === 'openedMs' ? -1 : 1);
      found.offer(value, idOf(index, rows.handle(slot)), table, slot);
    }
  }
  return found.first;
}

/** Gives the event loop its turn now and then. */
class Slices {
  #end = monotonicMs() + SLICE_MS;

  /** Looks at the clock every so many slots. */
  over(slot: number): boolean {
    return slot % LOOK_EACH === 0 && monotonicMs() >= this.#end;
  }

  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#end = monotonicMs() + SLICE_MS;
  }
}
