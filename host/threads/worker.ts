// Worker: one reactor in a thread of its own, for the supervisor that has started it. It takes the
// descriptors that are handed over, and says what happens; it accepts nothing and decides no death.

import { parentPort, workerData } from 'node:worker_threads';
import { REASON_SHUTDOWN } from '../../assembly/abi.ts';
import { messageOf } from '../errors.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import { native } from '../kernel/native.ts';
import { Control } from '../memory/control-words.ts';
import type { Layout, StateBlocks } from '../memory/state-blocks.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import { RateLimit } from '../rate-limit.ts';
import { type Observer, Reactor } from '../reactor/reactor.ts';
import type { Remains } from '../reactor/recovery.ts';
import { interestsOf } from './engine.ts';
import { Loop } from './own-loop.ts';

/** What the supervisor gives a worker. */
export interface WorkerData {
  readonly module: GuestModule;
  readonly policy: Policy;
  readonly control: SharedArrayBuffer;
  /** Belongs to the supervisor, registrations included; the eventfd is in it with token 0. */
  readonly epollFd: number;
  readonly eventFd: number;
  readonly draining: boolean;
  /** How many swaps came before; told back with `ready`. */
  readonly swaps: number;
  /** What the worker before has left behind. */
  readonly left?: Remains;
}

/** The module takes over; with its number among the swaps, which is told back. */
interface Commit {
  readonly kind: 'commit';
  readonly module: GuestModule;
  readonly states: StateBlocks;
  readonly swaps: number;
}

export type ToWorker =
  /** What is to be told of is in the control words. */
  | { readonly kind: 'observe' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'prepare'; readonly module: GuestModule }
  | { readonly kind: 'discard' }
  | Commit
  | { readonly kind: 'abort' };

export type FromWorker =
  | {
      readonly kind: 'ready';
      readonly segment: SharedArrayBuffer;
      readonly states: StateBlocks;
      readonly swaps: number;
    }
  | { readonly kind: 'prepared'; readonly layout: Layout }
  | { readonly kind: 'unprepared'; readonly message: string }
  | { readonly kind: 'swapped'; readonly swaps: number }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'open'; readonly id: number; readonly address: string }
  | { readonly kind: 'close'; readonly id: number; readonly reason: number }
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'restart'; readonly why: string }
  | { readonly kind: 'failure'; readonly message: string }
  | { readonly kind: 'log'; readonly level: number; readonly text: string }
  | { readonly kind: 'quiet' };

const port = parentPort!;
const data = workerData as WorkerData;
const control = new Control(data.control);
const tell = (message: FromWorker): void => port.postMessage(message);
const counter = new Uint8Array(8);
const lines = new RateLimit(data.policy.logLinesPerSecond, monotonicMs);

const observer: Observer = {
  open: null,
  close: null,
  data: null,
  restart: (why) => tell({ kind: 'restart', why }),
  failure: (error) => tell({ kind: 'failure', message: messageOf(error) }),
  log: (level, text) => {
    if (!lines.admit()) return false;
    tell({ kind: 'log', level, text });
    return true;
  },
};

function observe(): void {
  const interests = interestsOf(control.interests);
  observer.open = interests.open ? (id, address) => tell({ kind: 'open', id, address }) : null;
  observer.close = interests.close ? (id, reason) => tell({ kind: 'close', id, reason }) : null;
  observer.data = interests.data ? (id, bytes) => tell({ kind: 'data', id, bytes }) : null;
}

let ending = false;

function start(): void {
  observe();
  const reactor: Reactor = new Reactor({
    kernel: native,
    module: data.module,
    policy: data.policy,
    observer,
    now: monotonicMs,
    buffer: SharedArrayBuffer,
    control,
    epoll: native.epoll(data.epollFd),
    signalled: () => {
      native.read(data.eventFd, counter, 0, counter.length);
      // Who listens before a connection comes is told of it: messages may be read later than it.
      observe();
      reactor.openHanded();
    },
    ...(data.left === undefined ? {} : { left: data.left }),
  });
  const loop = new Loop(native, reactor, () => {
    if (!ending || reactor.connections > 0 || control.pending > 0) return;
    ending = false;
    tell({ kind: 'quiet' });
  });
  const drain = (): void => {
    ending = true;
    reactor.drain();
    loop.schedule();
  };
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'observe') observe();
    else if (message.kind === 'drain') drain();
    else if (message.kind === 'prepare') prepare(reactor, message.module);
    else if (message.kind === 'discard') reactor.discard();
    else if (message.kind === 'commit') {
      reactor.commit(message.module, message.states);
      tell({ kind: 'swapped', swaps: message.swaps });
      loop.schedule();
    } else {
      ending = true;
      reactor.abort(REASON_SHUTDOWN);
      loop.schedule();
    }
  });
  tell({
    kind: 'ready',
    segment: reactor.segment as SharedArrayBuffer,
    states: reactor.states,
    swaps: data.swaps,
  });
  // What was left behind may be due already, and descriptors may be on their way.
  if (data.draining) drain();
  else loop.schedule();
}

function prepare(reactor: Reactor, module: GuestModule): void {
  try {
    const { bytes, version } = reactor.prepare(module);
    tell({ kind: 'prepared', layout: { bytes, version } });
  } catch (error) {
    tell({ kind: 'unprepared', message: messageOf(error) });
  }
}

try {
  start();
} catch (error) {
  tell({
    kind: 'refused',
    error: { message: messageOf(error), code: (error as { code?: unknown }).code },
  });
}
