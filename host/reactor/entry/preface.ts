// Preface: what comes before a connection is the guest's. On a listener with PROXY headers that is the header,
// received into memory of the host's own; none of its bytes reaches the guest, and all that follow it do.

import { REASON_PEER, REASON_PROXY, REASON_SHUTDOWN } from '../../../assembly/abi.ts';
import * as Rows from '../../kernel/rows.ts';
import {
  INCOMPLETE,
  type ProxyHeader,
  ProxyRefusal,
  parseProxyHeader,
} from '../../listen/peer/proxy-header.ts';
import { DENIED, type Objection, Refusals } from '../../listen/peer/refusals.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Parts } from '../parts.ts';
import type { Works } from '../wiring.ts';

const {
  AWAITING,
  CLOSING,
  COLUMNS,
  DOOMED,
  FD,
  FLAGS,
  HANDLE,
  HANDSHAKING,
  HEADERS_BUFFER,
  HEADER_BYTES,
  HELD_SINCE,
  KNOWN,
  LAST_PROGRESS,
  LAYOUT,
  LISTENER,
  TIMES,
  TLS,
} = Numbers;
const { ROW, ROW_RESULT } = Rows;

/** What it calls. */
type Others = Pick<
  Works,
  'backlog' | 'callbacks' | 'deadlines' | 'endings' | 'flow' | 'handshakes' | 'output'
>;

export class Preface {
  readonly #parts: Parts;
  readonly #others: Others;
  readonly #refusals: Refusals;
  readonly #table: Int32Array;

