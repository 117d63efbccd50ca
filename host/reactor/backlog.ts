// Backlog: bytes that wait in the page pool, output that the kernel did not take and input that the guest
// left. It sees to it that the pool never runs dry. It does not know when any of them get on.

import { REASON_LIMIT, REASON_MEMORY } from '../../assembly/abi.ts';
import * as TlsRows from '../kernel/tls/tls-rows.ts';
import * as Numbers from '../memory/layout.ts';
import * as Policies from '../policy.ts';
import type { Parts } from './parts.ts';
import { Sealing } from './tls/sealing.ts';

const { BUSY, CHAIN_FIRST, COLUMNS, CONNECTING, DOOMED, FD, FLAGS, GUEST_BUFFER, HELD } = Numbers;
const { MOVED, MOVED_SINCE, OUTPUT, OUTPUT_BYTES, OUTPUT_SINCE, STAGED_BYTES, TIMES } = Numbers;
const { TLS } = Numbers;
const { TLS_WIRE_BUFFER } = TlsRows;
const { PAGE_BYTES, reservePages } = Policies;

// A connection makes progress when bytes worth an eighth of its pages have been received into them, consumed
// by the guest or taken by the peer. A trickle of single bytes is no progress; a peer that sends a frame or
// takes its output steadily makes some all the time.
const WORTHWHILE = PAGE_BYTES / 8;
// Giving back every page counts for this many bytes at least: eight short messages are progress. One is
// not: whoever ends a message and begins the next would keep a page and always look new.
const EMPTIED = WORTHWHILE / 8;
// Added to every age, so that many pages weigh something in the turn in which they are taken. It is as
// long as a turn may last: more would make the young pay for the old.
const YOUNGEST_MS = 10;
// The age of a connection that has not made progress yet: one that comes back after an abort is not young.
const NEWCOMER_MS = 1_000;

