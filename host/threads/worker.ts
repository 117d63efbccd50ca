// Worker: one reactor in a thread of its own, for the supervisor that has started it. It takes the
// descriptors that are handed over, and says what happens; it accepts nothing and decides no death.

import { parentPort, workerData } from 'node:worker_threads';
import { REASON_SHUTDOWN } from '../../assembly/abi.ts';
import { messageOf } from '../errors.ts';
import { drainEventFd } from '../kernel/event-fd.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import { native } from '../kernel/native.ts';
import { Control } from '../memory/control-words.ts';
import { Reactor } from '../reactor/reactor.ts';
import type { FromWorker, ToWorker, WorkerData } from './messages.ts';
import { OwnLoop } from './own-loop.ts';
import { WorkerObserver } from './worker-observer.ts';

const port = parentPort!;
const data = workerData as WorkerData;
const control = new Control(data.control);
const tell = (message: FromWorker): void => port.postMessage(message);
const observer = new WorkerObserver(tell, data.policy, () => control.interests);

let ending = false;

function start(): void {
  observer.observe();
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
      drainEventFd(native, data.eventFd);
      // Who listens before a connection comes is told of it: messages may be read later than it.
      observer.observe();
      reactor.openHanded();
    },
    ...(data.remains === undefined ? {} : { left: data.remains }),
  });
  const loop = new OwnLoop(native, reactor, () => {
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
    if (message.kind === 'observe') observer.observe();
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

function prepare(reactor: Reactor, module: WorkerData['module']): void {
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
