// Sealing: plaintext that cannot be sent at once joins the backlog of a TLS connection as ciphertext, and what waits in
// it already becomes that. It does not know why it has to wait.

import { REASON_TLS } from '../../../assembly/abi.ts';
import { ROW, ROW_LENGTH, ROW_OFFSET } from '../../kernel/rows.ts';
import { TLS_SEAL_BYTES, TLS_WIRE_BUFFER } from '../../kernel/tls/tls-rows.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Backlog } from '../backlog.ts';
import type { Parts } from '../parts.ts';

const { COLUMNS, DOOMED, FD, FLAGS, OUTPUT, OUTPUT_BYTES, OVER, SEGMENT_BUFFER } = Numbers;

export class Sealing {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #batch: Parts['batch'];
  readonly #stats: Parts['stats'];
  readonly #clock: Parts['clock'];
  readonly #pages: Parts['pages'];
  readonly #backlog: Pick<Backlog, 'append' | 'consume'>;

  constructor(parts: Parts, backlog: Pick<Backlog, 'append' | 'consume'>) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#batch = parts.batch;
    this.#stats = parts.stats;
    this.#clock = parts.clock;
    this.#pages = parts.pages;
    this.#backlog = backlog;
  }

  /** The slot's row is busy: between the session and the pages the bytes are nowhere else. */
  append(slot: number, buffer: number, offset: number, length: number): void {
    for (let done = 0; done < length && (this.#flags(slot) & DOOMED) === 0; ) {
      const part = Math.min(length - done, TLS_SEAL_BYTES);
      if (!this.#seal(slot, buffer, offset + done, part)) return;
      done += part;
    }
  }

  #seal(slot: number, buffer: number, offset: number, length: number): boolean {
    const wire = this.#batch.sealNow(slot, buffer, offset, length);
    if (wire < 0) {
      this.failed(slot);
      return false;
    }
    this.#sealed(slot, length, wire);
    return true;
  }

  #sealed(slot: number, length: number, wire: number): void {
    this.#stats.sent(length);
    this.#connections.sent(slot, length, this.#clock.now);
    this.#backlog.append(slot, TLS_WIRE_BUFFER, 0, wire);
  }

  /**
   * The backlog of a slot that has got its session: what waits in clear, since the connection was being made, becomes
   * ciphertext, a page at a time. The row is busy, and nothing is queued.
   */
  rewrite(slot: number): void {
    const base = slot * COLUMNS;
    const { rows } = this.#batch;
    let left = this.#table[base + OUTPUT_BYTES]!;
    while (left > 0 && (this.#flags(slot) & DOOMED) === 0) {
      // Not performed: the row says where the front lies.
      const at = this.#batch.count;
      this.#pages.queueSends(base + OUTPUT, 1, slot, this.#table[base + FD]!);
      this.#batch.count = at;
      const [offset, length] = [rows[at * ROW + ROW_OFFSET]!, rows[at * ROW + ROW_LENGTH]!];
      // Behind what waits in clear there is ciphertext already.
      const part = Math.min(left, length);
      const wire = this.#batch.sealNow(slot, SEGMENT_BUFFER, offset, part);
      if (wire < 0) {
        this.failed(slot);
        return;
      }
      this.#backlog.consume(slot, part);
      this.#sealed(slot, part, wire);
      left -= part;
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
