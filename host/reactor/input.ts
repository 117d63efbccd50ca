// Input: what comes from the peers. It receives into the one window, offers bytes to the guest, and
// holds what is left unconsumed. It does not know what epoll reports, or who is served when.

import { REASON_FRAME, REASON_PEER } from '../../assembly/abi.ts';
import * as Rows from '../kernel/rows.ts';
import * as Numbers from '../memory/layout.ts';
import * as Answers from './calls/callbacks.ts';
import type { Parts } from './parts.ts';
import type { Works } from './wiring.ts';

const { CLOSING, COLUMNS, DECLINED, DOOMED, DRAINED, ELSEWHERE, ENDED, END_TOLD, FD } = Numbers;
const { FIN_DUE, FLAGS, GONE, GUEST_BUFFER, HANDLE, HELD, HELD_BYTES, HELD_SINCE } = Numbers;
const { LAST_PROGRESS, MANY_BYTES, PAUSED, RECEIVED, SLOTS, TIMES, TURN, TURN_LIMIT, WANT } =
  Numbers;
const { WITHHELD } = Numbers;
const { ROW, ROW_RESULT } = Rows;
const { FAILED } = Answers;

/** What it calls. */
type Others = Pick<
  Works,
  'backlog' | 'callbacks' | 'deadlines' | 'flow' | 'lifecycle' | 'output' | 'splicing'
>;

export class Input {
  readonly #kernel: Parts['kernel'];
  readonly #policy: Parts['policy'];
  readonly #connections: Parts['connections'];
  readonly #batch: Parts['batch'];
  readonly #pages: Parts['pages'];
  readonly #effects: Parts['effects'];
  readonly #output: Others['output'];
  readonly #backlog: Others['backlog'];
  readonly #flow: Others['flow'];
  readonly #lifecycle: Others['lifecycle'];
  readonly #deadlines: Others['deadlines'];
  readonly #callbacks: Others['callbacks'];
  readonly #splicing: Others['splicing'];
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #observer: Parts['observer'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #bytesPerTurn: number;
  readonly windowBytes: number;
  readonly #maxFrameBytes: number;
  /** Number of the turn, in Int32: it tells apart the byte budgets of turns. */
  turn = 0;

  constructor(parts: Parts, others: Others) {
    this.#kernel = parts.kernel;
    this.#policy = parts.policy;
    this.#connections = parts.connections;
    this.#batch = parts.batch;
    this.#pages = parts.pages;
    this.#effects = parts.effects;
    this.#output = others.output;
    this.#backlog = others.backlog;
    this.#flow = others.flow;
    this.#lifecycle = others.lifecycle;
    this.#deadlines = others.deadlines;
    this.#callbacks = others.callbacks;
    this.#splicing = others.splicing;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#observer = parts.observer;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#bytesPerTurn = parts.policy.bytesPerTurn;
    this.windowBytes = parts.policy.receiveWindowBytes;
    this.#maxFrameBytes = parts.policy.maxFrameBytes;
  }

  /** Every connection has its byte budget again. */
  nextTurn(): void {
    this.turn = (this.turn + 1) | 0;
  }

