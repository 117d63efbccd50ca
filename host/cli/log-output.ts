// Log output: standard error as a place for lines that never holds the server up and never ends it.
// Lines that nobody takes are dropped. It knows descriptors, and nothing of what the lines say.

import { constants, fstatSync, openSync, writeSync } from 'node:fs';

// A reader that is slow finds so much, and misses what came after.
const WAITING_BYTES_MAX = 1024 * 1024;
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

  constructor(fd: number) {
    this.#fd = withoutBlocking(fd);
  }

  /** Never throws. Lines of one turn of the event loop are written together. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#bytes + bytes.length > WAITING_BYTES_MAX) return;
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#retry !== undefined) return;
    this.#immediate ??= setImmediate(() => this.flush());
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
