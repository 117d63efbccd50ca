// Supervisor: reactors in worker threads, `workers: N`. It gives each accepted descriptor to the least
// loaded worker, adds up what they count, and replaces threads that hang or die. It never enters a guest.

import { WasmpollError } from '../errors.ts';
import { Tally } from '../memory/counts/tally.ts';
import type { LiveSettings, Policy } from '../policy.ts';
import { Admission } from './admission.ts';
import type { Common, Engine, EngineObserver, EngineStats, Failure, Interests } from './engine.ts';
import { fromId, hears, type Receiver, type Roster } from './engine.ts';
import { SeatHoldings } from './seat/holdings.ts';
import { relay, serverFailure } from './seat/relay.ts';
import { SeatRoster } from './seat/roster.ts';
import { Seat, type SeatObserver } from './seat/seat.ts';
import { sharePolicy } from './seat/share.ts';
import { SpareThread } from './spare-thread.ts';
import { tryModule } from './trial.ts';

// After an abort workers have this much of callbackTimeoutMs, and no less than a second, to obey.
const ABORT_FACTOR = 2;
const ABORT_MS = 1000;

type GuestModule = Parameters<Engine['swap']>[0];
type FromSeat = Parameters<SeatObserver['message']>[1];

export class Supervisor implements Engine {
  readonly #common: Common;
  readonly #policy: Policy;
  readonly #observer: EngineObserver;
  readonly #threads: SpareThread;
  readonly #admission: Admission;
  #seats: Seat[] = [];
  /** Seats that a swap has replaced and whose connections drain, with the end of their patience. */
  readonly #retired = new Map<Seat, NodeJS.Timeout>();
  readonly #tally: Tally;
  readonly roster: Roster;
  #pastRestarts = 0;
  /** Seats that were ever made: each has a number of its own. */
  #made = 0;
  #ending = false;
  #closed = false;
  readonly #share: Policy;
  #last: NodeJS.Timeout | undefined;

