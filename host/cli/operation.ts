// Operation: what surrounds the servers of a process: its log lines, who asks how it is doing, and signals. It
// knows no arguments, and starts no server.

import type { Admin } from '../admin/admin.ts';
import type { Again } from '../admin/services.ts';
import type { LogOptions, Logs } from '../logs/logs.ts';
import type { Logger } from '../server/logger.ts';
import type { Server } from '../server/server.ts';
import { type AdminFlags, withAdmin } from './admin.ts';
import type { Signals } from './signals.ts';

export interface OperationOptions extends LogOptions, AdminFlags {}

export class Operation {
  readonly logger: Logger;
  readonly signals: Signals;
  readonly #logs: Logs;
  readonly #admin: Admin | null;
  readonly #servers = new Map<string, Server>();

  constructor(logger: Logger, signals: Signals, logs: Logs, admin: Admin | null) {
    this.logger = logger;
    this.signals = signals;
    this.#logs = logs;
    this.#admin = admin;
  }

  /** Somebody may ask how long callbacks take. */
  get isWatched(): boolean {
    return this.#admin !== null;
  }

  /**
   * A server is there, which listens.
   * @param again what it serves, read again
   */
  add(name: string, server: Server, again: Again): void {
    this.#servers.set(name, server);
    this.#logs.watch(server, name);
    this.#admin?.add(name, server, again);
  }

  /**
   * All servers were added.
   * @param reload reads what there is to read again. Rejects with what is wrong
   * @param hungUp is called at each SIGHUP
   */
  started(reload: () => Promise<void>, hungUp: () => void): void {
    this.#admin?.started({ reload });
    this.signals.onHangup(() => {
      this.#logs.reopen();
      hungUp();
    });
  }
}

/** Calls `serving` with what surrounds it. Once it is done, all lines are out, and the process ends well. */
export async function operate(
  options: OperationOptions,
  signals: Signals,
  serving: (operation: Operation) => Promise<void>,
): Promise<void> {
  // Loaded after the usage is known to be right, so that --help is quick.
  const { Logs } = await import('../logs/logs.ts');
  const logs = new Logs(options);
  process.on('exit', () => logs.flush());
  signals.onReopen(() => logs.reopen());
  await withAdmin(options, logs.logger, (admin, logger) =>
    serving(new Operation(logger, signals, logs, admin)),
  );
  await logs.end();
  // Whatever became of standard output meanwhile.
  process.exitCode = 0;
}
