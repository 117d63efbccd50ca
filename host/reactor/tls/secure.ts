// Secure: the way in for connections of TLS: their handshakes, what comes out of their sessions, and how each
// of these ends. What the guest makes of it, and how bytes leave, is the same as for every other connection.

import { REASON_SHUTDOWN, REASON_TLS } from '../../../assembly/abi.ts';
import * as Rows from '../../kernel/rows.ts';
import { modeIndex, TLS_LENIENT } from '../../kernel/tls/tls-access.ts';
import * as TlsRows from '../../kernel/tls/tls-rows.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Input } from '../input.ts';
import type { Parts } from '../parts.ts';
import type { Works } from '../wiring.ts';

const {
  CLOSING,
  COLUMNS,
  DOOMED,
  ENDED,
  END_TOLD,
  FD,
  FLAGS,
  GONE,
  GUEST_BUFFER,
  HANDLE,
  HANDSHAKING,
  HELD,
  HELD_BYTES,
  HELD_SINCE,
  KNOWN,
  LAST_PROGRESS,
  LAYOUT,
  LISTENER,
  LOST,
  NOTIFIED,
  OUTBOUND,
  OUTPUT_BYTES,
  OVER,
  RECEIVED,
  TIMES,
  TURN,
  TURN_LIMIT,
  WANT,
  WIRE_ENDED,
} = Numbers;
const { ROW, ROW_LENGTH, ROW_OFFSET, ROW_RESULT } = Rows;
const { TLS_FAILED, TLS_MORE, TLS_TRUNCATED } = TlsRows;
const { TLS_OVER, TLS_READY, TLS_SLACK_BYTES, TLS_WIRE_BUFFER, TLS_WIRE_BYTES } = TlsRows;

/** What it calls. */
type Others = Pick<
  Works,
  | 'backlog'
  | 'callbacks'
  | 'deadlines'
  | 'dialing'
  | 'flow'
  | 'handshakes'
  | 'input'
  | 'lifecycle'
  | 'output'
  | 'preface'
>;

export class Secure {
  readonly #parts: Parts;
  readonly #others: Others;
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #batch: Parts['batch'];
  readonly #flow: Others['flow'];
  readonly #input: Input;
  readonly #callbacks: Others['callbacks'];
  readonly #handshakes: Others['handshakes'];
  readonly #modes: Int32Array;

  constructor(parts: Parts, others: Others) {
    this.#parts = parts;
    this.#others = others;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#batch = parts.batch;
    this.#flow = others.flow;
    this.#input = others.input;
    this.#callbacks = others.callbacks;
    this.#handshakes = others.handshakes;
    this.#modes = parts.tls?.modes ?? new Int32Array(0);
  }

