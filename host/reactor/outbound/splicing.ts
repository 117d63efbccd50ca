// Splicing: two connections whose bytes go to each other, and not to the guest: what one has received is sent to the
// other, an end is passed on, and a backlog holds back whoever fills it. It does not know who has asked for that.

import { REASON_PEER } from '../../../assembly/abi.ts';
import * as Kinds from '../../guest/effect-kinds.ts';
import * as Rows from '../../kernel/rows.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Backlog } from '../backlog.ts';
import type { Deadlines } from '../deadlines.ts';
import type { Flow } from '../flow.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Parts } from '../parts.ts';

const { BLOCKED, BUSY, COLUMNS, CONNECTING, DECLINED, DRAINED, ENDED, END_TOLD, FD } = Numbers;
const { FIN_DUE, FLAGS, GONE, GUEST_BUFFER, HANDLE, HELD, HELD_BYTES, OUTPUT_BYTES } = Numbers;
const { PARTNER, PAUSED, SPLICED, STAGED_BYTES, TIES, TLS, WANT } = Numbers;
const { KIND_SEND } = Rows;
const { TLS_TO_KIND } = Kinds;

/** Where what was received lies. */
interface Window {
  readonly window: number;
  read(address: number, length: number): Uint8Array;
}

export class Splicing {
  readonly #batch: Parts['batch'];
  readonly #connections: Parts['connections'];
  readonly #pages: Parts['pages'];
  readonly #table: Int32Array;
  readonly #ties: Int32Array;
  readonly #observer: Parts['observer'];
  readonly #backlog: Backlog;
  readonly #flow: Flow;
  readonly #deadlines: Deadlines;
  readonly #lifecycle: Lifecycle;

  constructor(
    parts: Parts,
    backlog: Backlog,
    flow: Flow,
    deadlines: Deadlines,
    lifecycle: Lifecycle,
  ) {
    this.#batch = parts.batch;
    this.#connections = parts.connections;
    this.#pages = parts.pages;
    this.#table = parts.connections.table;
    this.#ties = parts.connections.segment.ties;
    this.#observer = parts.observer;
    this.#backlog = backlog;
    this.#flow = flow;
    this.#deadlines = deadlines;
    this.#lifecycle = lifecycle;
  }

  /** Between the two no callback is needed any more. What is held goes first, when each has its turn. */
  begin(one: number, other: number): void {
    const busy = [one, other].map((slot) => this.#table[slot * COLUMNS + BUSY]!);
    for (const slot of [one, other]) this.#table[slot * COLUMNS + BUSY] = 1;
    this.#point(one, other);
    this.#point(other, one);
    for (const [index, slot] of [one, other].entries()) {
      this.#flow.watch(slot);
      this.#connections.pushReady(slot);
      this.#deadlines.schedule(slot);
      this.#table[slot * COLUMNS + BUSY] = busy[index]!;
    }
  }

  #point(slot: number, partner: number): void {
    const base = slot * COLUMNS;
    const blocked = (this.#table[partner * COLUMNS + FLAGS]! & BLOCKED) !== 0;
    this.#ties[slot * TIES + PARTNER] = this.#table[partner * COLUMNS + HANDLE]!;
    this.#table[base + WANT] = 0;
    const flags = this.#table[base + FLAGS]! & ~(PAUSED | DECLINED);
    this.#table[base + FLAGS] = flags | SPLICED | (blocked ? PAUSED : 0);
  }

  #partnerOf(slot: number): number {
    return this.#connections.current(this.#ties[slot * TIES + PARTNER]!);
  }

