// Supervisor: reactors in worker threads, `workers: N`. It gives each accepted descriptor to the least
// loaded worker, adds up what they count, and replaces threads that hang or die. It never enters a guest.

import { WasmpollError } from '../errors.ts';
import { checkTakeover } from '../guest/takeover.ts';
import type { Native } from '../kernel/native.ts';
import { STATS, Stats } from '../memory/stats.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import type { Engine, EngineObserver, Interests, ServerStats } from './engine.ts';
import { Position } from './seat.ts';
import { tryModule } from './trial.ts';
import type { FromWorker } from './worker.ts';

// After an abort workers have this much of callbackTimeoutMs, and no less than a second, to obey.
const ABORT_FACTOR = 2;
const ABORT_MS = 1000;

export class Supervisor implements Engine {
  readonly #native: Native;
  readonly #policy: Policy;
  readonly #observer: EngineObserver;
  #positions: Position[];
  /** Positions that a swap has replaced and whose connections drain, with the end of their patience. */
  readonly #retired = new Map<Position, NodeJS.Timeout>();
  /** What positions have counted that are gone. */
  readonly #past = new Float64Array(STATS);
  #pastRestarts = 0;
  /** Positions that were ever made: each has a number of its own. */
  #made = 0;
  #refused = 0;
  #ending = false;
  #closed = false;
  readonly #share: Policy;
  #last: NodeJS.Timeout | undefined;

  private constructor(
    native: Native,
    module: GuestModule,
    policy: Policy,
    workers: number,
    observer: EngineObserver,
  ) {
    this.#native = native;
    this.#policy = policy;
    this.#observer = observer;
    this.#share = sharePolicy(policy, workers);
    this.#positions = Array.from({ length: workers }, () => this.#makePosition(module));
  }