  private constructor(common: Common, policy: Policy, workers: number, observer: EngineObserver) {
    this.#common = common;
    this.#policy = policy;
    this.#observer = observer;
    this.#share = sharePolicy(policy, workers);
    this.#admission = new Admission(common.native, policy.maxConnections, () => ({
      open: this.#seats,
      draining: this.#retired.keys(),
    }));
    this.#threads = new SpareThread(common.native);
    if (common.dialer !== null) common.dialer.hasRoom = (more) => this.#admission.hasRoom(more);
    this.roster = new SeatRoster(common, () => this.#all);
    this.#tally = new Tally((errno) => common.native.errorName(errno));
  }

  #makeSeat(module: GuestModule): Seat {
    const holdings = new SeatHoldings(this.#common, this.#share);
    const seat = new Seat(this.#made, holdings, this.#threads, module, {
      message: (seat, message) => this.#receive(seat, message),
      died: (seat, failure) => this.#died(seat, failure),
      starving: () => this.#observer.starving(this.#all.some(({ outage }) => outage.starved)),
    });
    this.#made += 1;
    return seat;
  }

  get #all(): Seat[] {
    return [...this.#seats, ...this.#retired.keys()];
  }

  /**
   * Starts the workers.
   * @throws WasmpollError ERR_GUEST when a guest does not start, ERR_POLICY when the pool cannot be shared
   */
  static async start(
    common: Common,
    module: GuestModule,
    policy: Policy,
    workers: number,
    observer: EngineObserver,
  ): Promise<Supervisor> {
    const supervisor = new Supervisor(common, policy, workers, observer);
    try {
      // One after the other: those that are there are closed when the next one fails.
      for (let made = 0; made < workers; made += 1) {
        supervisor.#seats.push(supervisor.#makeSeat(module));
      }
      supervisor.#threads.check(workers + 1);
      const started = supervisor.#seats.map((seat) => seat.start());
      supervisor.#threads.refill();
      await Promise.all([...started, supervisor.#threads.ready()]);
    } catch (error) {
      await supervisor.close();
      throw error;
    }
    return supervisor;
  }

  accept(fd: number, listener: number): void {
    this.#admission.enter(fd, listener);
  }

  #receive(seat: Seat, message: FromSeat): void {
    if (message.kind === 'quiet') {
      seat.quiet = true;
      if (this.#retired.has(seat)) void this.#dismiss(seat);
      else this.#finishIfQuiet();
    } else relay(seat.index, message, this.#observer);
  }

  #died(seat: Seat, failure: Failure): void {
    seat.draining ||= this.#ending;
    this.#observer.restart(serverFailure(seat.index, failure));
  }

  #finishIfQuiet(): void {
    if (!this.#ending || this.#retired.size > 0) return;
    if (!this.#seats.every(({ quiet, holdings }) => quiet && holdings.load === 0)) return;
    this.#finish();
  }

  #finish(): void {
    this.#ending = false;
    clearTimeout(this.#last);
    this.#observer.quiet();
  }

  admit(most: number, waiting: number): void {
    this.#admission.most = most;
    this.#admission.mostWaiting = waiting;
  }

  observe(interests: Interests): void {
    for (const seat of this.#all) seat.observe(interests);
  }

  find(id: number): Receiver | null {
    const { worker, handle } = fromId(id);
    const seat = this.#all.find(({ index }) => index === worker);
    return seat !== undefined && hears(seat.swap.module) ? seat.holdings.find(handle) : null;
  }

  snapshot(): EngineStats {
    const all = this.#all;
    const snapshot = this.#tally.snapshot(all.map(({ holdings }) => holdings));
    snapshot.connections.refused += this.#admission.refused;
    const restarts = all.reduce((sum, seat) => sum + seat.restarts, this.#pastRestarts);
    const ready = all.filter((seat) => seat.ready).length;
    return { ...snapshot, workers: { total: all.length, ready, restarts } };
  }

  // Tried in a thread of its own, then prepared everywhere: what can be refused is refused by then,
  // and the workers change over together.
  async swap(module: GuestModule, drain: boolean): Promise<void> {
    const candidate = { module, layout: await tryModule(this.#threads, module, this.#share) };
    this.#refuseWhenClosed();
    const seats = this.#seats;
    try {
      seats[0]!.swap.check(candidate);
    } catch (error) {
      if (!drain) throw error;
      return this.#replace(module);
    }
    try {
      const prepared = seats.map((seat) => seat.prepare(candidate));
      const failed = (await Promise.allSettled(prepared)).find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      this.#refuseWhenClosed();
    } catch (error) {
      for (const seat of seats) seat.discard();
      throw error;
    }
    await Promise.all(seats.map((seat) => seat.commit()));
  }

  // New seats with the module take what comes from now on; the old ones drain, for graceMs at
  // the most.
  async #replace(module: GuestModule): Promise<void> {
    const old = this.#seats;
    const fresh: Seat[] = [];
    try {
      for (const seat of old) {
        const next = this.#makeSeat(module);
        fresh.push(next);
        next.observe(seat.holdings.interests);
      }
      await Promise.all(fresh.map((seat) => seat.start()));
      this.#refuseWhenClosed();
    } catch (error) {
      await Promise.all(fresh.map((seat) => seat.close()));
      throw error;
    }
    const { interests } = old[0]!.holdings;
    this.#seats = fresh;
    // They may have changed while the new seats started.
    this.#tellUpstreams(fresh);
    for (const seat of old) {
      const grace = setTimeout(() => this.#abortRetired(seat), this.#policy.graceMs);
      this.#retired.set(seat, grace);
      seat.draining = true;
      seat.post({ kind: 'drain' });
    }
    this.observe(interests);
  }

  #abortRetired(seat: Seat): void {
    seat.post({ kind: 'abort' });
    this.#retired.set(
      seat,
      setTimeout(() => void this.#dismiss(seat), this.#patience),
    );
  }

  async #dismiss(seat: Seat): Promise<void> {
    clearTimeout(this.#retired.get(seat));
    await seat.close();
    if (!this.#retired.delete(seat)) return;
    const others = this.#all.map(({ holdings }) => holdings);
    this.#tally.gone(seat.holdings, others);
    this.#pastRestarts += seat.restarts;
    this.#finishIfQuiet();
  }

  // A worker whose guest hangs does not listen; its descriptors are closed with its seat.
  get #patience(): number {
    return Math.max(ABORT_MS, ABORT_FACTOR * this.#policy.callbackTimeoutMs);
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new WasmpollError('ERR_CLOSED', 'swap: the server is closed');
  }

  adjust(limits: LiveSettings): void {
    for (const policy of [this.#policy, this.#share]) Object.assign(policy, limits);
    for (const seat of this.#all) seat.post({ kind: 'adjust', limits });
  }

  setUpstreams(): void {
    this.#tellUpstreams(this.#all);
  }

  #tellUpstreams(seats: readonly Seat[]): void {
    const { dialer } = this.#common;
    if (dialer === null) return;
    const { share, bell } = dialer;
    for (const seat of seats) seat.post({ kind: 'upstreams', share, bell });
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
    for (const seat of this.#all) {
      seat.draining = true;
      seat.post({ kind });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#admission.close();
    clearTimeout(this.#last);
    for (const timer of this.#retired.values()) clearTimeout(timer);
    await Promise.all([...this.#all.map((seat) => seat.close()), this.#threads.close()]);
  }
}
