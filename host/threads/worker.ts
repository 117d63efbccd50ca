// Worker: the script of a server's threads. A thread opens the addon and waits; then it is given one thing
// to do, serving a seat or trying a module, and does that until it ends.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { makeGround, startGuest } from '../guest/start.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import { openNative } from '../kernel/open-addon.ts';
import { ControlWords } from '../memory/control-words.ts';
import type { FromTrial, Task, TrialData } from './messages.ts';
import { serveSeat } from './seat-worker.ts';
import type { Begun } from './thread.ts';

const port = parentPort as MessagePort;
const native = openNative((workerData as { addon: string }).addon);

port.once('message', (task: Task) => {
  if (task.kind === 'seat') serveSeat(port, native, task);
  else tryModule(task);
});
port.postMessage({ begun: native.threadClock() } satisfies Begun);

/** Starts one instance of a module, drops it, and says how large its state is. */
function tryModule({ module, policy, control }: TrialData): void {
  const tell = (message: FromTrial): void => port.postMessage(message);
  try {
    const observer = { log: () => true };
    const words = new ControlWords(control);
    const guest = startGuest(
      module,
      makeGround({ policy, control: words, observer, now: monotonicMs }),
    );
    tell({ layout: { bytes: guest.stateBytes, version: guest.stateVersion } });
  } catch (error) {
    tell({ error: messageOf(error) });
  }
}
