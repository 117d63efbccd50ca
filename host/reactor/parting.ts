// Parting: the last that is done for a connection: the guest is told, those that are tied to it follow, and its slot is
// free. It does not know why it is over.

import * as Numbers from '../memory/layout.ts';
import type { Callbacks } from './calls/callbacks.ts';
import type { Flow } from './flow.ts';
import type { Ties } from './outbound/ties.ts';
import type { Parts } from './parts.ts';

const { COLUMNS, FD } = Numbers;

export class Parting {
  readonly #connections: Parts['connections'];
  readonly #control: Parts['control'];
  readonly #table: Int32Array;
  readonly #callbacks: Callbacks;
  readonly #flow: Flow;
  readonly #ties: Ties;

  constructor({ connections, control }: Parts, callbacks: Callbacks, flow: Flow, ties: Ties) {
    this.#connections = connections;
    this.#control = control;
    this.#table = connections.table;
    this.#callbacks = callbacks;
    this.#flow = flow;
    this.#ties = ties;
  }

  /** A connection whose descriptor is gone gives its slot back; one that lingers is called again then. */
  run(slot: number): void {
    this.#callbacks.close(slot);
    this.#ties.over(slot);
    if (this.#table[slot * COLUMNS + FD]! >= 0) return;
    this.#flow.flush();
    this.#connections.release(slot);
    this.#control.finished();
  }
}
