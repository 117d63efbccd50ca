// Logs: READ THIS FIRST. Where the lines of a process go: those that its servers write, and one for each
// connection that is over. It knows files and forms, and decides nothing about connections.

import { constants, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { pino } from 'pino';
import { messageOf, WasmpollError } from '../errors.ts';
import { RateLimit } from '../rate-limit.ts';
import type { Logger } from '../server/logger.ts';
import { printableJson } from '../text.ts';
import { logAccess } from './access-log.ts';
import { LogOutput } from './output.ts';
import { prettyLine } from './pretty.ts';

export interface LogOptions {
  /** One of debug, info, warn, error, silent. */
  readonly level: string;
  /** For people if standard error is a terminal, and for programs if not, when it is not said. */
  readonly format?: 'pretty' | 'json';
  /** A file, which is made and added to, or `-` for standard output. */
  readonly access?: string;
}

const [STDOUT, STDERR] = [1, 2];
// What goes wrong with each line is told no more often than this.
const TROUBLE_PER_SECOND = 1;

export class Logs {
  readonly logger: Logger;
  readonly #lines: LogOutput;
  readonly #access: LogOutput | null;
  readonly #file: string;
  readonly #trouble = new RateLimit(TROUBLE_PER_SECOND, () => Date.now());

  /** @throws WasmpollError ERR_OPTION when the file cannot be opened */
  constructor({ level, format, access }: LogOptions) {
    const pretty = format === 'pretty' || (format === undefined && isatty(STDERR));
    const coloured = pretty && isatty(STDERR) && !process.env.NO_COLOR;
    const form = (line: string): string =>
      pretty ? prettyLine(line, coloured) : `${printableJson(line.trimEnd())}\n`;
    const lineOf = (msg: string): string => form(ownLine(msg));
    this.#lines = new LogOutput(STDERR, { lineOf });
    this.logger = pino(
      { level, base: null },
      { write: (line: string) => this.#lines.write(form(line)) },
    );
    this.#file = access ?? '';
    this.#access = access === undefined ? null : this.#openAccess(access);
  }

  #openAccess(access: string): LogOutput {
    const fd = access === '-' ? STDOUT : open(access);
    return new LogOutput(fd, {
      lineOf: (text) => `${JSON.stringify({ time: new Date().toISOString(), text })}\n`,
      failed: (error, lines) => {
        if (!this.#trouble.admit()) return;
        this.logger.error({ code: error.code, lines }, `access log: ${error.message}`);
      },
    });
  }

  /** Has the connections of a server logged, if they are to be. */
  watch(server: Parameters<typeof logAccess>[0], service: string): void {
    const access = this.#access;
    if (access !== null) logAccess(server, service, (line) => access.write(line));
  }

  /** Opens the file anew, which may have been moved away. If that fails the one before is written to. */
  reopen(): void {
    if (this.#access === null || this.#file === '-') return;
    try {
      this.#access.reopen(open(this.#file));
    } catch (error) {
      this.logger.error({ code: (error as { code?: string }).code }, messageOf(error));
    }
  }

  /** Writes what can be written at once. */
  flush(): void {
    this.#access?.flush();
    this.#lines.flush();
  }

  /** Resolves when all lines are out, or nobody takes them. */
  async end(): Promise<void> {
    await this.#access?.end();
    await this.#lines.end();
  }
}

// As pino writes them.
const ownLine = (msg: string): string => JSON.stringify({ level: 40, time: Date.now(), msg });

function open(file: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    // With O_NONBLOCK a FIFO that nobody reads is refused; otherwise opening would wait for ever.
    const fd = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o640);
    if (!fstatSync(fd).isDirectory()) return fd;
    throw new Error('it is a folder');
  } catch (error) {
    throw new WasmpollError('ERR_OPTION', `access log '${file}': ${messageOf(error)}`, {
      cause: error,
    });
  }
}
