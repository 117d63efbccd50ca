// Events: a stream of server-sent events for each who follows: the status once a second, and log lines as they
// come. Whoever does not read is cut off. It is idle while nobody follows.

import type { ServerResponse } from 'node:http';
import type { LogLine, LogTail } from './log-tail.ts';
import type { Services } from './services.ts';

const EACH_MS = 1000;
/** Streams at once; each takes one of the connections that there may be. */
const MOST_STREAMS = 8;
/** Who has left so much unread is not reading. */
const MOST_UNREAD_BYTES = 1024 * 1024;

export class Events {
  readonly #services: Services;
  readonly #logs: LogTail | null;
  readonly #streams = new Set<ServerResponse>();
  #ticks: NodeJS.Timeout | undefined;
  #unfollow: (() => void) | null = null;

  constructor(services: Services, logs: LogTail | null) {
    this.#services = services;
    this.#logs = logs;
  }

  /** @returns false when there are too many streams already */
  stream(response: ServerResponse): boolean {
    if (this.#streams.size >= MOST_STREAMS) return false;
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    response.on('close', () => this.#left(response));
    this.#streams.add(response);
    if (this.#streams.size === 1) this.#begin();
    this.#write(response, eventOf('status', this.#services.text));
    for (const line of this.#logs?.lines ?? []) this.#write(response, logEvent(line));
    return true;
  }

  #begin(): void {
    this.#ticks = setInterval(() => this.#tell(eventOf('status', this.#services.text)), EACH_MS);
    this.#ticks.unref();
    this.#unfollow = this.#logs?.follow((line) => this.#tell(logEvent(line))) ?? null;
  }

  #left(response: ServerResponse): void {
    this.#streams.delete(response);
    if (this.#streams.size > 0) return;
    clearInterval(this.#ticks);
    this.#unfollow?.();
  }

  #tell(event: string): void {
    for (const response of this.#streams) this.#write(response, event);
  }

  #write(response: ServerResponse, event: string): void {
    if (response.writableLength > MOST_UNREAD_BYTES) response.destroy();
    else response.write(event);
  }

  close(): void {
    for (const response of this.#streams) response.end();
  }
}

/** @param data has no line end */
const eventOf = (name: string, data: string): string => `event: ${name}\ndata: ${data}\n\n`;

function logEvent(line: LogLine): string {
  return eventOf('log', textOf(line));
}

// What a program logs may be of any kind, also such that has no text.
function textOf({ level, time, message, fields }: LogLine): string {
  try {
    return JSON.stringify({ level, time, message, fields });
  } catch {
    return JSON.stringify({ level, time, message, fields: {} });
  }
}