export class Backlog {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #pages: Parts['pages'];
  readonly #sealing: Sealing;
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
    this.#sealing = new Sealing(parts, this);
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#reserve = reservePages(parts.policy);
    this.#maxBytes = parts.policy.maxBacklogBytes;
  }

  /** A connection begins, and has shown nothing yet. */
  open(slot: number): void {
    this.#times[slot * TIMES + MOVED_SINCE] = -NEWCOMER_MS;
  }

  /** Puts bytes of a bound buffer behind the connection's backlog. A doomed one's are dropped. */
  append(slot: number, buffer: number, offset: number, length: number): void {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return;
    if ((flags & TLS) !== 0 && buffer !== TLS_WIRE_BUFFER) {
      this.#sealing.append(slot, buffer, offset, length);
      return;
    }
    if (this.#table[base + OUTPUT_BYTES]! + length > this.#maxBytes) {
      this.#stats.error('LIMIT');
      this.#connections.doom(slot, REASON_LIMIT);
      return;
    }
    if (this.#chargeOf(slot) === 0) this.#begin(slot);
    if (!this.#makeRoom(slot, base + OUTPUT, length)) return;
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
    this.#move(slot, length, this.#chargeOf(slot));
    this.#times[slot * TIMES + OUTPUT_SINCE] = this.#clock.now;
    this.#connections.touch(slot);
  }

  /** Holds input of the connection in the pool. A doomed one's is dropped. */
  hold(slot: number, offset: number, length: number): void {
    if (this.#chargeOf(slot) === 0) this.#begin(slot);
    this.#hold(slot, offset, length);
  }

  /** As `hold`, from a place in another buffer. */
  holdFrom(slot: number, buffer: number, offset: number, length: number): void {
    if (this.#chargeOf(slot) === 0) this.#begin(slot);
    this.#hold(slot, offset, length, buffer);
  }

  /**
   * The guest has consumed some of the `total` bytes at `offset` in its memory, of which the first `held`
   * are in the pool as well: the rest is held from here on.
   */
  retain(slot: number, offset: number, held: number, consumed: number, total: number): void {
    // Pages that are given back and taken again at once were never free for others: no new age begins.
    if (this.#chargeOf(slot) === 0) this.#begin(slot);
    if (held > 0) this.#pages.consume(slot * COLUMNS + HELD, Math.min(held, consumed));
    const start = Math.max(held, consumed);
    if (total > start) this.#hold(slot, offset + start, total - start);
    else this.#pages.shrink(slot * COLUMNS + HELD);
    this.#move(slot, consumed, this.#chargeOf(slot));
  }

  #hold(slot: number, offset: number, length: number, buffer = GUEST_BUFFER): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & DOOMED) !== 0) return;
    // First: a newcomer whose first bytes are progress already must not be weighed as one without.
    this.#move(slot, length, this.#chargeWith(slot, base + HELD, length));
    if (!this.#makeRoom(slot, base + HELD, length)) return;
    this.#pages.append(base + HELD, buffer, offset, length);
  }

  // The first page is taken. Time in which none was held does not count.
  #begin(slot: number): void {
    const at = slot * TIMES + MOVED_SINCE;
    this.#times[at] = this.#clock.now + Math.min(0, this.#times[at]!);
  }

  #move(slot: number, length: number, pages: number): void {
    const [base, times] = [slot * COLUMNS, slot * TIMES];
    const { now } = this.#clock;
    const moved = this.#table[base + MOVED]! + (pages > 0 ? length : Math.max(length, EMPTIED));
    const progress = moved >= Math.max(1, pages) * WORTHWHILE;
    this.#table[base + MOVED] = progress ? 0 : moved;
    const since = progress ? now : this.#times[times + MOVED_SINCE]!;
    // While no page is held, what stands there is the age so far, negated.
    this.#times[times + MOVED_SINCE] = pages > 0 ? since : since - now;
  }

  #chargeOf(slot: number): number {
    const base = slot * COLUMNS;
    return this.#pages.charge(base + OUTPUT) + this.#pages.charge(base + HELD);
  }

  // The same when one of its chains has so many bytes more.
  #chargeWith(slot: number, chain: number, more: number): number {
    return this.#pages.charge(otherOf(slot, chain)) + this.#pages.chargeWith(chain, more);
  }

  // Keeps the reserve free. Aborted is who weighs the most; that may be the one that asks. Weighed are blocks
  // alone when they take more pages than others have for themselves, or else those pages alone: a crowd that
  // holds little each would weigh nothing beside one that holds much for a moment.
  #makeRoom(slot: number, chain: number, more: number): boolean {
    const pages = this.#pages;
    while (!this.#hasRoom(chain, more)) {
      const blocks = 2 * pages.cut > this.#connections.segment.pages - pages.available;
      const victim = this.#heaviest(slot, chain, more, blocks);
      if (victim < 0 && pages.available >= pages.needed(chain, more)) return true;
      if (victim < 0 || victim === slot) {
        this.#abandon(slot);
        return false;
      }
      const age = this.#age(victim);
      const page = blocks ? this.#pageOfBlock(victim) : -1;
      this.#abandon(victim);
      if (page >= 0) this.#abandonOthersIn(page, age / 2, slot, chain, more);
    }
    return true;
  }

  #hasRoom(chain: number, more: number): boolean {
    const needed = this.#pages.needed(chain, more);
    return needed === 0 || this.#pages.available - needed >= this.#reserve;
  }

  #pageOfBlock(slot: number): number {
    const base = slot * COLUMNS;
    const output = this.#pages.shareOf(base + OUTPUT) > this.#pages.shareOf(base + HELD);
    return this.#table[base + (output ? OUTPUT : HELD) + CHAIN_FIRST]!;
  }

  // A page is free when all its blocks are. To look for the next heaviest after each would take a look at
  // all connections for each block. Who has got on in half the time is left alone.
  #abandonOthersIn(page: number, age: number, asker: number, chain: number, more: number): void {
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      const base = slot * COLUMNS;
      if (slot === asker || this.#isGone(base) || this.#age(slot) < age) continue;
      const output = this.#pages.inBlockOf(base + OUTPUT, page);
      if (!output && !this.#pages.inBlockOf(base + HELD, page)) continue;
      this.#abandon(slot);
      if (this.#hasRoom(chain, more)) return;
    }
  }

  #abandon(slot: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) === 0) this.#stats.error('MEMORY');
    this.#connections.doom(slot, REASON_MEMORY);
    this.drop(slot);
  }

  // The slot for which pages times age, the time since the last progress, is the most, with what is asked
  // for counted as the asker's; −1 when nobody else has any. Of two that weigh the same, the larger.
  #heaviest(asker: number, chain: number, more: number, blocks: boolean): number {
    let [heaviest, most, size] = [-1, 0, 0];
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      const base = slot * COLUMNS;
      if (slot === asker || this.#isGone(base)) continue;
      const part = this.#weighed(base + OUTPUT, blocks) + this.#weighed(base + HELD, blocks);
      if (part === 0) continue;
      const weight = part * this.#age(slot);
      if (weight > most || (weight === most && part > size)) {
        [heaviest, most, size] = [slot, weight, part];
      }
    }
    if (heaviest < 0) return -1;
    let asked = this.#weighed(otherOf(asker, chain), blocks);
    if (this.#pages.cutWith(chain, more) === blocks) {
      asked += this.#pages.chargeWith(chain, more);
    }
    return asked * this.#age(asker) > most ? asker : heaviest;
  }

  #isGone(base: number): boolean {
    return this.#table[base + FD]! < 0 && (this.#table[base + FLAGS]! & CONNECTING) === 0;
  }

  #weighed(chain: number, blocks: boolean): number {
    return blocks ? this.#pages.shareOf(chain) : this.#pages.pagesOf(chain);
  }

  #age(slot: number): number {
    return this.#clock.now - this.#times[slot * TIMES + MOVED_SINCE]! + YOUNGEST_MS;
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

// The other of the connection's two chains.
const otherOf = (slot: number, chain: number): number => 2 * slot * COLUMNS + OUTPUT + HELD - chain;
