// Recovery: takes a segment up that another thread has left, at rest or in the middle of a change.
// It decides which connections are whole; everything that can be derived is derived anew.

import { REASON_ERROR } from '../../assembly/abi.ts';
import { IN_ON_START, IN_START_UP } from '../memory/control-words.ts';
import {
  ASKED,
  AWAITING,
  BUSY,
  CHAIN_BYTES,
  COLUMNS,
  DOOMED,
  FD,
  FLAGS,
  HANDLE,
  HANDSHAKING,
  HELD,
  KNOWN,
  LINGERING,
  LINKED,
  LOST,
  MASK,
  OPEN,
  OUTPUT,
  STAGED_BYTES,
  STAGED_FLAGS,
  TLS,
  UNSAVED,
} from '../memory/layout.ts';
import type { PageScan } from '../memory/page-scan.ts';
import type { Buffers } from '../memory/segment.ts';
import type { Parts } from './parts.ts';
import type { Works } from './wiring.ts';

/** A connection that has none of these was on its way into the table. */
const ADMITTED = KNOWN | LINGERING | AWAITING | HANDSHAKING;

/** What a reactor has left behind. */
export interface Remains extends Buffers {
  /** The slot in whose callback it ended, or one of IN_…; IN_START_UP when it was in none. */
  readonly slot: number;
  /** Why that connection is lost: one of REASON_…. */
  readonly reason: number;
}

export class Recovery {
  readonly #parts: Parts;
  readonly #works: Works;
  readonly #table: Int32Array;

  constructor(parts: Parts, works: Works) {
    this.#parts = parts;
    this.#works = works;
    this.#table = parts.connections.table;
  }

  /** All that a successor does before it serves. */
  takeUp(remains: Remains): void {
    this.#works.delivery.inherit(remains.slot);
    this.run(remains);
    this.#parts.shared.adopt();
    // An on_start that the thread before has not returned from is not tried again.
    this.#works.callbacks.replacement.restore(remains.slot !== IN_ON_START);
  }

  /**
   * Makes lists, counts and timers anew. Connections that were being changed, whose bytes were on their
   * way out of the dead thread's own memory, or whose pages do not add up are doomed, and so is the one
   * in whose callback the thread ended; every other goes on as it stands.
   */
  run(remains: Remains): void {
    const { connections, control, pages } = this.#parts;
    connections.recover();
    this.#works.dialing.recover();
    const scan = pages.recover();
    const { slot } = remains;
    if (slot >= 0 && slot < connections.end && this.#isOpen(slot)) {
      connections.doom(slot, remains.reason);
    }
    this.#judge(remains, scan);
    scan.finish();
    this.#works.backlog.recover();
    this.#works.handshakes.recover();
    this.#works.outgoing.recover();
    this.#works.ties.recover();
    this.#revive();
    this.#resume();
    control.recovered();
    this.#closeStray(control.taken);
    control.recount(connections.open);
  }

  #judge(remains: Remains, scan: PageScan): void {
    const { connections } = this.#parts;
    const table = this.#table;
    for (let slot = 0; slot < connections.end; slot += 1) {
      const base = slot * COLUMNS;
      const session = this.#claimSession(slot);
      if (!this.#isOpen(slot)) continue;
      const whole = this.#claim(base, scan) && session;
      // Its callback has not returned: nobody was told that it would be there.
      if ((table[base + FLAGS]! & ASKED) !== 0) table[base + FLAGS]! &= ~(KNOWN | LINKED);
      const admitted = (table[base + FLAGS]! & ADMITTED) !== 0;
      // What is staged for others while a callback runs is that callback's alone: it goes with it.
      const staged = remains.slot === IN_START_UP && table[base + STAGED_BYTES] !== 0;
      const moving = table[base + BUSY] !== 0 || table[base + UNSAVED] !== 0 || staged;
      // First: should this thread end as well, the next one finds no other sign of it.
      if (!whole || !admitted || moving) {
        if ((table[base + FLAGS]! & DOOMED) === 0) table[base + FLAGS]! |= LOST;
        connections.doom(slot, REASON_ERROR);
      }
      // Watched or not, it is taken from epoll before it is closed.
      if ((table[base + FLAGS]! & DOOMED) !== 0 && table[base + FD]! >= 0) table[base + MASK] = 0;
      table[base + BUSY] = 0;
      table[base + UNSAVED] = 0;
      table[base + STAGED_BYTES] = 0;
      table[base + STAGED_FLAGS] = 0;
    }
  }

  // One without a descriptor was closed already, and what is left of it goes the way of the doomed.
  #revive(): void {
    const { connections } = this.#parts;
    const { flow } = this.#works;
    for (let slot = 0; slot < connections.end; slot += 1) {
      if (this.#isOpen(slot)) flow.revive(slot);
    }
  }

  // What callbacks had sent goes out, from where the thread before has left off.
  #resume(): void {
    this.#works.outbox.recover();
    this.#works.flow.post();
  }

  #isOpen(slot: number): boolean {
    return (this.#table[slot * COLUMNS + FLAGS]! & OPEN) !== 0;
  }

  // One of TLS is nothing without its session, and a session nothing without its connection.
  #claimSession(slot: number): boolean {
    const { tls } = this.#parts;
    const base = slot * COLUMNS;
    if (tls === null) return true;
    const flags = this.#table[base + FLAGS]! & (OPEN | TLS);
    if (flags === (OPEN | TLS)) return tls.seat.has(slot, this.#table[base + HANDLE]!);
    tls.seat.close(slot);
    return true;
  }

  // A chain that is not whole is given up, and what it held with it.
  #claim(base: number, scan: PageScan): boolean {
    let whole = true;
    for (const chain of [base + OUTPUT, base + HELD]) {
      if (scan.sound(chain)) continue;
      this.#table[chain + CHAIN_BYTES] = 0;
      whole = false;
    }
    return whole || (this.#table[base + FLAGS]! & DOOMED) !== 0;
  }

  // The thread before may have ended between taking a descriptor and placing it in the table.
  #closeStray(fd: number): void {
    const { connections, control, kernel } = this.#parts;
    let placed = fd < 0;
    connections.each((slot) => {
      if (this.#table[slot * COLUMNS + FD] === fd) placed = true;
    });
    control.placed();
    if (!placed) kernel.reset(fd);
  }
}
