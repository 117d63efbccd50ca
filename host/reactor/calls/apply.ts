// Apply: what a callback has asked for takes effect, once it has returned. Each kind of effect stands here
// once; what follows from it is the others' affair. It does not know what was asked for and refused.

import { CLOSE_ABORT, CLOSE_GRACEFUL, REASON_GUEST, REASON_LIMIT } from '../../../assembly/abi.ts';
import * as Kinds from '../../guest/effect-kinds.ts';
import * as Batches from '../../kernel/batch.ts';
import * as Rows from '../../kernel/rows.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Backlog } from '../backlog.ts';
import type { Deadlines } from '../deadlines.ts';
import type { Flow } from '../flow.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Ties } from '../outbound/ties.ts';
import type { Parts } from '../parts.ts';
import type { Handshakes } from '../tls/handshakes.ts';

const { ROW_SLOT, ROW_VALUE } = Batches;
const {
  EFFECT_APART,
  EFFECT_APPEND,
  EFFECT_CLOSE,
  EFFECT_CONNECT,
  EFFECT_LIMIT,
  EFFECT_MEASURE,
  EFFECT_PAUSE,
  EFFECT_RESUME,
  EFFECT_SPLICE,
  EFFECT_START_TLS,
  EFFECT_TIMER,
  EFFECT_WANT,
} = Kinds;
const { ROW, ROW_BUFFER, ROW_KIND, ROW_LENGTH } = Rows;
const { COLUMNS, DECLINED, END_TOLD, FIN_DUE, FLAGS, GUEST_TIMER, PAUSED, STAGED_FLAGS } = Numbers;
const { TIMES, WANT } = Numbers;

export class Apply {
  readonly #batch: Parts['batch'];
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #shared: Parts['shared'];
  readonly #metrics: Parts['metrics'];
  readonly #double = new Float64Array(1);
  /** Its halves. */
  readonly #halves = new Int32Array(this.#double.buffer);
  readonly #backlog: Backlog;
  readonly #flow: Flow;
  readonly #lifecycle: Lifecycle;
  readonly #deadlines: Deadlines;
  readonly #handshakes: Handshakes;
  readonly #ties: Ties;
  /** Connections that are to begin TLS once the rest was applied. */
  readonly #starting: number[] = [];

  constructor(
    parts: Parts,
    backlog: Backlog,
    flow: Flow,
    lifecycle: Lifecycle,
    deadlines: Deadlines,
    handshakes: Handshakes,
    ties: Ties,
  ) {
    this.#ties = ties;
    this.#batch = parts.batch;
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#shared = parts.shared;
    this.#metrics = parts.metrics;
    this.#backlog = backlog;
    this.#flow = flow;
    this.#lifecycle = lifecycle;
    this.#deadlines = deadlines;
    this.#handshakes = handshakes;
  }

  /** Applies what the callback asked for, whose rows start at `mark`. Its SENDs stay queued. */
  from(mark: number): void {
    // First: what it asks of topics and keys holds before anything else of it can be seen.
    if (this.#shared.length > 0) this.#shared.commit(this.#clock.now);
    const { rows, count } = this.#batch;
    for (let row = mark; row < count; row += 1) {
      const kind = rows[row * ROW + ROW_KIND]!;
      if (kind >= EFFECT_APART) this.#apart(row);
      else if (kind >= EFFECT_APPEND) this.#effect(row);
    }
    if (this.#starting.length > 0) this.#startAll();
  }

  // What was sent before goes out in clear, before anything of the handshake.
  #startAll(): void {
    this.#flow.post();
    this.#flow.flush();
    for (const slot of this.#starting.splice(0)) this.#handshakes.start(slot);
  }

  #apart(row: number): void {
    const { rows } = this.#batch;
    const at = row * ROW;
    const kind = rows[at + ROW_KIND]!;
    this.#batch.cancel(row);
    if (kind !== EFFECT_MEASURE) return;
    this.#halves[0] = rows[at + ROW_VALUE]!;
    this.#halves[1] = rows[at + ROW_BUFFER]!;
    this.#metrics.record(rows[at + ROW_SLOT]!, this.#double[0]!);
  }

  #effect(row: number): void {
    const { rows } = this.#batch;
    const at = row * ROW;
    const kind = rows[at + ROW_KIND]!;
    const slot = rows[at + ROW_SLOT]!;
    const value = rows[at + ROW_VALUE]!;
    const base = slot * COLUMNS;
    this.#batch.cancel(row);
    this.#table[base + STAGED_FLAGS] = 0;
    switch (kind) {
      case EFFECT_APPEND: {
        const length = rows[at + ROW_LENGTH]!;
        this.#backlog.appendStaged(slot, rows[at + ROW_BUFFER]!, value, length);
        break;
      }
      case EFFECT_CLOSE:
        this.#guestCloses(slot, value);
        break;
      case EFFECT_PAUSE:
        this.#table[base + FLAGS]! |= PAUSED;
        this.#flow.watch(slot);
        break;
      case EFFECT_RESUME:
        this.#resume(slot);
        break;
      case EFFECT_WANT:
        this.#table[base + WANT] = value;
        if (this.#flow.heldDeliverable(slot)) this.#connections.pushReady(slot);
        break;
      case EFFECT_TIMER:
        this.#times[slot * TIMES + GUEST_TIMER] = value === 0 ? 0 : this.#clock.now + (value >>> 0);
        this.#deadlines.schedule(slot);
        break;
      case EFFECT_START_TLS:
        this.#starting.push(slot);
        break;
      case EFFECT_CONNECT:
        this.#ties.connect(slot);
        break;
      case EFFECT_SPLICE:
        this.#table[value * COLUMNS + STAGED_FLAGS] = 0;
        this.#ties.splice(slot, value);
        break;
      case EFFECT_LIMIT:
        this.#stats.error('LIMIT');
        this.#connections.doom(slot, REASON_LIMIT);
    }
  }

  #guestCloses(slot: number, how: number): void {
    const at = slot * COLUMNS + FLAGS;
    // With both directions over there is nothing left that the guest could do.
    const over = (this.#table[at]! & END_TOLD) !== 0;
    if (how === CLOSE_ABORT) this.#connections.doom(slot, REASON_GUEST);
    else if (how === CLOSE_GRACEFUL || over) this.#lifecycle.finish(slot, REASON_GUEST);
    else {
      this.#table[at]! |= FIN_DUE;
      this.#connections.pushClosing(slot);
    }
  }

  #resume(slot: number): void {
    const base = slot * COLUMNS;
    this.#table[base + FLAGS]! &= ~(PAUSED | DECLINED);
    this.#flow.unblocked(slot);
    this.#flow.watch(slot);
  }
}