  constructor(parts: Parts, others: Others) {
    this.#parts = parts;
    this.#others = others;
    this.#table = parts.connections.table;
    const { clock, observer } = parts;
    this.#refusals = new Refusals(
      (refused) => observer.refused?.(refused),
      () => clock.now,
    );
    parts.batch.bind(HEADERS_BUFFER, parts.headers.view);
  }

  /** The flags with which connections that come by this listener begin. */
  beginsWith(listener: number): number {
    if (this.#parts.listeners.isProxied(listener)) return AWAITING;
    return this.#others.handshakes.awaits(listener) ? TLS | HANDSHAKING : KNOWN;
  }

  /** The connection is the guest's from here on, or begins its handshake; its row has the flags for that. */
  arrive(slot: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & HANDSHAKING) === 0) this.greet(slot);
    else this.#others.handshakes.begin(slot);
  }

  /** The connection is the guest's from here on. */
  greet(slot: number): void {
    this.#parts.stats.connected();
    this.#others.endings.begun(slot);
    this.#others.callbacks.open(slot);
  }

  /** Receives what may be a header. @returns whether there was anything to do */
  receive(slot: number): boolean {
    const { batch, headers, kernel } = this.#parts;
    const { output, flow } = this.#others;
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & DOOMED) !== 0) return false;
    const { stride } = headers;
    const before = this.#table[base + HEADER_BYTES]!;
    const row = batch.count;
    const at = slot * stride + before;
    batch.recv(this.#table[base + FD]!, HEADERS_BUFFER, at, stride - before);
    flow.flush();
    const received = batch.rows[row * ROW + ROW_RESULT]!;
    if (received > 0) this.#read(slot, before + received);
    else if (received === 0) this.#ended(slot, before);
    else if (received !== -kernel.constants.EAGAIN) output.fail(slot, received);
    return true;
  }

  #read(slot: number, bytes: number): void {
    const { headers } = this.#parts;
    const at = slot * COLUMNS + HEADER_BYTES;
    // As long as it is not whole, whoever takes over the table goes on from here.
    this.#table[at] = bytes;
    let header: ProxyHeader | typeof INCOMPLETE;
    try {
      header = parseProxyHeader(headers.of(slot, bytes), headers.stride);
    } catch (error) {
      if (!(error instanceof ProxyRefusal)) throw error;
      this.#refuse(slot, ['PROXY', error.message]);
      return;
    }
    if (header === INCOMPLETE) return;
    this.#table[at] = header.length;
    const objection = this.#objection(slot, header);
    if (objection === null) this.#welcome(slot, header.length, bytes);
    else this.#refuse(slot, objection, header.source);
  }

  // Whom the header names is judged as one who connects directly would be. The balancer itself is not, nor
  // is a client without an address.
  #objection(slot: number, { client }: ProxyHeader): Objection | null {
    const { listeners, admits } = this.#parts;
    const base = slot * COLUMNS;
    if (client === null) return null;
    if (!listeners.admits(this.#table[base + LISTENER]!, client)) return DENIED;
    return admits(this.#table[base + FD]!, client);
  }

  #welcome(slot: number, length: number, bytes: number): void {
    const { connections, clock, headers, stats } = this.#parts;
    const { callbacks, deadlines, handshakes } = this.#others;
    const { states } = connections.segment;
    const base = slot * COLUMNS;
    if (callbacks.replacement.retryAt !== Infinity) {
      stats.refused();
      connections.doom(slot, REASON_SHUTDOWN);
      return;
    }
    // A swap in the meantime has not migrated what the guest did not know of.
    this.#table[base + LAYOUT] = states.generation;
    states.clear(slot);
    connections.segment.times[slot * TIMES + LAST_PROGRESS] = clock.now;
    const secured = handshakes.awaits(this.#table[base + LISTENER]!);
    const flags = this.#table[base + FLAGS]! & ~AWAITING;
    this.#table[base + FLAGS] = flags | (secured ? TLS | HANDSHAKING : KNOWN);
    deadlines.schedule(slot);
    this.arrive(slot);
    if (bytes === length) return;
    if (secured)
      handshakes.feed(slot, headers.view, slot * headers.stride + length, bytes - length);
    else this.#holdRest(slot, length, bytes - length);
  }

  #holdRest(slot: number, offset: number, length: number): void {
    const { connections, clock, headers, stats, observer } = this.#parts;
    const { backlog, deadlines } = this.#others;
    const base = slot * COLUMNS;
    stats.received(length);
    connections.received(slot, length, clock.now);
    if ((this.#table[base + FLAGS]! & (CLOSING | DOOMED)) !== 0) return;
    const start = slot * headers.stride + offset;
    if (observer.data !== null) {
      observer.data(this.#table[base + HANDLE]!, headers.view.slice(start, start + length));
    }
    backlog.holdFrom(slot, HEADERS_BUFFER, start, length);
    connections.segment.times[slot * TIMES + HELD_SINCE] = clock.now;
    deadlines.schedule(slot);
    connections.pushReady(slot);
  }

  // Whoever only looks whether somebody listens has said nothing wrong.
  #ended(slot: number, bytes: number): void {
    if (bytes > 0) this.#refuse(slot, ['PROXY', 'the connection ended within its PROXY header']);
    else this.#parts.connections.doom(slot, REASON_PEER);
  }

  /** Looks whether the time for the header is over, or that for a drain. */
  timeOut(slot: number): void {
    const { connections, clock, policy } = this.#parts;
    const { deadlines } = this.#others;
    if (deadlines.header(slot) <= clock.now) {
      this.#refuse(slot, ['PROXY', `no PROXY header came within ${policy.proxyTimeoutMs} ms`]);
    } else if (deadlines.quiet(slot) <= clock.now) connections.doom(slot, REASON_SHUTDOWN);
  }

  #refuse(slot: number, [refusal, why]: Objection, client: string | null = null): void {
    const { connections, facts, listeners, stats } = this.#parts;
    if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) !== 0) return;
    stats.error(refusal);
    stats.refused();
    const name = listeners.name(this.#table[slot * COLUMNS + LISTENER]!) ?? '';
    this.#refusals.add(refusal, name, () => client ?? facts.peerAddress(slot), why);
    connections.doom(slot, REASON_PROXY);
  }
}