  // One native call: what the previous callback sent, states and held input, and the receive behind it.
  /** @returns whether there was anything it could do: a budget may be spent */
  receive(slot: number): boolean {
    const base = (slot & SLOTS) * COLUMNS;
    const table = this.#table;
    const came = table[base + RECEIVED]!;
    if (table[base + TURN] !== this.turn) {
      table[base + TURN] = this.turn;
      table[base + TURN_LIMIT] = (came + this.#bytesPerTurn) | 0;
    }
    const held = table[base + HELD_BYTES]!;
    const room = Math.min(this.windowBytes - held, table[base + TURN_LIMIT]! - came);
    // Level-triggered: what is not received now is reported again.
    if (room <= 0 || (held > 0 && this.#flow.heldDeliverable(slot))) return false;
    const callbacks = this.#callbacks;
    const { window } = callbacks;
    const loaded = table[base + WANT] === 0;
    callbacks.load(slot);
    if (held > 0 && loaded) this.#pages.queueCopy(base + HELD, GUEST_BUFFER, window);
    const batch = this.#batch;
    const row = batch.count;
    batch.recv(table[base + FD]!, GUEST_BUFFER, window + held, room);
    this.#flow.flush();
    const received = batch.rows[row * ROW + ROW_RESULT]!;
    if (received > 0) this.received(slot, held, received, loaded);
    else if (received === 0) this.ended(slot);
    else if (received !== -this.#kernel.constants.EAGAIN) this.#output.fail(slot, received);
    return true;
  }

  /** So many bytes came in, behind those that are held. */
  received(slot: number, held: number, received: number, loaded: boolean): void {
    const base = (slot & SLOTS) * COLUMNS;
    const table = this.#table;
    this.#stats.received(received);
    // As Connections.received, by the table that is at hand.
    const sum = (table[base + RECEIVED]! + received) | 0;
    table[base + RECEIVED] = sum;
    if (sum >= MANY_BYTES) this.#connections.carry(slot);
    this.#times[(slot & SLOTS) * TIMES + LAST_PROGRESS] = this.#clock.now;
    const flags = table[base + FLAGS]!;
    if ((flags & ELSEWHERE) !== 0) {
      this.#splicing.received(slot, this.#callbacks, held, received);
      return;
    }
    table[base + FLAGS] = flags & ~DECLINED;
    if (this.#observer.data !== null) this.#show(slot, held, received);
    const total = held + received;
    if (table[base + WANT]! > total) {
      this.#keep(slot, held, received);
      return;
    }
    if (held > 0 && !loaded) this.#copyHeld(slot);
    this.#deliver(slot, held, total);
  }

  #show(slot: number, held: number, received: number): void {
    const bytes = this.#callbacks.read(this.#callbacks.window + held, received);
    this.#observer.data?.(this.#table[slot * COLUMNS + HANDLE]!, bytes);
  }

  // The guest waits for more.
  #keep(slot: number, held: number, received: number): void {
    this.#backlog.hold(slot, this.#callbacks.window + held, received);
    if (held === 0) this.#holdingSince(slot);
  }

  #copyHeld(slot: number): void {
    this.#pages.queueCopy(slot * COLUMNS + HELD, GUEST_BUFFER, this.#callbacks.window);
    this.#flow.flush();
  }

  // The window has `total` bytes, the first `held` of them in the slot's pages as well.
  #deliver(slot: number, held: number, total: number): void {
    const base = (slot & SLOTS) * COLUMNS;
    this.#table[base + WANT] = 0;
    const consumed = this.#offer(slot, total);
    // The usual case: nothing was held, and nothing is left to hold.
    if (consumed === FAILED || (consumed === total && held === 0)) return;
    if ((this.#table[base + FLAGS]! & GONE) !== 0) {
      this.#pages.clear(base + HELD);
      return;
    }
    this.#backlog.retain(slot, this.#callbacks.window, held, consumed, total);
    const left = total - consumed;
    if (left === 0) return;
    if (consumed > 0 || held === 0) this.#holdingSince(slot);
    // Who has paused it has not said yet what becomes of it.
    const declined = (this.#table[base + FLAGS]! & (DECLINED | PAUSED | ELSEWHERE)) === DECLINED;
    if (declined && left >= this.#maxFrameBytes) {
      this.#stats.error('FRAME');
      this.#lifecycle.finish(slot, REASON_FRAME);
    } else if (this.#flow.heldDeliverable(slot)) this.#connections.pushReady(slot);
  }

  #holdingSince(slot: number): void {
    this.#times[slot * TIMES + HELD_SINCE] = this.#clock.now;
    this.#deadlines.schedule(slot);
  }

  // on_data until all is consumed, the guest wants more, or a budget is spent. No call sees more than the
  // longest frame: what a receive brings is TCP's doing, and must not decide how long one may be.
  #offer(slot: number, total: number): number {
    const callbacks = this.#callbacks;
    const { window } = callbacks;
    // As clock.spent(), with the count in a register.
    const clock = this.#clock;
    let left = clock.left;
    let done = 0;
    for (let calls = this.#policy.callbacksPerTurn; calls > 0; calls -= 1) {
      // Cheaper than Math.min, by the ruler.
      let offered = total - done;
      if (offered > this.#maxFrameBytes) offered = this.#maxFrameBytes;
      const consumed = callbacks.data(slot, window + done, offered);
      if (consumed === FAILED) return FAILED;
      this.#stats.message();
      done += consumed;
      if (done === total) break;
      if (consumed === 0) {
        this.#table[(slot & SLOTS) * COLUMNS + FLAGS]! |= DECLINED;
        break;
      }
      if (!this.#mayOffer(slot, total - done)) break;
      left -= 1;
      if (left < 0) {
        clock.look();
        left = clock.left;
        if (clock.over) break;
      }
      // What was sent to this connection alone may go out together with what comes next.
      if (this.#effects.mayCarry()) callbacks.saveNow(slot);
      else if (!this.#sendFirst(slot, total - done)) break;
    }
    clock.left = left;
    callbacks.save(slot);
    return done;
  }

  // A method of its own, since what is inlined in `#offer` should be what happens for each message.
  #sendFirst(slot: number, bytes: number): boolean {
    this.#callbacks.save(slot);
    this.#flow.flush();
    return this.#mayOffer(slot, bytes);
  }

  #mayOffer(slot: number, bytes: number): boolean {
    const table = this.#table;
    const base = (slot & SLOTS) * COLUMNS;
    if (!this.#flow.deliverable(table[base + FLAGS]!, bytes, table[base + WANT]!)) return false;
    table[base + WANT] = 0;
    return true;
  }

  /** Nothing comes any more. */
  ended(slot: number): void {
    const base = (slot & SLOTS) * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return;
    this.#table[base + FLAGS]! = flags | ENDED;
    this.#flow.watch(slot);
    if ((flags & CLOSING) !== 0) this.#connections.pushClosing(slot);
    else this.proceed(slot);
  }

  /** What can be done for a connection without an event: on_drain, held input, on_end. */
  proceed(slot: number): void {
    const base = (slot & SLOTS) * COLUMNS;
    if ((this.#table[base + FLAGS]! & ELSEWHERE) !== 0) {
      this.#splicing.proceed(slot, this.#callbacks.window);
      return;
    }
    if ((this.#table[base + FLAGS]! & DRAINED) !== 0) {
      this.#table[base + FLAGS]! &= ~DRAINED;
      this.#callbacks.drain(slot);
    }
    if (this.#flow.heldDeliverable(slot)) {
      const held = this.#loadHeld(slot);
      if ((this.#table[base + FLAGS]! & DOOMED) === 0) this.#deliver(slot, held, held);
    }
    const endDue = (this.#table[base + FLAGS]! & (ENDED | END_TOLD | WITHHELD)) === ENDED;
    if (endDue && !this.#flow.heldDeliverable(slot)) this.#end(slot);
  }

  #loadHeld(slot: number): number {
    const base = (slot & SLOTS) * COLUMNS;
    this.#callbacks.load(slot);
    this.#copyHeld(slot);
    return this.#table[base + HELD_BYTES]!;
  }

  #end(slot: number): void {
    const base = (slot & SLOTS) * COLUMNS;
    const held = this.#loadHeld(slot);
    if ((this.#table[base + FLAGS]! & DOOMED) !== 0) return;
    this.#table[base + FLAGS]! |= END_TOLD;
    const keep = this.#callbacks.end(slot, this.#callbacks.window, held);
    if (keep === FAILED) return;
    this.#pages.clear(base + HELD);
    const finished = keep === 0 || (this.#table[base + FLAGS]! & FIN_DUE) !== 0;
    if (finished) this.#lifecycle.finish(slot, REASON_PEER);
  }
}
