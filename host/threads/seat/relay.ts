// Relay: passes on what a worker tells to whoever watches the server: its connections get the server's numbers. It
// decides nothing.

import { WasmpollError } from '../../errors.ts';
import { type EngineObserver, type Failure, idOf } from '../engine.ts';
import type { FromWorker } from '../messages.ts';

/** @param worker its number */
export function relay(worker: number, message: FromWorker, observer: EngineObserver): void {
  if (message.kind === 'open') observer.open(idOf(worker, message.id), message.address);
  else if (message.kind === 'close' || message.kind === 'fault') {
    const { ending } = message;
    observer.close({ ...ending, connection: idOf(worker, ending.connection) });
  } else if (message.kind === 'data') observer.data(idOf(worker, message.id), message.bytes);
  else if (message.kind === 'log') observer.log(message.level, message.text);
  else if (message.kind === 'keptOut') observer.refused(message.refused);
  else if (message.kind === 'restart') observer.restart(serverFailure(worker, message.failure));
  else if (message.kind === 'failure') {
    observer.failure(new WasmpollError('ERR_GUEST', message.message));
  }
}

/** A worker's failure, as the server's. */
export const serverFailure = (worker: number, failure: Failure): Failure =>
  failure.connection === null
    ? failure
    : { ...failure, connection: idOf(worker, failure.connection) };
