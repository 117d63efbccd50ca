// Events: turns what an engine tells into events and log lines. It knows how they look, and nothing of
// where they come from.

import { EventEmitter } from 'node:events';
import * as abi from '../../assembly/abi.ts';
import { messageOf } from '../errors.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Refused } from '../listen/peer/refusals.ts';
import type { Policy } from '../policy.ts';
import { RateLimit } from '../rate-limit.ts';
import type { Subscription } from '../shared/member/subscriptions.ts';
import type { EngineObserver, Interests } from '../threads/engine.ts';
import { bytesText, type Logger, logAt, silent } from './logger.ts';

export interface ServerEvents {
  /** A connection was accepted; `server.send` takes its id until it is closed. */
  open: [{ id: number; address: string }];
  /** A connection is over; `reason` as in docs/abi.md. */
  close: [{ id: number; reason: string }];
  /** Messages for one of the server's own subscriptions were lost, or may have been. */
  missed: [Subscription];
  /** The guest failed or hung, and was replaced. */
  restart: [{ reason: string }];
  /** The module was swapped; `protocol` is the new one's name. */
  swap: [{ protocol: string }];
  /**
   * Something failed that does not end the server: a listener pauses, a guest did not come up, a handler of
   * `subscribe` threw.
   */
  error: [Error];
}

export class ServerLog implements EngineObserver {
  /** Whose events these are; none are made before it is set. */
  emitter: EventEmitter<ServerEvents> = new EventEmitter();
  /** Called when no connection is left of a server that ends. */
  whenQuiet: () => void = () => undefined;
  /** Called when there are too few descriptors for a thread, and when there are enough again. */
  whenStarving: (starved: boolean) => void = () => undefined;
  readonly #logger: Logger;
  readonly #limit: RateLimit;
  readonly #maxFrameBytes: number;
  readonly #tickMs: number;

  constructor(policy: Policy, logger: Logger = silent) {
    this.#logger = logger;
    this.#maxFrameBytes = policy.maxFrameBytes;
    this.#tickMs = policy.tickMs;
    this.#limit = new RateLimit(policy.logLinesPerSecond, monotonicMs);
  }

  /** What somebody listens to: the rest need not be looked up, nor sent between threads. */
  get interests(): Interests {
    const debug = this.#logger.isLevelEnabled?.('debug') ?? this.#logger !== silent;
    return {
      open: debug || this.emitter.listenerCount('open') > 0,
      close: debug || this.emitter.listenerCount('close') > 0,
      data: debug,
    };
  }

  open(id: number, address: string): void {
    this.#logger.debug({ id, address }, 'connected');
    this.#emit('open', { id, address });
  }

  close(id: number, reason: number): void {
    this.#logger.debug({ id, reason: reasonName(reason) }, 'closed');
    this.#emit('close', { id, reason: reasonName(reason) });
  }

  data(id: number, bytes: Uint8Array): void {
    this.#logger.debug({ id, data: bytesText(bytes) }, 'received');
  }

  restart(why: string): void {
    if (this.#limit.admit()) this.#logger.error({ reason: why }, 'guest failed and was replaced');
    this.#emit('restart', { reason: why });
  }

  /** A module serves from now on: what it lacks for the settings that there are. */
  serving({ exports }: { readonly exports: ReadonlySet<string> }): void {
    if (this.#tickMs === 0 || exports.has('on_tick')) return;
    this.#logger.warn({ tickMs: this.#tickMs }, 'tickMs is set, and the protocol has no on_tick');
  }

  swapped(protocol: string): void {
    this.#logger.info({ protocol }, 'module swapped');
    this.#emit('swap', { protocol });
  }

  failure(error: unknown): void {
    this.fail(error instanceof Error ? error : new Error(messageOf(error)));
  }

  fail(error: Error): void {
    this.#logger.error({ code: (error as { code?: string }).code }, error.message);
    this.#emit('error', error);
  }

  /** A handler of the program's own failed. */
  failed(error: unknown): void {
    this.failure(error);
  }

  missed(subscription: Subscription): void {
    if (this.#limit.admit()) this.#logger.warn({ ...subscription }, 'messages were missed');
    this.#emit('missed', subscription);
  }

  overlong(id: number): void {
    if (!this.#limit.admit()) return;
    const fields = { id, maxFrameBytes: this.#maxFrameBytes };
    this.#logger.warn(fields, 'closed: the guest used nothing of a whole maxFrameBytes');
  }

  /** One of the listeners' rules has kept somebody out; told of once a second at most. */
  refused({ refusal, peer, listener, why, more }: Refused): void {
    const fields = { reason: refusal, peer, listener, ...(more > 0 && { more }) };
    this.#logger.warn(fields, `refused: ${why}`);
  }

  log(level: number, text: string): boolean {
    if (!this.#limit.admit()) return false;
    logAt(this.#logger, level, { from: 'guest' }, text);
    return true;
  }

  starving(starved: boolean): void {
    this.whenStarving(starved);
  }

  quiet(): void {
    this.whenQuiet();
  }

  // Later, so that a listener may do anything, even close the server, though a turn is running.
  #emit<Name extends keyof ServerEvents>(name: Name, value: ServerEvents[Name][0]): void {
    const emitter: EventEmitter = this.emitter as EventEmitter;
    if (emitter.listenerCount(name) > 0) queueMicrotask(() => emitter.emit(name, value));
  }
}

const reasons: ReadonlyMap<number, string> = new Map(
  Object.entries(abi)
    .filter(([name]) => name.startsWith('REASON_'))
    .map(([name, value]) => [
      value,
      name.slice('REASON_'.length).toLowerCase().replaceAll('_', ' '),
    ]),
);

/** `peer`, `guest`, `write timeout`, …: the reason's name in abi.ts. */
export const reasonName = (reason: number): string => reasons.get(reason) ?? `reason ${reason}`;
