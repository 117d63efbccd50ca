// Services: the servers that are shown, and what /status says of them and of the process. It knows no HTTP.

import { readFileSync } from 'node:fs';
import { native } from '../kernel/native.ts';
import type { Server } from '../server/server.ts';
import type { ServerStatus } from '../server/status/status.ts';
import { Refused } from './request.ts';

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

/** What a service serves, read again. */
export type Again = () => Promise<{ protocol: string; config?: string | Uint8Array }>;

export interface Shown {
  readonly server: Server;
  /** For a swap that names no protocol. */
  readonly again?: Again | undefined;
}

export class Services {
  readonly #servers = new Map<string, Shown>();
  readonly #version = versionOf();
  #starting = true;
  #status: Status | null = null;
  #text = '';

  add(name: string, shown: Shown): void {
    this.#servers.set(name, shown);
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

  get all(): ReadonlyMap<string, Shown> {
    return this.#servers;
  }

  /**
   * @param service may be left out if there is only one
   * @throws Refused
   */
  choose(service: unknown): [string, Shown] {
    const all = [...this.#servers];
    if (service === undefined && all.length === 1) return all[0]!;
    const found = all.find(([name]) => name === service);
    if (found !== undefined) return found;
    const names = all.map(([name]) => name).join(', ');
    if (service === undefined) throw new Refused(400, `service is missing; there are ${names}`);
    throw new Refused(404, `there is no service '${String(service)}'; there are ${names}`);
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
      services: [...this.#servers].map(([name, { server }]) => ({ name, ...server.status() })),
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
