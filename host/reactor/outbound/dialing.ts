// Dialing: what happens when it is known what became of a connection that was asked for: it has a descriptor from here
// on, or it is over. It does not know how one is made.

import { REASON_CONNECT } from '../../../assembly/abi.ts';
import { ON_CONNECT } from '../../memory/control-words.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Parts } from '../parts.ts';
import { Sealing } from '../tls/sealing.ts';
import type { Works } from '../wiring.ts';

const { BUSY, CLOSING, COLUMNS, CONNECTING, DOOMED, FD, FIN_DUE, FLAGS, GONE } = Numbers;
const { HANDLE, LAST_PROGRESS, OPEN, OUTPUT_BYTES, OUTPUT_SINCE, OVER, TIMES, TLS } = Numbers;

// What a seat of TLS answers.
const NO_SESSION = 0;
const INPUT_WAITS = 2;

/** What it calls. */
type Others = Pick<Works, 'backlog' | 'callbacks' | 'deadlines' | 'endings' | 'flow' | 'outgoing'>;

export class Dialing {
  readonly #parts: Parts;
  readonly #others: Others;
  readonly #table: Int32Array;
  readonly #sealing: Sealing;

  constructor(parts: Parts, others: Others) {
    this.#parts = parts;
    this.#sealing = new Sealing(parts, others.backlog);
    this.#others = others;
    this.#table = parts.connections.table;
  }

  /**
   * Takes up the answers that have come, for a bounded time. Everything is at rest.
   * @param rest brings everything to rest
   * @returns whether some are left
   */
  takeAnswers(rest: () => void): boolean {
    const { answers } = this.#parts.control;
    while (answers.look()) {
      this.#take(answers.handle, answers.fd, answers.session);
      rest();
      if (this.#parts.clock.spent() && answers.look()) return true;
    }
    if (this.#others.outgoing.due) this.#others.outgoing.redial();
    return false;
  }

  #take(handle: number, fd: number, session: number): void {
    const { connections, control } = this.#parts;
    const slot = connections.current(handle);
    const flags = slot < 0 ? 0 : this.#table[slot * COLUMNS + FLAGS]!;
    if ((flags & (OPEN | CONNECTING | DOOMED)) === (OPEN | CONNECTING)) {
      if (fd < 0) connections.doom(slot, REASON_CONNECT);
      else this.#place(slot, fd, session);
      control.answers.done();
      if (fd >= 0) this.#connected(slot);
      return;
    }
    // Nobody waits for it any more.
    control.answers.done();
    this.#drop(fd, session);
  }

  #drop(fd: number, session: number): void {
    if (session !== 0) this.#parts.tls?.seat.drop(session);
    if (fd >= 0) this.#parts.kernel.reset(fd);
  }

  /** What has come is taken up by nobody. */
  close(): void {
    const { answers } = this.#parts.control;
    for (; answers.look(); answers.done()) this.#drop(answers.fd, answers.session);
  }

  #place(slot: number, fd: number, session: number): void {
    const base = slot * COLUMNS;
    this.#table[base + BUSY] = 1;
    if (session !== 0) this.#adopt(slot, session);
    this.#table[base + FD] = fd;
    this.#table[base + FLAGS]! &= ~CONNECTING;
  }

  // Without the session nothing may go out: it would be in clear.
  #adopt(slot: number, session: number): void {
    const base = slot * COLUMNS;
    const { connections, tls } = this.#parts;
    const found = tls?.seat.adopt(slot, this.#table[base + HANDLE]!, session) ?? NO_SESSION;
    if (found === NO_SESSION) connections.doom(slot, REASON_CONNECT);
    this.#table[base + FLAGS]! |= found === INPUT_WAITS ? TLS | OVER : TLS;
  }

  // What was sent meanwhile goes first.
  #connected(slot: number): void {
    const { clock, connections } = this.#parts;
    const { deadlines, endings, flow } = this.#others;
    const { opened, times } = connections.segment;
    const base = slot * COLUMNS;
    opened[slot] = clock.now;
    times[slot * TIMES + LAST_PROGRESS] = clock.now;
    times[slot * TIMES + OUTPUT_SINCE] = clock.now;
    if ((this.#table[base + FLAGS]! & TLS) !== 0) this.#sealing.rewrite(slot);
    const sends = this.#table[base + OUTPUT_BYTES]! > 0;
    if (sends && (this.#table[base + FLAGS]! & DOOMED) === 0) flow.flushBacklog(slot);
    // Behind that: usually there is no output left to wait for.
    flow.watch(slot);
    if ((this.#table[base + FLAGS]! & (FIN_DUE | CLOSING)) !== 0) connections.pushClosing(slot);
    deadlines.schedule(slot);
    if ((this.#table[base + FLAGS]! & DOOMED) === 0) endings.begun(slot);
    if ((this.#table[base + FLAGS]! & GONE) === 0) this.tell(slot);
    // Behind on_connect.
    if ((this.#table[base + FLAGS]! & (OVER | DOOMED)) === OVER) connections.pushReady(slot);
    this.#table[base + BUSY] = 0;
  }

  /** on_connect: the connection is there, or it is protected from here on. */
  tell(slot: number): void {
    const { callbacks, outgoing } = this.#others;
    const { onConnect } = callbacks.guest;
    const parent = outgoing.parent(slot);
    callbacks.notify(
      slot,
      onConnect === null ? null : (connection, state) => onConnect(connection, state, parent),
      ON_CONNECT,
    );
  }

  /** The thread before may have noted an answer, and not taken it out. */
  recover(): void {
    const { answers } = this.#parts.control;
    const { connections } = this.#parts;
    if (!answers.look() || answers.fd < 0) return;
    const slot = connections.current(answers.handle);
    if (slot >= 0 && this.#table[slot * COLUMNS + FD] === answers.fd) answers.done();
  }
}
