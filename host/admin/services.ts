// Services: the servers that are shown, and what /status says of them and of the process. It knows no HTTP.

import { readFileSync } from 'node:fs';
import { native } from '../kernel/native.ts';
import type { Server } from '../server/server.ts';
import type { ServerStatus } from '../server/status.ts';

/** Answers to many who ask at once are one: a look at all counters takes a while. */
const FRESH_MS = 100;

export interface ProcessStatus {
  readonly pid: number;
  readonly node: string;
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly rssBytes: number;
  /** The main thread's JavaScript heap. */
  readonly heapBytes: number;
  readonly descriptorLimit: number;
}

/** What /status answers. Times are milliseconds since 1970. */
export interface Status {
  readonly version: string;
  readonly time: number;
  readonly startedAt: number;
  readonly uptimeMs: number;
  readonly process: ProcessStatus;
  readonly services: readonly ({ readonly name: string } & ServerStatus)[];
}

export class Services {
  readonly #servers = new Map<string, Server>();
  readonly #version = versionOf();
  #starting = true;
  #status: Status | null = null;
  #text = '';

  add(name: string, server: Server): void {
    this.#servers.set(name, server);
    this.#status = null;
  }

  remove(name: string): void {
    this.#servers.delete(name);
    this.#status = null;
  }

  /** All servers were added. */
  started(): void {
    this.#starting = false;
  }

  /** Whether servers may still be added. */
  get starting(): boolean {
    return this.#starting;
  }

  get all(): ReadonlyMap<string, Server> {
    return this.#servers;
  }

  /** At most FRESH_MS old. */
  get status(): Status {
    const now = Date.now();
    if (this.#status !== null && Math.abs(now - this.#status.time) < FRESH_MS) return this.#status;
    const status = {
      version: this.#version,
      time: now,
      startedAt: Math.round(performance.timeOrigin),
      uptimeMs: Math.round(performance.now()),
      process: processStatus(),
      services: [...this.#servers].map(([name, server]) => ({ name, ...server.status() })),
    };
    this.#status = status;
    this.#text = '';
    return status;
  }

  /** As JSON. */
  get text(): string {
    const { status } = this;
    if (this.#text === '') this.#text = JSON.stringify(status);
    return this.#text;
  }
}

function processStatus(): ProcessStatus {
  const { user, system } = process.cpuUsage();
  const { heapUsed } = process.memoryUsage();
  return {
    pid: process.pid,
    node: process.version,
    cpuUserMs: user / 1000,
    cpuSystemMs: system / 1000,
    rssBytes: process.memoryUsage.rss(),
    heapBytes: heapUsed,
    descriptorLimit: native.fileLimit(),
  };
}

function versionOf(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
