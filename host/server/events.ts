// Events: turns what an engine tells into events and log lines. It knows how they look, and nothing of
// where they come from.

import { EventEmitter } from 'node:events';
import type { CallFiles, CrashObserver, RecordingFiles } from '../crashes/crash-files.ts';
import { messageOf } from '../errors.ts';
import type { Refused } from '../listen/peer/refusals.ts';
import type { Policy } from '../policy.ts';
import type { Subscription } from '../shared/member/subscriptions.ts';
import type { Ending, EngineObserver, Failure, Interests } from '../threads/engine.ts';
import { type ClosedConnection, closedConnection, faultOf } from './endings.ts';
import { LineLimit } from './line-limit.ts';
import { bytesText, type Logger, logAt, silent } from './logger.ts';
import { SourceMaps } from './source-maps.ts';

export interface ServerEvents {
  /** A connection was accepted; `server.send` takes its id until it is closed. */
  open: [{ id: number; address: string }];
  /** A connection is over. */
  close: [ClosedConnection];
  /** Messages for one of the server's own subscriptions were lost, or may have been. */
  missed: [Subscription];
  /** The guest failed or hung, and was replaced. */
  restart: [GuestFailure];
  /** The module was swapped; `protocol` is the new one's name. */
  swap: [{ protocol: string }];
  /**
   * Something failed that does not end the server: a listener pauses, a guest did not come up, a handler of
   * `subscribe` threw.
   */
  error: [Error];
}

/** What a `restart` event tells. */
export interface GuestFailure {
  readonly reason: string;
  /** `on_data`; empty when the thread ended outside of its guest. */
  readonly callback: string;
  /** `assembly/echo.ts:12:5`, if the module's source map lies beside it; null otherwise. */
  readonly source: string | null;
  /** The connection that it was serving, which is lost; null when there was none. */
  readonly id: number | null;
  readonly address: string;
}

export class ServerLog implements EngineObserver, CrashObserver {
  /** Whose events these are; none are made before it is set. */
  emitter: EventEmitter<ServerEvents> = new EventEmitter();
  /** Called when no connection is left of a server that ends. */
  whenQuiet: () => void = () => undefined;
  /** Called when there are too few descriptors for a thread, and when there are enough again. */
  whenStarving: (starved: boolean) => void = () => undefined;
  /** How many lines were left out before they came here. */
  leftOutBefore: () => number = () => 0;
  readonly #logger: Logger;
  readonly #limit: LineLimit;
  /** The addresses of those whose data is shown, by their ids; null when no data is. */
  readonly #shown: Map<number, string> | null;
  readonly #maps = new SourceMaps();
  readonly #tickMs: number;
  readonly #policy: Policy;
  #crashes: CallFiles | null = null;
  #recordings: RecordingFiles | null = null;
  #module = '';

  /**
   * @param showsData whether lines show what clients send
   */
  constructor(policy: Policy, logger: Logger = silent, showsData = false) {
    this.#policy = policy;
    this.#logger = logger;
    this.#tickMs = policy.tickMs;
    const say = (count: number): void =>
      this.#logger.warn({ leftOut: count }, `${count} lines left out`);
    this.#limit = new LineLimit(policy.logLinesPerSecond, () => this.leftOut, say);
    this.#shown = showsData ? new Map() : null;
  }

  /**
   * From now on it is kept in these folders in what the guest fails: callbacks, and all that an instance was given.
   * @throws WasmpollError ERR_OPTION when a folder is none
   */
  async keepCrashes(crashes: string | undefined, recordings: string | undefined): Promise<void> {
    if (crashes === undefined && recordings === undefined) return;
    // Few servers keep crashes, and all start as fast as they can.
    const { CRASH, CrashFiles, RECORDING } = await import('../crashes/crash-files.ts');
    if (crashes !== undefined) this.#crashes = new CrashFiles(crashes, CRASH, this);
    if (recordings !== undefined) this.#recordings = new CrashFiles(recordings, RECORDING, this);
  }

  /** Lines that the limit has left out. */
  get leftOut(): number {
    return this.leftOutBefore() + this.#limit.leftOut;
  }

  /** Whether one more line may be written of those that others can bring about. */
  admit(): boolean {
    return this.#limit.admit();
  }

