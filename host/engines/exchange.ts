// Exchange: carries messages between this process and others of the same service. What is published here
// goes out, what others publish comes in, and each loss that is known is told on both sides.

import type { SharedRecord } from '../shared/member/drafts.ts';
import { isTopic } from '../shared/names.ts';
import { FLAG_RETAIN } from '../shared/records.ts';
import type { BusEngine, BusEvents } from './contract.ts';
import { FRAME_GAP, FRAME_RETAIN, makeFrame, readFrame } from './frame.ts';
import type { Timers } from './timers.ts';

/** The program's own seat, which commits what comes in: see `Member`. */
export interface Inbound {
  /**
   * Both are valid during the call only.
   * @returns false when the message breaks a bound of this process
   */
  inbound(topic: Uint8Array, data: Uint8Array, retain: boolean, ttlMs: number): boolean;
  /** Messages of others may be lost: all members are to be told. */
  gap(): void;
}

export interface ExchangeCounts {
  /** Frames since the start: sent, received from others, and refused by the bus or lost on the way. */
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  /** How often messages of others may have been lost. */
  readonly gaps: number;
  /** What came in and is no frame, or is longer than this process allows. */
  readonly malformed: number;
}

const NOTHING = new Uint8Array();
/** A bus that takes a frame and fails it at once must not be asked again and again. */
const RETRY_MS = 1_000;

export class Exchange implements BusEvents {
  readonly #bus: BusEngine;
  readonly #inbound: Inbound;
  readonly #process: Uint8Array;
  readonly #timers: Timers;
  readonly #counts = { sent: 0, received: 0, lost: 0, gaps: 0, malformed: 0 };
  /** The others have to be told that they missed something before they are given the next message. */
  #owed = false;
  #stopRetry: (() => void) | null = null;
  #closed = false;

  /** @param process PROCESS_BYTES that no other process of the service has */
  constructor(bus: BusEngine, inbound: Inbound, process: Uint8Array, timers: Timers) {
    this.#bus = bus;
    this.#inbound = inbound;
    this.#process = process;
    this.#timers = timers;
  }

  get counts(): ExchangeCounts {
    return { ...this.#counts };
  }

  start(): Promise<void> {
    return this.#bus.start(this);
  }

  /** @param record one of OP_PUBLISH */
  publish({ flags, first, second, ttlMs }: SharedRecord): void {
    const kept = (flags & FLAG_RETAIN) === 0 ? 0 : FRAME_RETAIN;
    const frame = makeFrame(this.#process, kept, first, second, ttlMs);
    if (!this.#settleDebt() || !this.#bus.publish(frame)) {
      this.#counts.lost += 1;
      this.#owed = true;
      return;
    }
    this.#counts.sent += 1;
  }

  /** What was published here is lost for the others: there was no room for it. */
  missed(): void {
    this.#counts.lost += 1;
    this.#owed = true;
    this.#settleDebt();
  }

  close(): void {
    this.#closed = true;
    this.#stopRetry?.();
  }

  frame(bytes: Uint8Array): void {
    if (this.#closed) return;
    const frame = readFrame(bytes);
    if (frame === null) {
      this.#counts.malformed += 1;
      return;
    }
    const { process, flags, topic, data, ttlMs } = frame;
    if (isSame(process, this.#process)) return;
    if ((flags & FRAME_GAP) !== 0) {
      this.gap();
      return;
    }
    const fits =
      isTopic(topic, 0, topic.length) &&
      this.#inbound.inbound(topic, data, (flags & FRAME_RETAIN) !== 0, ttlMs);
    if (fits) {
      this.#counts.received += 1;
      return;
    }
    this.#counts.malformed += 1;
    this.gap();
  }

  gap(): void {
    if (this.#closed) return;
    this.#counts.gaps += 1;
    this.#inbound.gap();
  }

  lost(): void {
    if (this.#closed) return;
    this.#counts.lost += 1;
    this.#owed = true;
    this.#stopRetry ??= this.#timers.after(RETRY_MS, () => {
      this.#stopRetry = null;
      this.#settleDebt();
    });
  }

  ready(): void {
    if (!this.#closed) this.#settleDebt();
  }

  /** @returns whether nothing is owed (any more) */
  #settleDebt(): boolean {
    if (!this.#owed) return true;
    this.#owed = !this.#bus.publish(makeFrame(this.#process, FRAME_GAP, NOTHING, NOTHING));
    return !this.#owed;
  }
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.every((byte, at) => byte === other[at]);
