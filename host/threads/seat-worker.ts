// Seat worker: one reactor in a thread of its own, for the seat that the thread has taken. It takes the
// descriptors that are handed over, and says what happens; it accepts nothing and decides no death.

import type { MessagePort } from 'node:worker_threads';
import { REASON_SHUTDOWN } from '../../assembly/abi.ts';
import { messageOf } from '../errors.ts';
import { CallRecord } from '../guest/call-record.ts';
import { Recorder } from '../guest/recording/recorder.ts';
import { drainEventFd, ringEventFd } from '../kernel/event-fd.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native } from '../kernel/native.ts';
import { tlsAccess } from '../kernel/tls/tls-access.ts';
import { type ControlWords, makeControl } from '../memory/timed-control.ts';
import { Reactor } from '../reactor/reactor.ts';
import type { UpstreamAccess } from '../upstreams/contract.ts';
import type { FromWorker, ToWorker, WorkerData } from './messages.ts';
import { OwnLoop } from './own-loop.ts';
import { WorkerObserver } from './worker-observer.ts';

/** Requests on their way to the server's thread; a guest that asks for more is told LIMIT. */
const MOST_UNSEEN = 1024;

/** Serves the seat for as long as the thread lives; tells it when it cannot. */
export function serveSeat(port: MessagePort, native: Native, data: WorkerData): void {
  try {
    new SeatWorker(port, native, data).start(data);
  } catch (error) {
    const { code } = error as { code?: unknown };
    const refusal = { message: messageOf(error), code };
    port.postMessage({ kind: 'refused', error: refusal } satisfies FromWorker);
  }
}

class SeatWorker {
  readonly #port: MessagePort;
  readonly #control: ControlWords;
  readonly #observer: WorkerObserver;
  readonly #reactor: Reactor;
  readonly #loop: OwnLoop;
  #ending = false;
  /** It was told that no connection is left, and none came since. */
  #quiet = false;
  /** Rung when the seat has asked for a connection; −1 as long as there were no upstreams. */
  #bell: number;

  constructor(port: MessagePort, native: Native, data: WorkerData) {
    this.#port = port;
    this.#bell = data.bell;
    const control = makeControl(data.control, data.histograms ? monotonicMs : null);
    this.#control = control;
    const observer = new WorkerObserver(
      (message) => this.#tell(message),
      data.policy,
      () => control.interests,
    );
    this.#observer = observer;
    observer.observe();
    const reactor: Reactor = new Reactor({
      kernel: native,
      module: data.module,
      policy: data.policy,
      observer,
      now: monotonicMs,
      buffer: SharedArrayBuffer,
      control,
      metrics: data.metrics,
      record: data.record === null ? null : new CallRecord(data.record, data.policy),
      recorder: data.tape === null ? null : Recorder.on(data.tape),
      listeners: data.listeners,
      headers: data.headers,
      peers: data.peers,
      epoll: native.epoll(data.epollFd),
      seat: native.seat(data.shared.id, data.shared.seat),
      routed: data.shared.routed,
      tls: tlsAccess(native, data.tls, data.shared.seat),
      upstreams: this.#upstreams(native, data),
      signalled: () => {
        drainEventFd(native, data.eventFd);
        this.#quiet = false;
        // Who listens before a connection comes is told of it: messages may be read later than it.
        observer.observe();
        reactor.openHanded();
      },
      ...(data.remains === undefined ? {} : { remains: data.remains }),
    });
    this.#reactor = reactor;
    this.#loop = new OwnLoop(native, reactor, () => this.#turned());
  }

  // Connections are made in the server's own thread.
  #upstreams(native: Native, { upstreams: share, shared }: WorkerData): UpstreamAccess | null {
    if (share === null) return null;
    const { answers, asks } = this.#control;
    return {
      share,
      seat: shared.seat,
      get room() {
        return MOST_UNSEEN - answers.unseen;
      },
      dial: (request) => {
        answers.asked();
        const { handle, upstream, parent, added, peer } = request;
        const short = added === '' && peer === '' && this.#bell >= 0;
        const put = short ? asks.put(handle, upstream, parent) : -1;
        if (put < 0) this.#tell({ kind: 'dial', request });
        else if (put > 0) ringEventFd(native, this.#bell);
      },
      cancel: (handle) => this.#tell({ kind: 'cancel', handle }),
    };
  }

  #tell(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  start({ draining, swaps }: WorkerData): void {
    this.#port.on('message', (message: ToWorker) => this.#receive(message));
    const { segment, states } = this.#reactor;
    this.#tell({ kind: 'ready', segment: segment as SharedArrayBuffer, states, swaps });
    // What was left behind may be due already, and descriptors may be on their way.
    if (draining) this.#drain();
    else this.#loop.schedule();
  }

  #receive(message: ToWorker): void {
    if (message.kind === 'observe') this.#observer.observe();
    else if (message.kind === 'drain') this.#drain();
    else if (message.kind === 'look') this.#look();
    else if (message.kind === 'disconnect') this.#disconnect(message.handle, message.abort);
    else if (message.kind === 'adjust') {
      this.#reactor.adjust(message.limits);
      this.#loop.schedule();
    } else if (message.kind === 'upstreams') {
      this.#bell = message.bell;
      this.#reactor.setUpstreams(message.share);
    } else if (message.kind === 'prepare') this.#prepare(message.module);
    else if (message.kind === 'discard') this.#reactor.discard();
    else if (message.kind === 'commit') {
      this.#reactor.commit(message.module, message.states);
      this.#tell({ kind: 'swapped', swaps: message.swaps });
      this.#loop.schedule();
    } else {
      this.#ending = true;
      this.#reactor.abort(REASON_SHUTDOWN);
      this.#loop.schedule();
    }
  }

  #disconnect(handle: number, abort: boolean): void {
    this.#reactor.disconnect(handle, abort);
    this.#loop.schedule();
  }

  #prepare(module: WorkerData['module']): void {
    try {
      const { bytes, version } = this.#reactor.prepare(module);
      this.#tell({ kind: 'prepared', layout: { bytes, version } });
    } catch (error) {
      this.#tell({ kind: 'unprepared', message: messageOf(error) });
    }
  }

  #look(): void {
    this.#reactor.turn();
    this.#loop.schedule();
    this.#tell({ kind: 'looked' });
  }

  #drain(): void {
    this.#ending = true;
    this.#reactor.drain();
    this.#loop.schedule();
  }

  #turned(): void {
    if (!this.#ending || this.#quiet) return;
    if (this.#reactor.connections > 0 || this.#control.pending > 0) return;
    this.#quiet = true;
    this.#tell({ kind: 'quiet' });
  }
}