  /** So many bytes came in, behind those that are held. Of one that is closing they are for nobody. */
  received(slot: number, guest: Window, held: number, received: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & GONE) !== 0) return;
    const { data } = this.#observer;
    const at = guest.window + held;
    if (data !== null) data(this.#table[base + HANDLE]!, guest.read(at, received));
    this.#relay(slot, guest.window, held, held + received);
  }

  // The window has `total` bytes of the slot's, the first `held` of them in its pages as well.
  #relay(slot: number, window: number, held: number, total: number): void {
    const table = this.#table;
    const partner = this.#partnerOf(slot);
    const base = partner * COLUMNS;
    // When the partner is over they are the guest's. It may take its time; what comes until then waits in the kernel.
    if (partner < 0 || (table[base + FLAGS]! & GONE) !== 0) {
      if (total > held) this.#backlog.hold(slot, window + held, total - held);
      table[slot * COLUMNS + FLAGS]! |= PAUSED;
      this.#flow.watch(slot);
      return;
    }
    if (held > 0) this.#backlog.retain(slot, window, held, total, total);
    const flags = table[base + FLAGS]!;
    if ((table[base + OUTPUT_BYTES]! | (flags & CONNECTING)) !== 0) {
      this.#append(partner, window, total);
      return;
    }
    const kind = KIND_SEND | ((flags & TLS) >>> TLS_TO_KIND);
    this.#batch.send(partner, table[base + FD]!, GUEST_BUFFER, window, total, kind);
    table[base + STAGED_BYTES]! += total;
  }

  #append(slot: number, window: number, length: number): void {
    const at = slot * COLUMNS + BUSY;
    const busy = this.#table[at]!;
    this.#table[at] = 1;
    this.#backlog.append(slot, GUEST_BUFFER, window, length);
    this.#table[at] = busy;
  }

  /** What can be done for the slot without an event: what is held goes on, and then the end. */
  proceed(slot: number, window: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & GONE) !== 0) return;
    this.#table[base + FLAGS]! &= ~DRAINED;
    if ((this.#table[base + FLAGS]! & PAUSED) !== 0) return;
    if (this.#table[base + HELD_BYTES]! > 0) this.#relayHeld(slot, window);
    const flags = this.#table[base + FLAGS]!;
    if ((flags & (ENDED | GONE)) !== ENDED || this.#table[base + HELD_BYTES]! > 0) return;
    this.#end(slot);
  }

  #relayHeld(slot: number, window: number): void {
    this.#pages.queueCopy(slot * COLUMNS + HELD, GUEST_BUFFER, window);
    this.#flow.flush();
    const base = slot * COLUMNS;
    const held = this.#table[base + HELD_BYTES]!;
    if ((this.#table[base + FLAGS]! & GONE) === 0 && held > 0) {
      this.#relay(slot, window, held, held);
    }
  }

  // When both have ended, there is nothing more to wait for.
  #end(slot: number): void {
    const partner = this.#partnerOf(slot);
    this.#table[slot * COLUMNS + FLAGS]! |= END_TOLD;
    if (partner < 0) return;
    const at = partner * COLUMNS + FLAGS;
    if ((this.#table[at]! & (FIN_DUE | GONE)) === 0) {
      this.#table[at]! |= FIN_DUE;
      this.#connections.pushClosing(partner);
    }
    if ((this.#table[at]! & END_TOLD) === 0) return;
    this.#lifecycle.finish(slot, REASON_PEER);
    this.#lifecycle.finish(partner, REASON_PEER);
  }

  /** The slot is over: its partner is the guest's again, if it has anything to say. */
  part(slot: number): void {
    this.#table[slot * COLUMNS + FLAGS]! &= ~SPLICED;
    const partner = this.#partnerOf(slot);
    if (partner < 0) return;
    const at = partner * COLUMNS + FLAGS;
    if (this.#partnerOf(partner) !== slot || (this.#table[at]! & SPLICED) === 0) return;
    this.#table[at]! &= ~(SPLICED | PAUSED);
    if ((this.#table[at]! & GONE) !== 0) return;
    if ((this.#table[at]! & END_TOLD) !== 0) this.#lifecycle.finish(partner, REASON_PEER);
    else {
      this.#flow.watch(partner);
      this.#connections.pushReady(partner);
      this.#deadlines.schedule(partner);
    }
  }
}
