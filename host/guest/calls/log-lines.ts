// Log lines: what a guest writes to its standard output and error becomes lines for the log. It knows where
// a line ends, and not how many of them the log takes.

import { LOG_ERROR, LOG_INFO } from '../../../assembly/abi.ts';
import { printable } from '../../text.ts';
import type { Environment } from '../guest-host.ts';
import type { Gate } from './gate.ts';

const END_OF_LINE = 0x0a;
/** What is longer becomes several lines. */
const LINE_BYTES = 4096;

/** One stream's line that has not ended. */
class Unfinished {
  readonly level: number;
  readonly bytes = new Uint8Array(LINE_BYTES);
  length = 0;

  constructor(level: number) {
    this.level = level;
  }
}

export class LogLines {
  readonly #gate: Gate;
  readonly #environment: Environment;
  /** By the descriptor's number; made when something is written. */
  readonly #streams = new Map<number, Unfinished>();

  constructor(gate: Gate, environment: Environment) {
    this.#gate = gate;
    this.#environment = environment;
  }

  /** @param fd 1 or 2; each line counts as a host call, so that many short ones are not cheap */
  add(fd: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(fd) ?? new Unfinished(fd === 1 ? LOG_INFO : LOG_ERROR);
    this.#streams.set(fd, stream);
    for (const byte of bytes) {
      if (byte !== END_OF_LINE) stream.bytes[stream.length++] = byte;
      if (byte !== END_OF_LINE && stream.length < LINE_BYTES) continue;
      if (!this.#gate.admitEarly()) return;
      this.#tell(stream);
    }
  }

  /** The instance ends: what is unfinished is told as it is. */
  flush(): void {
    for (const stream of this.#streams.values()) if (stream.length > 0) this.#tell(stream);
  }

  #tell(stream: Unfinished): void {
    const text = new TextDecoder().decode(stream.bytes.subarray(0, stream.length));
    stream.length = 0;
    this.#environment.log(stream.level, printable(text));
  }
}
