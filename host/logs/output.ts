// Log output: a descriptor as a place for lines that never holds the server up and never ends it. Lines that
// nobody takes are dropped and counted. It knows descriptors, and nothing of what lines say.

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

// A reader that is slow finds so much, and misses what came after.
const WAITING_BYTES_MAX = 1024 * 1024;
// A line is some hundred bytes long; text from outside must not make it longer than this.
const LINE_BYTES_MAX = 8 * 1024;
// A full pipe says nothing to those who only write now and then: ask again.
const RETRY_MS = 20;
// At the end a slow reader gets as long as it takes something, and a stuck one a second.
const IDLE_TRIES = 50;

const LINE_END = 0x0a;

export interface OutputOptions {
  /** Makes a line of a text of this output's own. */
  readonly lineOf: (text: string) => string;
  /** Told why lines could not be written, and how many. */
  readonly failed?: (error: NodeJS.ErrnoException, lines: number) => void;
}

/** What pino takes as its destination. */
export class LogOutput {
  #fd: number;
  /** The descriptor is this output's own. */
  #own: boolean;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #immediate: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Lines that there was no room for, or that could not be written. */
  #dropped = 0;
  /** What was written last was not the end of a line. */
  #within = false;
  /** It never will be: the next line has to begin on a line of its own. */
  #torn = false;
  readonly #options: OutputOptions;

  constructor(fd: number, options: OutputOptions) {
    this.#fd = withoutBlocking(fd);
    this.#own = this.#fd !== fd;
    this.#options = options;
  }

  /**
   * Writes to another descriptor from now on, which it takes over. What waits goes to the one before, if that
   * takes it at once.
   */
  reopen(fd: number): void {
    this.flush();
    if (this.#own) closeSync(this.#fd);
    this.#fd = fd;
    this.#own = true;
    this.#within = false;
    this.#torn = false;
  }

  /** Never throws. Lines of one turn of the event loop are written together. */
  write(line: string): void {
    const bytes = this.#cut(Buffer.from(line));
    if (this.#bytes + bytes.length > WAITING_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    if (this.#torn) this.#push(Buffer.of(LINE_END));
    this.#torn = false;
    this.#report();
    this.#push(bytes);
    if (this.#retry !== undefined) return;
    this.#immediate ??= setImmediate(() => this.flush());
  }

  #push(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
  }

  /** A line that is cut is not what its writer meant: it becomes the text of another. */
  #cut(bytes: Buffer): Buffer {
    if (bytes.length <= LINE_BYTES_MAX) return bytes;
    const start = bytes.subarray(0, LINE_BYTES_MAX).toString();
    const left = bytes.length - LINE_BYTES_MAX;
    return Buffer.from(this.#options.lineOf(`${start}… (${left} more bytes)`));
  }

  // Before the line that finds room again.
  #report(): void {
    if (this.#dropped === 0) return;
    this.#push(Buffer.from(this.#options.lineOf(`${this.#dropped} lines were dropped`)));
    this.#dropped = 0;
  }

  /** Writes what can be written at once; for a process that is about to end. */
  flush(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#retry);
    this.#immediate = undefined;
    this.#retry = undefined;
    while (this.#waiting.length > 0) {
      const bytes = this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting);
      try {
        this.#written(bytes, writeSync(this.#fd, bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
          this.#waiting = [bytes];
          this.#retry = setTimeout(() => this.flush(), RETRY_MS).unref();
          return;
        }
        this.#lose(bytes, error as NodeJS.ErrnoException);
      }
    }
  }

  #written(bytes: Buffer, count: number): void {
    this.#waiting = count < bytes.length ? [bytes.subarray(count)] : [];
    this.#bytes -= count;
    if (count > 0) this.#within = bytes[count - 1] !== LINE_END;
  }

  // Nobody is there to read, or the disk is full: later lines may fare better.
  #lose(bytes: Buffer, error: NodeJS.ErrnoException): void {
    const mends = bytes[0] === LINE_END;
    const ends = bytes.reduce((count, byte) => count + Number(byte === LINE_END), 0);
    const lines = ends - Number(mends);
    this.#torn = this.#within;
    this.#waiting = [];
    this.#bytes = 0;
    if (this.#options.failed === undefined) this.#dropped += lines;
    else this.#options.failed(error, lines);
  }

  /** Resolves when everything is written, or its reader is stuck. */
  async end(): Promise<void> {
    this.#report();
    this.flush();
    for (let tries = 0, left = this.#bytes; left > 0 && tries < IDLE_TRIES; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      this.flush();
      if (this.#bytes < left) tries = 0;
      left = this.#bytes;
    }
  }
}

// O_NONBLOCK belongs to what all who share the descriptor have open, the shell included: pipes and
// terminals are opened once more. Files take all at once; a socket cannot be opened, and may block.
function withoutBlocking(fd: number): number {
  try {
    const stat = fstatSync(fd);
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return fd;
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    // Not allowed, no reader, or no /proc: then it may block, as it would have without all this.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return fd;
  }
}
