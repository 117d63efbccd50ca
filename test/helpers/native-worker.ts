// A thread that uses the addon in one of several ways, for watcher.test.ts.

import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../../host/kernel/native.ts';

export type WorkerMode = 'copy' | 'watch' | 'unref' | 'exit' | 'throw' | 'spin';

/** A set with an eventfd that is always readable, so that a watcher of it wakes at every turn. */
function readableSet(): number {
  const epoll = native.epoll();
  epoll.add(native.eventfd(1), native.constants.EPOLLIN, 0, 0);
  kept.push(epoll);
  return epoll.fd;
}

const kept: unknown[] = [];
const port = parentPort!;

const modes: Record<WorkerMode, () => void> = {
  copy() {
    const rows = new Int32Array([3, 0, 0, 0, 5, 0, 0, 8]);
    const bytes = new Uint8Array(16).fill(7, 0, 5);
    const io = native.io(rows);
    io.bind(0, bytes);
    port.postMessage([io.run(0, 1), rows[5], bytes[12]]);
  },
  watch() {
    new native.Watcher(readableSet(), () => port.postMessage('woken'));
  },
  unref() {
    new native.Watcher(readableSet(), () => {}).unref();
  },
  exit() {
    new native.Watcher(readableSet(), () => process.exit(3));
  },
  throw() {
    new native.Watcher(readableSet(), () => {
      throw new RangeError('from the callback');
    });
  },
  spin() {
    new native.Watcher(readableSet(), () => {
      port.postMessage('woken');
      for (;;);
    });
  },
};

modes[workerData as WorkerMode]();
