// Log tail: the last lines of a log, and those that come, for whoever follows it. It stands in front of a
// logger, which gets every line as before.

import type { Logger } from '../server/logger.ts';

/** So many lines are kept for those who come later. */
const KEPT = 200;
/** Text of a line beyond this is cut here; the logger gets it whole. */
const LONGEST = 2000;

export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  readonly level: Level;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly message: string;
  readonly fields: object;
}

export class LogTail implements Logger {
  readonly #logger: Logger;
  readonly #lines: LogLine[] = [];
  readonly #followers = new Set<(line: LogLine) => void>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  debug(fields: object, message: string): void {
    this.#logger.debug(fields, message);
    this.#keep('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#logger.info(fields, message);
    this.#keep('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#logger.warn(fields, message);
    this.#keep('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#logger.error(fields, message);
    this.#keep('error', fields, message);
  }

  isLevelEnabled(level: string): boolean {
    return this.#logger.isLevelEnabled?.(level) ?? true;
  }

  /** @returns whether the logger has levels, as pino's has */
  setLevel(level: string): boolean {
    const logger = this.#logger as { level?: unknown };
    if (typeof logger.level !== 'string') return false;
    logger.level = level;
    return true;
  }

  #keep(level: Level, fields: object, message: string): void {
    if (!this.isLevelEnabled(level)) return;
    const line = { level, time: Date.now(), message: message.slice(0, LONGEST), fields };
    this.#lines.push(line);
    if (this.#lines.length > KEPT) this.#lines.shift();
    for (const follower of this.#followers) follower(line);
  }

  /** The last lines, the oldest first. */
  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** Calls `follower`, which must not throw, with each line that comes. @returns ends that */
  follow(follower: (line: LogLine) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }
}
