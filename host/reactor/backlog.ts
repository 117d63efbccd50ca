// Backlog: bytes that wait in the page pool, output that the kernel did not take and input that the guest
// left. It sees to it that the pool never runs dry. It does not know when any of them get on.

import { REASON_LIMIT, REASON_MEMORY } from '../../assembly/abi.ts';
import * as Numbers from '../memory/layout.ts';
import { pagesOf } from '../memory/pages.ts';
import { reservePages } from '../policy.ts';
import type { Parts } from './parts.ts';

const {
  BUSY,
  COLUMNS,
  DOOMED,
  FD,
  FLAGS,
  HELD,
  OUTPUT,
  OUTPUT_BYTES,
  OUTPUT_SINCE,
  STAGED_BYTES,
  TIMES,
} = Numbers;

export class Backlog {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #pages: Parts['pages'];
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #reserve: number;
  readonly #maxBytes: number;
  /** Unsent output of all connections, in bytes. */
  bytes = 0;

  constructor(parts: Parts) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#pages = parts.pages;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#reserve = reservePages(parts.policy);
    this.#maxBytes = parts.policy.maxBacklogBytes;
  }

  /** Puts bytes of a bound buffer behind the connection's backlog. A doomed one's are dropped. */
  append(slot: number, buffer: number, offset: number, length: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & DOOMED) !== 0) return;
    if (this.#table[base + OUTPUT_BYTES]! + length > this.#maxBytes) {
      this.#stats.error('LIMIT');
      this.#connections.doom(slot, REASON_LIMIT);
      return;
    }
    if (!this.#makeRoom(slot, length)) return;
    if (this.#table[base + OUTPUT_BYTES] === 0) {
      this.#times[slot * TIMES + OUTPUT_SINCE] = this.#clock.now;
    }
    this.#pages.append(base + OUTPUT, buffer, offset, length);
    this.bytes += length;
    this.#connections.touch(slot);
  }

  /** Puts bytes that were staged behind the connection's backlog. */
  appendStaged(slot: number, buffer: number, offset: number, length: number): void {
    const base = slot * COLUMNS;
    const busy = this.#table[base + BUSY]!;
    this.#table[base + BUSY] = 1;
    this.#table[base + STAGED_BYTES]! -= length;
    this.append(slot, buffer, offset, length);
    this.#table[base + BUSY] = busy;
  }

  /** The kernel has taken so many bytes of the connection's output. */
  consume(slot: number, length: number): void {
    this.#pages.consume(slot * COLUMNS + OUTPUT, length);
    this.bytes -= length;
    this.#times[slot * TIMES + OUTPUT_SINCE] = this.#clock.now;
    this.#connections.touch(slot);
  }

  /** Holds input of the connection in the pool. A doomed one's is dropped. */
  hold(slot: number, buffer: number, offset: number, length: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) !== 0) return;
    if (!this.#makeRoom(slot, length)) return;
    this.#pages.append(slot * COLUMNS + HELD, buffer, offset, length);
  }

  // Keeps the reserve free: who holds the most pages is aborted, never the one that asks.
  #makeRoom(slot: number, length: number): boolean {
    const needed = this.#pages.needed(length);
    while (this.#pages.available - needed < this.#reserve) {
      const victim = this.#largest(slot);
      if (victim < 0) break;
      this.#abandon(victim);
    }
    if (this.#pages.available >= needed) return true;
    this.#abandon(slot);
    return false;
  }

  #abandon(slot: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) === 0) this.#stats.error('MEMORY');
    this.#connections.doom(slot, REASON_MEMORY);
    this.drop(slot);
  }

  #largest(except: number): number {
    let [largest, most] = [-1, 0];
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      const base = slot * COLUMNS;
      if (slot === except || this.#table[base + FD]! < 0) continue;
      const pages = pagesOf(this.#table, base + OUTPUT) + pagesOf(this.#table, base + HELD);
      if (pages > most) [largest, most] = [slot, pages];
    }
    return largest;
  }

  /** Gives the connection's pages back. */
  drop(slot: number): void {
    const base = slot * COLUMNS;
    this.bytes -= this.#table[base + OUTPUT_BYTES]!;
    this.#pages.clear(base + OUTPUT);
    this.#pages.clear(base + HELD);
  }

  /** Counts anew what waits in the pages, after another thread has left them. */
  recover(): void {
    this.bytes = 0;
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      this.bytes += this.#table[slot * COLUMNS + OUTPUT_BYTES]!;
    }
  }
}
