// Cut states: how state blocks that lie in memory in two parts go into the guest and back. It knows where they lie,
// and not when they are copied; see memory/state-blocks.ts.

import type { Batch } from '../../kernel/batch.ts';
import * as Numbers from '../../memory/layout.ts';
import type { States } from '../../memory/state-blocks.ts';

const { COLUMNS, GUEST_BUFFER, SLOTS, STATES_BUFFER, UNSAVED } = Numbers;

export class CutStates {
  readonly #states: States;
  readonly #batch: Batch;
  readonly #table: Int32Array;
  readonly #head: number;
  readonly #tail: number;

  constructor(states: States, batch: Batch, table: Int32Array) {
    this.#states = states;
    this.#batch = batch;
    this.#table = table;
    this.#head = states.headBytes;
    this.#tail = states.tailBytes;
  }

  load(slot: number, state: number): void {
    this.#states.queueCopy(this.#batch, STATES_BUFFER, slot, state);
  }

  loadNow(slot: number, state: number): void {
    const head = this.#head;
    const tail = this.#tail;
    const states = this.#states;
    this.#batch.copyWords(STATES_BUFFER, states.headAt(slot), GUEST_BUFFER, state, head);
    this.#batch.copyNow(STATES_BUFFER, states.tailAt(slot), GUEST_BUFFER, state + head, tail);
  }

  save(slot: number, state: number): void {
    const head = this.#head;
    const tail = this.#tail;
    const states = this.#states;
    this.#batch.copy(GUEST_BUFFER, state, STATES_BUFFER, states.headAt(slot), head);
    this.#batch.update(GUEST_BUFFER, state + head, STATES_BUFFER, states.tailAt(slot), tail);
  }

  // A thread that ends in between leaves half a state: the flag says so.
  saveNow(slot: number, state: number): void {
    const unsaved = (slot & SLOTS) * COLUMNS + UNSAVED;
    const was = this.#table[unsaved]!;
    const head = this.#head;
    const states = this.#states;
    const tailAt = states.tailAt(slot);
    this.#table[unsaved] = 1;
    this.#batch.copyWords(GUEST_BUFFER, state, STATES_BUFFER, states.headAt(slot), head);
    this.#batch.updateNow(GUEST_BUFFER, state + head, STATES_BUFFER, tailAt, this.#tail);
    this.#table[unsaved] = was;
  }
}
