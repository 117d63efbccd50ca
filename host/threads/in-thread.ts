// In-thread: one reactor in the thread of the server itself, `workers: 0`. A guest that does not return
// stops that thread; nothing can stop the guest.

import { REASON_SHUTDOWN } from '../../assembly/abi.ts';
import { WasmpollError } from '../errors.ts';
import { CallRecord } from '../guest/call-record.ts';
import { Recorder } from '../guest/recording/recorder.ts';
import { drainEventFd, makeEventFd } from '../kernel/event-fd.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native, NativeEpoll } from '../kernel/native.ts';
import { tlsAccess } from '../kernel/tls/tls-access.ts';
import { ConnectionRows } from '../memory/connection-rows.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { LiveSettings, Policy } from '../policy.ts';
import type { Observer } from '../reactor/observer.ts';
import { Reactor } from '../reactor/reactor.ts';
import type { DialRequest, UpstreamAccess, UpstreamShare } from '../upstreams/contract.ts';
import type { SeatCalls } from '../upstreams/dialer.ts';

import type { Common, Engine, EngineObserver, EngineStats, Interests } from './engine.ts';
import { fromId, hears, type Receiver, type Roster, stateOf } from './engine.ts';
import type { LoopDriver, LoopDriverClass } from './loop-driver.ts';

const LOOK_EACH_MS = 1;

export class InThread implements Engine {
  readonly #native: Native;
  readonly #common: Common;
  readonly #seat: number;
  readonly #reactor: Reactor;
  readonly #driver: LoopDriver | undefined;
  readonly #engineObserver: EngineObserver;
  readonly #observer: Observer;
  readonly roster: Roster;
  /** What its guests have asked for; null where there are no upstreams. */
  readonly #calls: SeatCalls | null;
  #module: GuestModule;
  #ending = false;
  #most = Infinity;
  #lookedAt = -Infinity;
  #refused = 0;

