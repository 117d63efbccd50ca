// Outbound: the connections that the running callback has asked for, and those that it has spliced. Each has its row at
// once, so that it can be sent to; if the callback fails, it was never there. Nothing is connected here.

import {
  CONNECT_LINK,
  STATUS_BOUNDS,
  STATUS_CLOSED,
  STATUS_DENIED,
  STATUS_LIMIT,
  STATUS_OK,
  STATUS_STATE,
} from '../../assembly/abi.ts';
import type { Connections } from '../memory/connections.ts';
import type { Headers } from '../memory/headers.ts';
import * as Numbers from '../memory/layout.ts';
import type { Policy } from '../policy.ts';
import type { UpstreamAccess, UpstreamShare } from '../upstreams/contract.ts';
import { UpstreamCounts } from '../upstreams/counts.ts';
import { Directory, type NamedUpstream } from '../upstreams/directory.ts';
import * as Kinds from './effect-kinds.ts';
import type { Effects } from './effects.ts';

const { ASKED, CLOSING, COLUMNS, CONNECTING, DOOMED, FIN_DUE, FLAGS } = Numbers;
const { HANDLE, HANDSHAKING, HEADER_BYTES, KNOWN, LINKED, LISTENER, OUTBOUND } = Numbers;
const { PARENT, SPLICED, STAGED_FLAGS, TIES } = Numbers;
const { EFFECT_CONNECT, EFFECT_SPLICE } = Kinds;

// More stack than any part of `connect` takes: as deep as this, a guest that has left too little is stopped before
// anything was done.
const FRAMES = 48;

export class Outbound {
  readonly counts: UpstreamCounts | null;
  readonly directory: Directory | null;
  readonly #access: UpstreamAccess | null;
  readonly #connections: Connections;
  readonly #table: Int32Array;
  readonly #ties: Int32Array;
  readonly #headers: Headers;
  readonly #effects: Effects;
  readonly #opened: Float64Array;
  readonly #now: () => number;
  readonly #most: number;
  /** Slots that the running callback has asked for. */
  readonly #asked: Int32Array;
  #askedCount = 0;
  #isOver = false;

  /** @param access null where there are no upstreams */
  constructor(
    connections: Connections,
    effects: Effects,
    headers: Headers,
    { maxStagedSends, maxUpstreams }: Policy,
    clock: { readonly now: number },
    access: UpstreamAccess | null,
  ) {
    this.#connections = connections;
    this.#table = connections.table;
    this.#ties = connections.segment.ties;
    this.#opened = connections.segment.opened;
    this.#effects = effects;
    this.#headers = headers;
    this.#now = () => clock.now;
    this.#most = maxUpstreams;
    this.#access = access;
    this.#asked = new Int32Array(access === null ? 0 : maxStagedSends);
    const share = access?.share;
    this.directory = share === undefined ? null : new Directory(share);
    this.counts = share === undefined ? null : new UpstreamCounts(share.counts);
  }

  /** The operator has changed what there is. */
  update(share: UpstreamShare): void {
    this.counts?.adopt(share.counts);
    this.directory?.update(share);
  }

  /** All connections are being ended: a guest that made another each time would never be done. */
  end(): void {
    this.#isOver = true;
  }

  /**
   * @param parent a handle as the guest gave it; 0 for none
   * @param text the upstream, as the guest named it
   * @returns the handle, or a status below 0
   */
  connect(parent: number, text: string, flags: number): number {
    if ((flags & ~CONNECT_LINK) !== 0 || (flags !== 0 && parent === 0)) return STATUS_BOUNDS;
    const named = this.directory?.find(text) ?? null;
    if (named === null || this.#isOver) return STATUS_DENIED;
    const status = parent === 0 ? STATUS_OK : this.#statusOf(parent, CLOSING);
    if (status !== STATUS_OK) return status;
    if (named.added.length > this.#headers.stride || !this.#effects.hasRoom) return STATUS_LIMIT;
    descend(FRAMES);
    const { seat, room } = this.#access!;
    if (this.#askedCount >= room) return STATUS_LIMIT;
    if (!this.counts!.take(seat, named.number, named.facts.max, this.#most)) return STATUS_LIMIT;
    const slot = this.#take(parent, named, flags);
    if (slot < 0) {
      this.counts!.giveBack(seat, named.number);
      return STATUS_LIMIT;
    }
    this.#effects.ask(EFFECT_CONNECT, slot, 0);
    return this.#table[slot * COLUMNS + HANDLE]!;
  }

  #take(parent: number, { number, added }: NamedUpstream, flags: number): number {
    const table = this.#table;
    const slot = this.#connections.take(-1);
    if (slot < 0) return -1;
    this.#asked[this.#askedCount++] = slot;
    const base = slot * COLUMNS;
    // A guest is to tell it from a status by its sign.
    if (table[base + HANDLE]! < 0) table[base + HANDLE] = (1 << this.#connections.slotBits) | slot;
    table[base + LISTENER] = number;
    table[base + HEADER_BYTES] = added.length;
    const place = slot * this.#headers.stride;
    for (let at = 0; at < added.length; at += 1) {
      this.#headers.view[place + at] = added.charCodeAt(at);
    }
    this.#ties[slot * TIES + PARENT] = parent;
    this.#opened[slot] = this.#now();
    const linked = (flags & CONNECT_LINK) === 0 ? 0 : LINKED;
    table[base + FLAGS]! |= KNOWN | OUTBOUND | CONNECTING | ASKED | linked;
    return slot;
  }

  /** Two handles as the guest gave them. From the end of the callback on, bytes flow between the two. */
  splice(a: number, b: number): number {
    if (a === b) return STATUS_BOUNDS;
    const never = CLOSING | FIN_DUE | HANDSHAKING | SPLICED;
    for (const handle of [a, b]) {
      const status = this.#statusOf(handle, never);
      if (status !== STATUS_OK) return status;
    }
    if (!this.#effects.hasRoom) return STATUS_LIMIT;
    const [one, other] = [this.#connections.find(a), this.#connections.find(b)];
    this.#effects.ask(EFFECT_SPLICE, one, other);
    this.#table[one * COLUMNS + STAGED_FLAGS]! |= SPLICED;
    this.#table[other * COLUMNS + STAGED_FLAGS]! |= SPLICED;
    return STATUS_OK;
  }

  #statusOf(handle: number, never: number): number {
    const slot = this.#connections.find(handle);
    if (slot < 0) return STATUS_CLOSED;
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]! | this.#table[base + STAGED_FLAGS]!;
    if ((flags & DOOMED) !== 0) return STATUS_CLOSED;
    return (flags & never) === 0 ? STATUS_OK : STATUS_STATE;
  }

  /** The callback has returned: its connections are there. */
  committed(slot: number): void {
    this.#table[slot * COLUMNS + FLAGS]! &= ~ASKED;
    this.#askedCount = 0;
  }

  /** The callback has failed: there never were any. */
  rollback(): void {
    for (let index = 0; index < this.#askedCount; index += 1) {
      const slot = this.#asked[index]!;
      this.counts!.giveBack(this.#access!.seat, this.#table[slot * COLUMNS + LISTENER]!);
      this.#connections.release(slot);
    }
    this.#askedCount = 0;
  }
}

const descend = (frames: number): number => (frames === 0 ? 0 : 1 + descend(frames - 1));
