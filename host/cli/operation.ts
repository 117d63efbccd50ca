// Operation: what surrounds the servers of a process: its log lines, who asks how it is doing, and signals. It
// knows no arguments, and starts no server.

import type { Admin, Again } from '../admin/admin.ts';
import { WasmpollError } from '../errors.ts';
import { unclaimed } from '../listen/activation.ts';
import type { LogOptions, Logs } from '../logs/logs.ts';
import type { Logger } from '../server/logger.ts';
import type { Server } from '../server/server.ts';
import type { ServiceManager } from '../systemd/service-manager.ts';
import { type AdminFlags, withAdmin } from './admin.ts';
import type { Signals } from './signals.ts';

export interface OperationOptions extends LogOptions, AdminFlags {}

export class Operation {
  readonly logger: Logger;
  readonly signals: Signals;
  readonly #logs: Logs;
  readonly #admin: Admin | null;
  readonly #manager: ServiceManager | null;
  readonly #servers = new Map<string, Server>();
  /** All servers were told to end. */
  #drains = false;
  #reloading = Promise.resolve();
  /** The reload that has not begun. */
  #next: Promise<void> | null = null;
  /** The one that a signal has asked for last. */
  #signalled: Promise<void> | null = null;

  constructor(
    logger: Logger,
    signals: Signals,
    logs: Logs,
    admin: Admin | null,
    manager: ServiceManager | null,
  ) {
    this.#manager = manager;
    this.logger = logger;
    this.signals = signals;
    this.#logs = logs;
    this.#admin = admin;
  }

  /** Somebody may ask how long callbacks take. */
  get isWatched(): boolean {
    return this.#admin !== null;
  }

  /** At once when a server is there: whoever comes by its listeners is in the access log. */
  watch(name: string, server: Server): void {
    this.#logs.watch(server, name);
  }

  /**
   * A server is there, which listens, and is shown.
   * @param again what it serves, read again
   */
  add(name: string, server: Server, again: Again): void {
    this.#servers.set(name, server);
    // It started while all were told to drain.
    if (this.#drains) void server.close();
    this.#admin?.add(name, server, again);
  }

  /** As `add`, where signals end it by themselves: from now on it is ready. */
  show(name: string, server: Server, again: Again): void {
    if (this.#admin === null) return;
    this.#admin.add(name, server, again);
    const reload = async (): Promise<void> => {
      const { protocol, config } = await again();
      await server.swap(protocol, config === undefined ? {} : { config });
    };
    this.#admin.started({ reload, drain: () => void server.close() });
  }

  /** It drains, and is shown no more. */
  remove(name: string): void {
    this.#servers.delete(name);
    this.#admin?.remove(name);
  }

  /**
   * All servers were added, and listen.
   * @param reload is called at each SIGHUP. Rejects with what is wrong
   * @param refused is told that, if nobody else is
   */
  started(reload: () => Promise<void>, refused: (error: unknown) => void): void {
    const again = (): Promise<void> => this.#reload(reload);
    this.#admin?.started({ reload: again, drain: () => this.#drain() });
    this.#manager?.ready(() => this.#servers);
    for (const socket of unclaimed()) {
      this.logger.warn(
        { socket },
        'a socket was passed that no listener names: nobody accepts there',
      );
    }
    this.signals.stop.addEventListener('abort', () => {
      this.#drains = true;
      this.#manager?.stopping();
    });
    this.signals.onAnother(() => this.#hurry());
    this.signals.onHangup(() => {
      this.#logs.reopen();
      if (this.#next !== null && this.#next === this.#signalled) return;
      void again().catch(refused);
      this.#signalled = this.#next;
    });
  }

  /** Whoever still waits to drain does not any more. @returns whether somebody did */
  #hurry(): boolean {
    const waiting = [...this.#servers.values()].filter((one) => one.status().state === 'leaving');
    for (const server of waiting) void server.drain();
    return waiting.length > 0;
  }

  /**
   * One after the other: what comes meanwhile reads what is there then, and all who ask meanwhile are answered by one
   * that reads it.
   */
  async #reload(reload: () => Promise<void>): Promise<void> {
    this.#refuseLate();
    this.#manager?.reloading();
    this.#next ??= this.#reloading.then(() => {
      this.#next = null;
      this.#refuseLate();
      return reload();
    });
    const turn = this.#next;
    this.#reloading = turn.catch(() => undefined);
    try {
      await turn;
    } finally {
      if (!this.#drains) this.#manager?.ready(() => this.#servers);
    }
  }

  // What would start then nobody would end.
  #refuseLate(): void {
    if (!this.#drains) return;
    throw new WasmpollError('ERR_CLOSED', 'reload: all servers drain, or have drained');
  }

  /** As the first signal to stop does. */
  #drain(): void {
    this.#drains = true;
    this.#manager?.stopping();
    for (const server of this.#servers.values()) void server.close();
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
  const { native } = await import('../kernel/native.ts');
  const { ServiceManager } = await import('../systemd/service-manager.ts');
  const logs = new Logs(options);
  process.on('exit', () => logs.flush());
  signals.onReopen(() => logs.reopen());
  const manager = ServiceManager.take(native);
  await withAdmin(options, logs.logger, (admin, logger) =>
    serving(new Operation(logger, signals, logs, admin, manager)),
  );
  manager?.close();
  await logs.end();
  // Whatever became of standard output meanwhile.
  process.exitCode = 0;
}