  /** What somebody listens to: the rest need not be looked up, nor sent between threads. */
  get interests(): Interests {
    const debug = this.#logger.isLevelEnabled?.('debug') ?? this.#logger !== silent;
    const lines = debug || this.#shown !== null;
    return {
      open: lines || this.emitter.listenerCount('open') > 0,
      close: lines || this.emitter.listenerCount('close') > 0,
      data: this.#shown !== null,
    };
  }

  open(id: number, address: string): void {
    this.#shown?.set(id, address);
    this.#connection({ id, peer: address }, 'connected');
    this.#emit('open', { id, address });
  }

  close(ending: Ending): void {
    const closed = closedConnection(ending);
    const { id, address: peer, ...rest } = closed;
    const fields = { id, peer, ...rest };
    if (ending.fault) {
      if (this.#limit.admit()) this.#logger.warn(fields, faultOf(ending.reason));
    } else this.#connection(fields, 'closed');
    this.#shown?.delete(id);
    this.#emit('close', closed);
  }

  #connection(fields: object, message: string): void {
    if (this.#shown !== null) this.#logger.info(fields, message);
    else this.#logger.debug(fields, message);
  }

  data(id: number, bytes: Uint8Array): void {
    const peer = this.#shown?.get(id) ?? '';
    this.#logger.info({ id, peer, data: bytesText(bytes) }, 'received');
  }

  restart({ why, callback, connection, peer, place, crash }: Failure): void {
    const source = place === null ? null : this.#maps.lineAt(place);
    if (crash !== null) {
      const { call, frames, tape } = crash;
      const module = { name: this.#module, sha256: call.sha256 };
      const policy = this.#policy;
      const kept = { module, reason: why, source, frames, connection, policy, call };
      this.#crashes?.take(kept);
      if (tape !== null) this.#recordings?.take({ ...kept, tape });
    }
    if (this.#limit.admit()) {
      const fields = Object.entries({ reason: why, callback, source, id: connection, peer });
      const known = fields.filter(([, value]) => value !== null && value !== '');
      this.#logger.error(Object.fromEntries(known), 'guest failed and was replaced');
    }
    this.#emit('restart', { reason: why, callback, source, id: connection, address: peer });
  }

  /** A module serves from now on: what it lacks for the settings that there are. */
  serving({
    exports,
    name,
  }: {
    readonly exports: ReadonlySet<string>;
    readonly name: string;
  }): void {
    this.#maps.forget();
    this.#module = name;
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

  kept(file: string): void {
    this.#logger.warn({ file }, 'what the guest has failed in was kept: see wasmpoll replay');
  }

  lost(why: string): void {
    this.#logger.warn({ reason: why }, 'what the guest has failed in was not kept');
  }

  /** A handler of the program's own failed. */
  failed(error: unknown): void {
    this.failure(error);
  }

  missed(subscription: Subscription): void {
    if (this.#limit.admit()) this.#logger.warn({ ...subscription }, 'messages were missed');
    this.#emit('missed', subscription);
  }

  /** A listener works, and will not for ever. */
  warn(message: string): void {
    this.#logger.warn({}, message);
  }

  /** One of the listeners' rules has kept somebody out; told of once a second at most. */
  refused({ refusal, peer, listener, why, more }: Refused): void {
    const fields = { reason: refusal, peer, listener, ...(more > 0 && { more }) };
    this.#logger.warn(fields, `refused: ${why}`);
  }

  log(level: number, text: string): void {
    if (this.#limit.admit()) logAt(this.#logger, level, { from: 'guest' }, text);
  }

  starving(starved: boolean): void {
    this.whenStarving(starved);
  }

  quiet(): void {
    this.whenQuiet();
  }

  /** No line comes any more. */
  end(): void {
    this.#limit.end();
  }

  // Later, so that a listener may do anything, even close the server, though a turn is running.
  #emit<Name extends keyof ServerEvents>(name: Name, value: ServerEvents[Name][0]): void {
    const emitter: EventEmitter = this.emitter as EventEmitter;
    if (emitter.listenerCount(name) > 0) queueMicrotask(() => emitter.emit(name, value));
  }
}