  #makePosition(module: GuestModule): Position {
    const position = new Position({
      index: this.#made,
      native: this.#native,
      module,
      policy: this.#share,
      observer: {
        message: (position, message) => this.#receive(position, message),
        died: (position, why) => this.#died(position, why),
      },
    });
    this.#made += 1;
    return position;
  }

  get #all(): Position[] {
    return [...this.#positions, ...this.#retired.keys()];
  }

  /**
   * Starts the workers.
   * @throws WasmpollError ERR_GUEST when a guest does not start, ERR_POLICY when the pool cannot be shared
   */
  static async start(
    native: Native,
    module: GuestModule,
    policy: Policy,
    workers: number,
    observer: EngineObserver,
  ): Promise<Supervisor> {
    const supervisor = new Supervisor(native, module, policy, workers, observer);
    try {
      await Promise.all(supervisor.#positions.map((position) => position.start()));
    } catch (error) {
      await supervisor.close();
      throw error;
    }
    return supervisor;
  }

  accept(fd: number): void {
    let [chosen, least, total]: [Position | null, number, number] = [null, Infinity, 0];
    for (const position of this.#positions) {
      const { load } = position;
      total += load;
      // A position whose thread is being replaced is served again in a moment, if less well.
      const cost = position.ready ? load : load + this.#policy.maxConnections;
      if (cost < least) [chosen, least] = [position, cost];
    }
    for (const position of this.#retired.keys()) total += position.load;
    if (total < this.#policy.maxConnections && chosen?.hand(fd)) return;
    this.#native.close(fd);
    this.#refused += 1;
  }

  #receive(position: Position, message: FromWorker): void {
    const observer = this.#observer;
    // Handles are a worker's own; the worker's number makes them the server's.
    const id = (handle: number): number => position.index * 2 ** 32 + (handle >>> 0);
    if (message.kind === 'open') observer.open(id(message.id), message.address);
    else if (message.kind === 'close') observer.close(id(message.id), message.reason);
    else if (message.kind === 'data') observer.data(id(message.id), message.bytes);
    else if (message.kind === 'log') observer.log(message.level, message.text);
    else if (message.kind === 'restart') observer.restart(message.why);
    else if (message.kind === 'failure') {
      observer.failure(new WasmpollError('ERR_GUEST', message.message));
    } else if (message.kind === 'quiet') {
      position.quiet = true;
      if (this.#retired.has(position)) void this.#dismiss(position);
      else this.#finishIfQuiet();
    }
  }

  #died(position: Position, why: string): void {
    position.draining ||= this.#ending;
    this.#observer.restart(why);
  }

  #finishIfQuiet(): void {
    if (!this.#ending || this.#retired.size > 0) return;
    if (!this.#positions.every(({ quiet, load }) => quiet && load === 0)) return;
    this.#finish();
  }

  #finish(): void {
    this.#ending = false;
    clearTimeout(this.#last);
    this.#observer.quiet();
  }

  observe(interests: Interests): void {
    for (const position of this.#all) position.interests = interests;
  }

  snapshot(): ServerStats {
    const sum = new Float64Array(STATS);
    new Stats(this.#past).addTo(sum);
    const all = this.#all;
    for (const { stats } of all) stats.addTo(sum);
    const snapshot = new Stats(sum).snapshot((errno) => this.#native.errorName(errno));
    snapshot.connections.refused += this.#refused;
    const restarts = all.reduce((sum, position) => sum + position.restarts, this.#pastRestarts);
    const ready = all.filter((position) => position.ready).length;
    return { ...snapshot, workers: { total: all.length, ready, restarts } };
  }

  // Tried in a thread of its own, then prepared everywhere: what can be refused is refused by then,
  // and the workers change over together.
  async swap(module: GuestModule, drain: boolean): Promise<void> {
    const layout = await tryModule(module, this.#share);
    this.#refuseWhenClosed();
    const positions = this.#positions;
    try {
      checkTakeover(positions[0]!.layout, layout, module, this.#share);
    } catch (error) {
      if (!drain) throw error;
      return this.#replace(module);
    }
    try {
      const prepared = positions.map((position) => position.prepare(module, layout));
      const failed = (await Promise.allSettled(prepared)).find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      this.#refuseWhenClosed();
    } catch (error) {
      for (const position of positions) position.discard();
      throw error;
    }
    await Promise.all(positions.map((position) => position.commit()));
  }

  // New positions with the module take what comes from now on; the old ones drain, for graceMs at
  // the most.
  async #replace(module: GuestModule): Promise<void> {
    const old = this.#positions;
    const fresh = old.map(() => this.#makePosition(module));
    for (const position of fresh) position.interests = old[0]!.interests;
    try {
      await Promise.all(fresh.map((position) => position.start()));
      this.#refuseWhenClosed();
    } catch (error) {
      await Promise.all(fresh.map((position) => position.close()));
      throw error;
    }
    const { interests } = old[0]!;
    this.#positions = fresh;
    for (const position of old) {
      const grace = setTimeout(() => this.#abortRetired(position), this.#policy.graceMs);
      this.#retired.set(position, grace);
      position.draining = true;
      position.post({ kind: 'drain' });
    }
    this.observe(interests);
  }

  #abortRetired(position: Position): void {
    position.post({ kind: 'abort' });
    this.#retired.set(
      position,
      setTimeout(() => void this.#dismiss(position), this.#patience),
    );
  }

  async #dismiss(position: Position): Promise<void> {
    clearTimeout(this.#retired.get(position));
    await position.close();
    if (!this.#retired.delete(position)) return;
    position.stats.hold(0, 0, 0);
    position.stats.addTo(this.#past);
    this.#pastRestarts += position.restarts;
    this.#finishIfQuiet();
  }

  // A worker whose guest hangs does not listen; its descriptors are closed with its position.
  get #patience(): number {
    return Math.max(ABORT_MS, ABORT_FACTOR * this.#policy.callbackTimeoutMs);
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new WasmpollError('ERR_CLOSED', 'swap: the server is closed');
  }

  drain(): void {
    this.#end('drain');
  }

  abort(): void {
    this.#end('abort');
    this.#last = setTimeout(() => this.#finish(), this.#patience);
  }

  #end(kind: 'drain' | 'abort'): void {
    this.#ending = true;
    this.#closed = true;
    for (const position of this.#all) {
      position.draining = true;
      position.post({ kind });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#last);
    for (const timer of this.#retired.values()) clearTimeout(timer);
    await Promise.all(this.#all.map((position) => position.close()));
  }
}

/** The part of the policy that one worker keeps to: the pool is shared out, all else is each's. */
function sharePolicy(policy: Policy, workers: number): Policy {
  const poolBytes = Math.floor(policy.poolBytes / workers);
  if (poolBytes >= policy.maxBacklogBytes) return { ...policy, poolBytes };
  throw new WasmpollError(
    'ERR_POLICY',
    `policy.poolBytes: must be at least maxBacklogBytes for each of ${workers} workers, ` +
      `got ${policy.poolBytes} and ${policy.maxBacklogBytes}`,
  );
}
