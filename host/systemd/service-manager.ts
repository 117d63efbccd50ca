// Service manager: READ THIS FIRST. What systemd, or whoever speaks its protocol (sd_notify(3)), is told of this
// process: that it is ready, reloads, stops, how it is doing, and that it lives. It asks servers, and changes none.

import type { Native } from '../kernel/native.ts';
import type { Server } from '../server/server.ts';
import { NotifySocket } from './notify-socket.ts';
import { takeWatchdog, Watchdog } from './watchdog.ts';

// `systemctl status` shows the last one.
const STATUS_MS = 5000;
const NS_PER_US = 1000n;

export class ServiceManager {
  readonly #socket: NotifySocket;
  readonly #watchdogMs: number | null;
  #servers: () => Iterable<readonly [string, Server]> = () => [];
  #watchdog: Watchdog | null = null;
  #ticks: NodeJS.Timeout | undefined;
  #told = '';

  private constructor(socket: NotifySocket, watchdogMs: number | null) {
    this.#socket = socket;
    this.#watchdogMs = watchdogMs;
  }

  /** Takes what a manager has put into the environment out of there. @returns null when there is none */
  static take(native: Native, env = process.env): ServiceManager | null {
    const watchdogMs = takeWatchdog(env, process.pid);
    const socket = NotifySocket.take(native, env);
    return socket === null ? null : new ServiceManager(socket, watchdogMs);
  }

  /** Everything listens. @param servers those that there are at the time, by their names */
  ready(servers: () => Iterable<readonly [string, Server]>): void {
    this.#servers = servers;
    this.#told = this.#status();
    this.#socket.send('READY=1', `STATUS=${this.#told}`);
    this.#ticks ??= setInterval(() => this.#tell(), STATUS_MS).unref();
    if (this.#watchdogMs === null) return;
    this.#watchdog ??= new Watchdog(
      this.#watchdogMs,
      (withinMs) => this.#turns(withinMs),
      () => this.#socket.send('WATCHDOG=1'),
    );
  }

  async #turns(withinMs: number): Promise<boolean> {
    const answers = [...this.#servers()].map(([, server]) => server.stuck(withinMs));
    return (await Promise.all(answers)).every((stuck) => stuck.length === 0);
  }

  /** Until `ready` is called again. */
  reloading(): void {
    const now = process.hrtime.bigint() / NS_PER_US;
    this.#socket.send('RELOADING=1', `MONOTONIC_USEC=${now}`);
  }

  stopping(): void {
    this.#socket.send('STOPPING=1', `STATUS=${this.#status()}`);
  }

  #tell(): void {
    const status = this.#status();
    if (status === this.#told) return;
    this.#told = status;
    this.#socket.send(`STATUS=${status}`);
  }

  /** `12 connections open; chat: a worker is being replaced`. */
  #status(): string {
    let open = 0;
    const wrong: string[] = [];
    for (const [name, server] of this.#servers()) {
      const { listeners, state, stats } = server.status();
      open += stats.connections.open;
      if (state !== 'serving') wrong.push(`${name} is ${state}`);
      else wrong.push(...troubles(listeners, stats).map((trouble) => `${name}: ${trouble}`));
    }
    return [`${open} connection${open === 1 ? '' : 's'} open`, ...wrong].join('; ');
  }

  close(): void {
    clearInterval(this.#ticks);
    this.#watchdog?.close();
  }
}

type Status = ReturnType<Server['status']>;

function troubles(listeners: Status['listeners'], { engines, workers }: Status['stats']): string[] {
  const silent = listeners.filter(({ state }) => state !== 'listening');
  return [
    ...silent.map(({ address, state }) => `${address} is ${state}`),
    ...(workers.ready < workers.total ? ['a worker is being replaced'] : []),
    ...(engines.ready ? [] : ['an engine is not connected']),
  ];
}
