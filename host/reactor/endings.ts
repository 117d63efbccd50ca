// Endings: what those who watch are told of a connection that is over, and of a guest that has failed. It knows how
// a row looks, and decides nothing.

import * as abi from '../../assembly/abi.ts';
import { framesOf, placeOf, trapOf } from '../guest/trap.ts';
import { bytesIn, bytesOut } from '../memory/connection-rows.ts';
import { COLUMNS, FLAGS, HANDLE, KNOWN, LOST, REASON } from '../memory/layout.ts';
import type { Segment } from '../memory/segment.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import { REPEAT_MS, Repeats } from '../rate-limit.ts';
import type { Ending, Failure } from './observer.ts';
import type { Parts } from './parts.ts';

const FAULTS: ReadonlySet<number> = new Set([
  abi.REASON_FRAME,
  abi.REASON_LIMIT,
  abi.REASON_MEMORY,
  abi.REASON_WRITE_TIMEOUT,
  abi.REASON_FRAME_TIMEOUT,
  abi.REASON_TRAP,
  abi.REASON_HUNG,
]);

export class Endings {
  readonly #table: Int32Array;
  readonly #segment: Segment;
  readonly #clock: Parts['clock'];
  readonly #observer: Parts['observer'];
  readonly #facts: Parts['facts'];
  readonly #stats: Parts['stats'];
  readonly #control: Parts['control'];
  readonly #record: Parts['record'];
  readonly #recorder: Parts['recorder'];
  readonly #repeats: Repeats;
  /** By slot, while endings are told: who has reset a connection cannot be asked who it was. */
  readonly #peers: string[] = [];

  constructor(parts: Parts) {
    this.#table = parts.connections.table;
    this.#segment = parts.connections.segment;
    this.#clock = parts.clock;
    this.#observer = parts.observer;
    this.#facts = parts.facts;
    this.#stats = parts.stats;
    this.#control = parts.control;
    this.#record = parts.record;
    this.#recorder = parts.recorder;
    this.#repeats = new Repeats(REPEAT_MS, () => parts.clock.now);
  }

  /** A connection has begun. */
  begun(slot: number): void {
    const { open, close } = this.#observer;
    if (open === null && close === null) return;
    const peer = this.#facts.peerAddress(slot);
    if (close !== null) this.#peers[slot] = peer;
    open?.(this.#table[slot * COLUMNS + HANDLE]!, peer);
  }

  /** It is about to be over: its descriptor is there still, if it ever will be told. */
  over(slot: number): void {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & KNOWN) === 0) return;
    const { close } = this.#observer;
    const reason = this.#table[base + REASON]!;
    const fault = FAULTS.has(reason) || (flags & LOST) !== 0;
    if (close === null && !fault) return;
    const ending: Ending = {
      connection: this.#table[base + HANDLE]!,
      reason,
      fault,
      peer: this.#peers[slot] || this.#facts.peerAddress(slot),
      listener: this.#facts.listener(slot),
      lasted: this.#clock.now - this.#segment.opened[slot]!,
      bytesIn: bytesIn(this.#table, this.#segment.times, slot),
      bytesOut: bytesOut(this.#table, this.#segment.times, slot),
    };
    delete this.#peers[slot];
    if (close !== null) close(ending);
    else if (!this.#observer.fault(ending)) this.#stats.logDropped();
  }

  /** What a guest failed of. */
  inWords(thrown: unknown): string {
    return trapOf(thrown);
  }

  /**
   * The guest has failed.
   * @param slot of the connection that it was serving, or one of IN_…
   * @param what stands before why
   */
  failed(slot: number, what: string, thrown: unknown, module: GuestModule): void {
    const serving = slot >= 0;
    const why = what + trapOf(thrown);
    const { callback } = this.#control;
    this.#observer.restart({
      why,
      callback,
      connection: serving ? this.#table[slot * COLUMNS + HANDLE]! : null,
      peer: serving ? this.#peers[slot] || this.#facts.peerAddress(slot) : '',
      place: placeOf(thrown, module.map ?? null),
      crash: this.#crash(callback, why, thrown),
    });
  }

  // Under a storm of traps nothing is copied that would not be kept. What was noted is of an earlier callback if an
  // instance has failed in its start-up.
  #crash(callback: string, why: string, thrown: unknown): Failure['crash'] {
    if (this.#record === null || !this.#repeats.admit(`${callback}: ${why}`)) return null;
    const call = this.#record.read();
    if (call === null || call.callback !== callback) return null;
    return { call, frames: framesOf(thrown), tape: this.#recorder?.tape.read() ?? null };
  }
}
