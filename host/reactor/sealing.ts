// Sealing: plaintext that cannot be sent at once joins the backlog of a TLS connection as ciphertext. It does
// not know why it has to wait.

import { REASON_TLS } from '../../assembly/abi.ts';
import { TLS_SEAL_BYTES, TLS_WIRE_BUFFER } from '../kernel/tls-rows.ts';
import { COLUMNS, DOOMED, FLAGS, OVER } from '../memory/layout.ts';
import type { Backlog } from './backlog.ts';
import type { Parts } from './parts.ts';

export class Sealing {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #batch: Parts['batch'];
  readonly #stats: Parts['stats'];
  readonly #clock: Parts['clock'];
  readonly #backlog: Pick<Backlog, 'append'>;

  constructor(parts: Parts, backlog: Pick<Backlog, 'append'>) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#batch = parts.batch;
    this.#stats = parts.stats;
    this.#clock = parts.clock;
    this.#backlog = backlog;
  }

  /** The slot's row is busy: between the session and the pages the bytes are nowhere else. */
  append(slot: number, buffer: number, offset: number, length: number): void {
    for (let done = 0; done < length && (this.#flags(slot) & DOOMED) === 0; ) {
      const part = Math.min(length - done, TLS_SEAL_BYTES);
      const wire = this.#batch.sealNow(slot, buffer, offset + done, part);
      if (wire < 0) {
        this.failed(slot);
        return;
      }
      this.#stats.sent(part);
      this.#connections.sent(slot, part, this.#clock.now);
      this.#backlog.append(slot, TLS_WIRE_BUFFER, 0, wire);
      done += part;
    }
  }

  /** The session seals nothing any more. */
  failed(slot: number): void {
    // With OVER it is known already, and the next receive tells it: what was said before still goes out.
    if ((this.#flags(slot) & OVER) === 0) this.#connections.doom(slot, REASON_TLS);
  }

  #flags(slot: number): number {
    return this.#table[slot * COLUMNS + FLAGS]!;
  }
}
