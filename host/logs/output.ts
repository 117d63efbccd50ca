// Log output: standard error as a place for lines that never holds the server up and never ends it.
// Lines that nobody takes are dropped and counted. It knows descriptors, and nothing of what lines say.

import { constants, fstatSync, openSync, writeSync } from 'node:fs';

// A reader that is slow finds so much, and misses what came after.
const WAITING_BYTES_MAX = 1024 * 1024;
// A line is some hundred bytes long; text from outside must not make it longer than this.
const LINE_BYTES_MAX = 8 * 1024;
// A full pipe says nothing to those who only write now and then: ask again.
const RETRY_MS = 20;
// At the end a slow reader gets as long as it takes something, and a stuck one a second.
const IDLE_TRIES = 50;

/** What pino takes as its destination. */
export class LogOutput {
  readonly #fd: number;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #immediate: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Lines that there was no room for. */
  #dropped = 0;
  readonly #lineOf: (text: string) => string;

  /** @param lineOf makes a line of a text of this output's own */
  constructor(fd: number, lineOf: (text: string) => string) {
    this.#fd = withoutBlocking(fd);
    this.#lineOf = lineOf;
  }

  /** Never throws. Lines of one turn of the event loop are written together. */
  write(line: string): void {
    const bytes = this.#cut(Buffer.from(line));
    if (this.#bytes + bytes.length > WAITING_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
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
    return Buffer.from(this.#lineOf(`${start}… (${bytes.length - LINE_BYTES_MAX} more bytes)`));
  }

  // Before the line that finds room again.
  #report(): void {
    if (this.#dropped === 0) return;
    this.#push(Buffer.from(this.#lineOf(`${this.#dropped} lines were dropped`)));
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
        const written = writeSync(this.#fd, bytes);
        this.#waiting = written < bytes.length ? [bytes.subarray(written)] : [];
        this.#bytes -= written;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
          this.#waiting = [bytes];
          this.#retry = setTimeout(() => this.flush(), RETRY_MS).unref();
          return;
        }
        // Nobody is there to read, or the disk is full: later lines may fare better.
        this.#waiting = [];
        this.#bytes = 0;
      }
    }
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
