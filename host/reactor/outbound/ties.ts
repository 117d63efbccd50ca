// Ties: which connections belong together. Those that are linked end together; those that are spliced need no guest. It
// knows who is tied to whom, and neither bytes nor descriptors.

import { REASON_GUEST } from '../../../assembly/abi.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Parts } from '../parts.ts';
import type { Outgoing } from './outgoing.ts';
import type { Splicing } from './splicing.ts';

const { CHILD, CHILD_NEXT, CHILD_PREVIOUS, COLUMNS, FLAGS, HANDLE, LINKED, OPEN } = Numbers;
const { PARENT, SPLICED, TIED, TIES } = Numbers;

export class Ties {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #ties: Int32Array;
  readonly #outgoing: Outgoing;
  readonly #splicing: Splicing;
  readonly #lifecycle: Lifecycle;

  constructor(
    { connections }: Parts,
    outgoing: Outgoing,
    splicing: Splicing,
    lifecycle: Lifecycle,
  ) {
    this.#connections = connections;
    this.#table = connections.table;
    this.#ties = connections.segment.ties;
    this.#outgoing = outgoing;
    this.#splicing = splicing;
    this.#lifecycle = lifecycle;
  }

  /** The callback that has asked for the connection has returned. */
  connect(slot: number): void {
    this.#outgoing.begin(slot);
    if ((this.#table[slot * COLUMNS + FLAGS]! & LINKED) !== 0) this.#link(slot);
  }

  splice(one: number, other: number): void {
    this.#splicing.begin(one, other);
  }

  // What is said of the parent last stands: until then nobody follows the list there.
  #link(slot: number): void {
    const parent = this.#connections.current(this.#ties[slot * TIES + PARENT]!);
    if (parent < 0) {
      this.#table[slot * COLUMNS + FLAGS]! &= ~LINKED;
      this.#lifecycle.finish(slot, REASON_GUEST);
      return;
    }
    const at = parent * COLUMNS + FLAGS;
    const first = (this.#table[at]! & TIED) === 0 ? 0 : this.#ties[parent * TIES + CHILD]!;
    const handle = this.#table[slot * COLUMNS + HANDLE]!;
    this.#ties[slot * TIES + CHILD_NEXT] = first;
    this.#ties[slot * TIES + CHILD_PREVIOUS] = 0;
    if (first !== 0) this.#ties[this.#slotOf(first) * TIES + CHILD_PREVIOUS] = handle;
    this.#ties[parent * TIES + CHILD] = handle;
    this.#table[at]! |= TIED;
  }

  #slotOf(handle: number): number {
    return handle & this.#connections.slotMask;
  }

  /** The guest has heard that the connection is over. */
  over(slot: number): void {
    const flags = this.#table[slot * COLUMNS + FLAGS]!;
    if ((flags & (LINKED | TIED | SPLICED)) === 0) return;
    if ((flags & SPLICED) !== 0) this.#splicing.part(slot);
    if ((flags & TIED) !== 0) this.#endChildren(slot);
    if ((flags & LINKED) !== 0) this.#endParent(slot);
  }

  #endChildren(slot: number): void {
    for (let child = this.#ties[slot * TIES + CHILD]!; child !== 0; ) {
      const at = this.#slotOf(child);
      child = this.#ties[at * TIES + CHILD_NEXT]!;
      this.#lifecycle.finish(at, REASON_GUEST);
      this.#table[at * COLUMNS + FLAGS]! &= ~LINKED;
    }
    this.#table[slot * COLUMNS + FLAGS]! &= ~TIED;
  }

  #endParent(slot: number): void {
    const ties = slot * TIES;
    const parent = this.#connections.current(this.#ties[ties + PARENT]!);
    const [next, previous] = [this.#ties[ties + CHILD_NEXT]!, this.#ties[ties + CHILD_PREVIOUS]!];
    if (parent >= 0) this.#lifecycle.finish(parent, REASON_GUEST);
    if (next !== 0) this.#ties[this.#slotOf(next) * TIES + CHILD_PREVIOUS] = previous;
    if (previous !== 0) this.#ties[this.#slotOf(previous) * TIES + CHILD_NEXT] = next;
    else if (parent >= 0) this.#ties[parent * TIES + CHILD] = next;
    this.#table[slot * COLUMNS + FLAGS]! &= ~LINKED;
  }

  /** Lists are made anew, after another thread has left the table. Who has lost a parent ends as well. */
  recover(): void {
    const { end } = this.#connections;
    for (let slot = 0; slot < end; slot += 1) this.#table[slot * COLUMNS + FLAGS]! &= ~TIED;
    for (let slot = 0; slot < end; slot += 1) {
      const flags = this.#table[slot * COLUMNS + FLAGS]! & (OPEN | LINKED);
      if (flags === (OPEN | LINKED)) this.#link(slot);
    }
  }
}