  /** As Input.receive, through the slot's session. */
  receive(slot: number): boolean {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    const budget = this.#budget(slot);
    const held = this.#table[base + HELD_BYTES]!;
    if ((flags & CLOSING) !== 0) return this.#discard(slot, budget);
    // What came in clear and was not used is not to be taken for what comes now: RFC 3207, 4.2.
    if ((flags & HANDSHAKING) !== 0 && held > 0) {
      this.#parts.stats.error('TLS');
      this.#parts.connections.doom(slot, REASON_TLS);
      return true;
    }
    if ((flags & HANDSHAKING) !== 0 && !this.#handshakes.shaking) {
      this.#handshakes.postpone(slot);
      return false;
    }
    // What is to be told yet takes nothing from the socket.
    if (budget <= 0 && (flags & OVER) === 0) return false;
    if (held > 0 && this.#flow.heldDeliverable(slot)) return false;
    const { window } = this.#callbacks;
    const room = Math.min(this.#input.windowBytes - held, Math.max(1, budget) + TLS_SLACK_BYTES);
    const loaded = this.#table[base + WANT] === 0;
    if ((flags & HANDSHAKING) === 0) this.#callbacks.load(slot);
    const { pages } = this.#parts;
    if (held > 0 && loaded) pages.queueCopy(base + HELD, GUEST_BUFFER, window);
    const row = this.#batch.count;
    const waits = this.#table[base + OUTPUT_BYTES]! > 0;
    this.#batch.tlsRecv(slot, this.#table[base + FD]!, window + held, room, waits);
    this.#table[base + FLAGS]! &= ~OVER;
    this.#flow.flush();
    this.#came(slot, row * ROW, held, loaded);
    return true;
  }

  // What the turn leaves to the connection, in ciphertext.
  #budget(slot: number): number {
    const base = slot * COLUMNS;
    const came = this.#table[base + RECEIVED]!;
    if (this.#table[base + TURN] !== this.#input.turn) {
      this.#table[base + TURN] = this.#input.turn;
      this.#table[base + TURN_LIMIT] = came + this.#parts.policy.bytesPerTurn;
    }
    return this.#table[base + TURN_LIMIT]! - came;
  }

  /** Handshakes get on that have waited for the round's other events. @returns how many */
  shake(): number {
    return this.#handshakes.shake(this);
  }

  #came(slot: number, at: number, held: number, loaded: boolean): void {
    const { rows } = this.#batch;
    const base = slot * COLUMNS;
    const [result, events] = [rows[at + ROW_RESULT]!, rows[at + ROW_OFFSET]!];
    const wire = rows[at + ROW_LENGTH]!;
    if (wire > 0 && result !== TLS_FAILED) {
      // The input counts what the guest gets; what went into it is the budget's.
      this.#table[base + TURN_LIMIT]! -= wire - Math.max(0, result);
      this.#times[slot * TIMES + LAST_PROGRESS] = this.#parts.clock.now;
    }
    if ((this.#table[base + FLAGS]! & DOOMED) !== 0) return;
    if ((events & TLS_OVER) !== 0) {
      this.#table[base + FLAGS]! |= OVER;
      this.#parts.connections.pushReady(slot);
    }
    const ready = (events & TLS_READY) !== 0;
    if (ready) this.#ready(slot, Math.max(0, result));
    else if (result > 0) this.#input.received(slot, held, result, loaded);
    if (result <= 0) this.#over(slot, result);
  }

  // Nothing came, or the end of all that comes.
  #over(slot: number, result: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & (CLOSING | DOOMED)) !== 0) return;
    if (result === 0) this.#input.ended(slot);
    else if (result === TLS_FAILED) this.#failed(slot);
    else if (result === TLS_TRUNCATED) this.#truncated(slot);
    else if (result !== TLS_MORE && result !== -this.#parts.kernel.constants.EAGAIN) {
      this.#others.output.fail(slot, result);
    }
  }

  // The handshake is done, and so many bytes of plaintext came behind it.
  #ready(slot: number, bytes: number): void {
    const { connections, observer, stats } = this.#parts;
    const base = slot * COLUMNS;
    this.#handshakes.end(slot);
    this.#others.deadlines.schedule(slot);
    const before = this.#table[base + FLAGS]! & KNOWN;
    if (before === 0 && this.#callbacks.replacement.retryAt !== Infinity) {
      stats.refused();
      connections.doom(slot, REASON_SHUTDOWN);
      return;
    }
    const seen = bytes > 0 && observer.data !== null;
    const data = seen
      ? this.#callbacks.guest.memory.read(this.#callbacks.guest.window, bytes)
      : null;
    // First: the window is the guest's to write in while it is told of the connection.
    if (bytes > 0) this.#hold(slot, bytes);
    if (before === 0) {
      // A swap in the meantime has not migrated what the guest did not know of.
      this.#table[base + LAYOUT] = connections.segment.states.generation;
      connections.segment.states.clear(slot);
      this.#table[base + FLAGS]! |= KNOWN;
      this.#others.preface.greet(slot);
    }
    if (data !== null) observer.data?.(this.#table[base + HANDLE]!, data);
    // A client speaks first.
    if ((this.#table[base + FLAGS]! & (OUTBOUND | GONE)) === OUTBOUND) {
      this.#others.dialing.tell(slot);
    }
    this.#input.proceed(slot);
  }

  #hold(slot: number, bytes: number): void {
    const { clock, connections, stats } = this.#parts;
    stats.received(bytes);
    connections.received(slot, bytes, clock.now);
    this.#others.backlog.hold(slot, this.#callbacks.guest.window, bytes);
    this.#times[slot * TIMES + HELD_SINCE] = clock.now;
    this.#others.deadlines.schedule(slot);
  }

  // An alert is on its way, and nothing else can be said any more.
  #failed(slot: number): void {
    this.#parts.stats.error('TLS');
    this.#handshakes.fail(slot);
    this.#table[slot * COLUMNS + FLAGS]! |= NOTIFIED | LOST;
    this.#others.lifecycle.finish(slot, REASON_TLS);
  }

  #truncated(slot: number): void {
    const at = slot * COLUMNS + FLAGS;
    const shaking = (this.#table[at]! & HANDSHAKING) !== 0;
    const outbound = (this.#table[at]! & OUTBOUND) !== 0;
    const mode = this.#modes[modeIndex(this.#table[slot * COLUMNS + LISTENER]!, outbound)] ?? 0;
    this.#table[at]! |= WIRE_ENDED;
    if ((mode & TLS_LENIENT) !== 0 && !shaking) {
      this.#input.ended(slot);
      return;
    }
    this.#parts.stats.error(shaking ? 'TLS' : 'TLS_TRUNCATED');
    this.#handshakes.fail(slot);
    this.#table[at]! |= ENDED | END_TOLD | (shaking ? NOTIFIED : 0);
    this.#others.lifecycle.finish(slot, REASON_TLS);
  }

  // What still comes while the connection closes is ciphertext that nobody wants: it is not for the guest's
  // memory, and unread it would make close(2) a reset.
  #discard(slot: number, budget: number): boolean {
    if (budget <= 0) return false;
    const base = slot * COLUMNS;
    const row = this.#batch.count;
    const most = Math.min(budget, TLS_WIRE_BYTES);
    this.#batch.recv(this.#table[base + FD]!, TLS_WIRE_BUFFER, 0, most);
    this.#flow.flush();
    const received = this.#batch.rows[row * ROW + ROW_RESULT]!;
    if (received > 0) this.#table[base + TURN_LIMIT]! -= received;
    else if (received === 0) this.#input.ended(slot);
    else if (received !== -this.#parts.kernel.constants.EAGAIN) {
      this.#others.output.fail(slot, received);
    }
    return true;
  }

  /** What waits in the slot's session is told, unless the guest is not to be given anything now. */
  tell(slot: number): void {
    const flags = this.#table[slot * COLUMNS + FLAGS]!;
    if ((flags & (OVER | DOOMED | CLOSING)) === OVER && this.#flow.reading(flags))
      this.receive(slot);
  }
}
