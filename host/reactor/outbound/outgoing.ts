// Outgoing: the connections to upstreams, as those see them who make and count them: each is asked for when its callback
// has returned, and counted until it is over. It makes none, and enters no guest.

import { bytesIn, bytesOut } from '../../memory/connection-rows.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Parts } from '../parts.ts';

const { ASKED, COLUMNS, CONNECTING, DOOMED, FLAGS, HANDLE, HEADER_BYTES, KNOWN } = Numbers;
const { LISTENER, OPEN, OUTBOUND, PARENT, TIES } = Numbers;

export class Outgoing {
  readonly #parts: Parts;
  readonly #table: Int32Array;
  readonly #ties: Int32Array;
  /** Those that are open, or being made. */
  count = 0;
  /** What another thread had asked for may have to be asked for again. */
  due = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#table = parts.connections.table;
    this.#ties = parts.connections.segment.ties;
  }

  /** The callback that has asked for it has returned. */
  begin(slot: number): void {
    const { control, outbound } = this.#parts;
    outbound.committed(slot);
    control.began();
    this.count += 1;
    this.#dial(slot);
  }

  #dial(slot: number): void {
    const { connections, facts, outbound, upstreams } = this.#parts;
    const base = slot * COLUMNS;
    const upstream = this.#table[base + LISTENER]!;
    const proxied = outbound.directory?.isProxied(upstream) === true;
    const parent = proxied ? connections.current(this.parent(slot)) : -1;
    upstreams?.dial({
      handle: this.#table[base + HANDLE]!,
      upstream,
      parent: this.#ties[slot * TIES + PARENT]!,
      added: this.#added(slot),
      peer: parent < 0 ? '' : facts.peerAddress(parent),
      local: parent < 0 ? '' : String(facts.property(parent, 'local') ?? ''),
    });
  }

  #added(slot: number): string {
    const length = this.#table[slot * COLUMNS + HEADER_BYTES]!;
    return length === 0 ? '' : new TextDecoder().decode(this.#parts.headers.of(slot, length));
  }

  /** The handle of the connection in whose favour it was made; 0 if there is none, or not any more. */
  parent(slot: number): number {
    const handle = this.#ties[slot * TIES + PARENT]!;
    const parent = this.#parts.connections.current(handle);
    if (parent < 0) return 0;
    return (this.#table[parent * COLUMNS + FLAGS]! & (KNOWN | DOOMED)) === KNOWN ? handle : 0;
  }

  /** Its descriptor is closed, or there will never be one. */
  over(slot: number): void {
    const { connections, outbound, upstreams } = this.#parts;
    const { times } = connections.segment;
    const base = slot * COLUMNS;
    if (upstreams === null) return;
    const upstream = this.#table[base + LISTENER]!;
    outbound.counts!.giveBack(upstreams.seat, upstream);
    const [came, went] = [bytesIn(this.#table, times, slot), bytesOut(this.#table, times, slot)];
    outbound.counts!.over(upstreams.seat, upstream, came, went);
    this.count -= 1;
    if ((this.#table[base + FLAGS]! & CONNECTING) !== 0) {
      upstreams.cancel(this.#table[base + HANDLE]!);
    }
  }

  /** No other is made any more. */
  end(): void {
    this.#parts.outbound.end();
  }

  /** Counts anew, after another thread has left the table. */
  recover(): void {
    const { connections, outbound, upstreams } = this.#parts;
    if (upstreams === null) return;
    const open = Array.from({ length: outbound.counts!.size }, () => 0);
    this.count = 0;
    for (let slot = 0; slot < connections.end; slot += 1) {
      const base = slot * COLUMNS;
      const flags = this.#table[base + FLAGS]!;
      if ((flags & (OPEN | OUTBOUND)) !== (OPEN | OUTBOUND)) continue;
      open[this.#table[base + LISTENER]!]! += 1;
      this.count += 1;
    }
    outbound.counts!.recount(upstreams.seat, open);
    this.due = true;
  }

  /** To be called when no answer is left: who waits still is asked for again. */
  redial(): void {
    const { connections } = this.#parts;
    this.due = false;
    for (let slot = 0; slot < connections.end; slot += 1) {
      const flags = this.#table[slot * COLUMNS + FLAGS]!;
      const waiting = flags & (OPEN | CONNECTING | ASKED | DOOMED);
      if (waiting === (OPEN | CONNECTING)) this.#dial(slot);
    }
  }
}