  /** @throws WasmpollError ERR_GUEST when the guest does not start */
  constructor(
    common: Common,
    module: GuestModule,
    policy: Policy,
    observer: EngineObserver,
    Driver: LoopDriverClass,
  ) {
    const { native } = common;
    this.#native = native;
    this.#common = common;
    this.#seat = common.numbers.take();
    this.#module = module;
    this.#engineObserver = observer;
    this.#observer = {
      open: null,
      close: null,
      data: null,
      fault: this.#told((ending) => {
        observer.close(ending);
        return true;
      }),
      restart: this.#told((failure) => observer.restart(failure)),
      failure: this.#told((error) => observer.failure(error)),
      refused: this.#told((refused) => observer.refused(refused)),
      log: this.#told((level, text) => {
        observer.log(level, text);
        return true;
      }),
    };
    this.#calls =
      common.dialer?.seat({
        give: (...given) => this.#answer(...given),
        // Whoever waits no more has cancelled it: there is no message that could be late.
        waits: () => true,
        asked: () => undefined,
        seen: () => undefined,
      }) ?? null;
    const epoll = native.epoll();
    try {
      this.#reactor = this.#makeReactor(module, policy, epoll);
      this.#driver = new Driver(native, this.#reactor, () => this.#turned());
    } catch (error) {
      this.#calls?.close();
      epoll.close();
      common.shared.close(this.#seat);
      throw error;
    }
    // Not before: a guest may connect in `on_start`, while there is no reactor to be asked.
    if (common.dialer !== null) common.dialer.hasRoom = (more) => this.#load + more <= this.#most;
    this.roster = this.#makeRoster(policy.maxConnections);
    // What the guest does by the clock needs no connection.
    this.#driver.schedule();
  }

  #makeReactor(module: GuestModule, policy: Policy, epoll: NativeEpoll): Reactor {
    const { native, shared, listeners, peers, routed, histograms, tls } = this.#common;
    const { records, recordings } = this.#common;
    const eventFd = makeEventFd(native);
    shared.open(this.#seat, eventFd);
    epoll.add(eventFd, native.constants.EPOLLIN, 0, 0);
    return new Reactor({
      kernel: native,
      upstreams: this.#upstreams(),
      module,
      policy,
      listeners: listeners.buffer,
      peers,
      observer: this.#observer,
      now: monotonicMs,
      buffer: SharedArrayBuffer,
      epoll,
      seat: shared.seat(this.#seat),
      routed,
      record: records ? CallRecord.make(policy) : null,
      recorder: recordings ? Recorder.make() : null,
      histograms,
      tls: tlsAccess(native, tls, this.#seat),
      signalled: () => {
        drainEventFd(native, eventFd);
        this.#reactor.openHanded();
      },
    });
  }

  #upstreams(): UpstreamAccess | null {
    const [{ dialer }, calls] = [this.#common, this.#calls];
    if (dialer === null || calls === null) return null;
    // What is begun there may wait for the event loop.
    const dial = this.#told((request: DialRequest) => calls.dial(request));
    return {
      share: dialer.share,
      seat: this.#seat,
      room: calls.room,
      dial,
      cancel: (handle) => calls.cancel(handle),
    };
  }

  #answer(handle: number, fd: number, session: number): boolean {
    const given = this.#reactor.answer(handle, fd, session);
    this.#driver!.schedule();
    return given;
  }

  #makeRoster(maxConnections: number): Roster {
    const reactor = this.#reactor;
    return {
      workers: () => {
        const { guest: _, ...counts } = reactor.snapshot();
        return [{ index: 0, state: stateOf(true, this.#ending), restarts: 0, ...counts }];
      },
      tables: () => {
        const rows = new ConnectionRows(reactor.segment, maxConnections);
        const { facts } = reactor;
        const peer = (slot: number): string => facts.peerAddress(slot);
        const upstream = (slot: number): string | null => facts.upstream(slot);
        return [{ index: 0, rows, peer, listener: (slot) => facts.listener(slot), upstream }];
      },
      disconnect: (id, abort) => {
        const { worker, handle } = fromId(id);
        const found = worker === 0 && reactor.disconnect(handle, abort);
        this.#driver!.schedule();
        return found;
      },
      // Whoever gets an answer has it from the thread itself.
      turned: () => [],
    };
  }

  // Whoever is told may have promises to keep.
  #told<Values extends unknown[], Answer>(
    tell: (...values: Values) => Answer,
  ): (...values: Values) => Answer {
    return (...values) => {
      this.#driver?.yield();
      return tell(...values);
    };
  }

  #turned(): void {
    if (!this.#ending || this.#load > 0) return;
    this.#ending = false;
    this.#driver?.yield();
    this.#engineObserver.quiet();
  }

  get #load(): number {
    return this.#reactor.connections + this.#reactor.waiting;
  }

  admit(most: number): void {
    this.#most = most;
  }

  // Clients that have gone may not have been seen yet. Once a moment: this may be a flood.
  #look(): void {
    const now = monotonicMs();
    if (now - this.#lookedAt < LOOK_EACH_MS) return;
    this.#lookedAt = now;
    this.#reactor.turn();
    this.#driver!.schedule();
  }

  accept(fd: number, listener: number): void {
    if (this.#load >= this.#most) this.#look();
    if (this.#load >= this.#most) {
      this.#native.close(fd);
      this.#refused += 1;
      return;
    }
    this.#reactor.admit(fd, listener);
    this.#driver!.schedule();
  }

  observe(interests: Interests): void {
    const engine = this.#engineObserver;
    const { open, close, data } = interests;
    this.#observer.open = open ? this.#told((id, address) => engine.open(id, address)) : null;
    this.#observer.close = close ? this.#told((ending) => engine.close(ending)) : null;
    this.#observer.data = data ? this.#told((id, bytes) => engine.data(id, bytes)) : null;
  }

  find(id: number): Receiver | null {
    const { worker, handle } = fromId(id);
    if (worker !== 0 || !hears(this.#module) || !this.#reactor.has(handle)) return null;
    return { seat: this.#seat, handle };
  }

  snapshot(): EngineStats {
    const snapshot = this.#reactor.snapshot();
    snapshot.connections.refused += this.#refused;
    return { ...snapshot, workers: { total: 0, ready: 0, restarts: 0 } };
  }

  async swap(module: GuestModule, drain: boolean): Promise<void> {
    if (drain) {
      throw new WasmpollError(
        'ERR_OPTION',
        'swap: drain needs workers, and workers is 0: one thread cannot hold two guests',
      );
    }
    this.#reactor.swap(module);
    this.#module = module;
    this.#driver!.schedule();
  }

  adjust(limits: LiveSettings): void {
    this.#reactor.adjust(limits);
    this.#driver!.schedule();
  }

  setUpstreams(share: UpstreamShare): void {
    this.#reactor.setUpstreams(share);
  }

  drain(): void {
    this.#ending = true;
    this.#reactor.drain();
    this.#driver!.schedule();
  }

  abort(): void {
    this.#ending = true;
    this.#reactor.abort(REASON_SHUTDOWN);
    this.#driver!.schedule();
  }

  async close(): Promise<void> {
    this.#calls?.close();
    this.#driver!.close();
    // A guest may have connected on its own, and the server not have begun.
    if (this.#load > 0) this.#reactor.abort(REASON_SHUTDOWN);
    this.#reactor.close();
    this.#common.dialer?.left(this.#seat);
    this.#common.shared.close(this.#seat);
  }
}
