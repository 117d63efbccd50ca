// Contract: what an engine is: a store or a bus that lives outside this process, and what it says about
// itself. Types and the one error; nothing here opens anything.

import type { SharedRecord } from '../shared/member/drafts.ts';

/** Why an engine did not do what it was asked: STATUS_… of assembly/abi.ts, a negative number. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly status: number;

  constructor(status: number, message: string) {
    // Tens of thousands may fail at once, and a stack for each takes longer than all the rest.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.status = status;
  }
}

/** What a frame on its way costs besides its bytes; @redis/client takes 1,700 bytes of heap for a command. */
export const FRAME_OVERHEAD = 2048;

/** A reply without bytes. */
export const NO_BYTES: Uint8Array = new Uint8Array();

/** What a store found at a key. */
export interface Found {
  readonly version: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Keys with values. Each call is performed at most once, calls for one key in the order in which they are
 * made, and each settles within the time it was given when it was opened. What an engine cannot do it
 * rejects with an EngineError:
 *   ABSENT, CONFLICT, LIMIT   nothing happened, and that is why
 *   UNAVAILABLE               nothing happened, or nothing could have: the call only reads
 *   UNKNOWN                   it may have happened, or may yet
 * Nobody changes an array that an engine was given.
 */
export interface StoreEngine {
  readonly state: EngineState;
  /** Resolves when the first attempt to reach it is over, whatever came of it; it goes on trying. */
  start(): Promise<void>;
  get(key: Uint8Array): Promise<Found | null>;
  /**
   * @param version 8 bytes that no value ever had
   * @param expected the version that is to be replaced, eight zeros if there must be none, null for any
   * @param ttlMs 0 is for ever
   */
  put(
    key: Uint8Array,
    value: Uint8Array,
    version: Uint8Array,
    expected: Uint8Array | null,
    ttlMs: number,
  ): Promise<void>;
  delete(key: Uint8Array, expected: Uint8Array | null): Promise<void>;
  /** @returns the sum. `ttlMs` is that of a key that was absent; others keep theirs. */
  add(key: Uint8Array, delta: number, version: Uint8Array, ttlMs: number): Promise<number>;
  /** Idempotent; what is still waiting is rejected. */
  close(): Promise<void>;
}

/**
 * Told once what became of a request.
 * @param status OK, or as for an EngineError
 * @param reply bytes of the reply, by the operation; nothing with another status than OK
 */
export type Answered = (status: number, reply: Uint8Array) => void;

/** A store as records ask for it: an engine, by operations.ts, or the harness's own. */
export interface Performer {
  readonly state: EngineState;
  /** As `StoreEngine.start`. */
  start(): Promise<void>;
  /**
   * @param answered called once, not before this returns
   * @returns the version that a value has if the request sets it
   */
  perform(record: SharedRecord, answered: Answered): Uint8Array;
  /** As `StoreEngine.close`. */
  close(): Promise<void>;
}

export interface BusEvents {
  /** A frame of somebody's. It is valid during the call only. */
  frame(frame: Uint8Array): void;
  /** It was not listening for a time: frames of others may be lost. */
  gap(): void;
  /** A frame that it took may not have reached the others. */
  lost(): void;
  /** It takes frames, after it had refused some or was not connected. */
  ready(): void;
}

/** Frames for all processes of a service. Those of one process arrive in the order they were sent. */
export interface BusEngine {
  readonly state: EngineState;
  /** Resolves when the first attempt to reach it is over, whatever came of it; it goes on trying. */
  start(events: BusEvents): Promise<void>;
  /**
   * @param frame the engine's from here on
   * @returns false if it is not connected, or too much waits: the frame is not sent
   */
  publish(frame: Uint8Array): boolean;
  /** Idempotent. */
  close(): Promise<void>;
}

/** An engine and its address, without user and password. */
export interface Engine<E> {
  readonly name: string;
  readonly engine: E;
}

export interface EngineState {
  readonly connected: boolean;
  /** How often it was reached again after it had been lost. */
  readonly reconnects: number;
}

/** Told when an engine is lost, and when it is there again. */
export interface EngineWatch {
  down(why: string): void;
  up(): void;
}
