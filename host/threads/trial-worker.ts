// Trial, the thread: starts one instance of a module and says how large its state is. Nothing else
// runs here, so that a start-up that never returns holds up nobody.

import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { startGuest } from '../guest/guest.ts';
import { Control } from '../memory/control-words.ts';
import type { FromTrial, TrialData } from './messages.ts';

const { module, policy, control } = workerData as TrialData;
const tell = (message: FromTrial): void => parentPort!.postMessage(message);

try {
  const guest = startGuest(module, policy, new Control(control));
  tell({ layout: { bytes: guest.stateBytes, version: guest.stateVersion } });
} catch (error) {
  tell({ error: messageOf(error) });
}
