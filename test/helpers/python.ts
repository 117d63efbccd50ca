// Clients in Python, for what Node's sockets cannot do: urgent data. A script says on standard output
// how far it has got, and reads a line from standard input when it is to go on.

import { spawn } from 'node:child_process';
import { type Owner, works } from './process.ts';

export class Python {
  /** Resolves to the exit status. */
  readonly exited: Promise<number | null>;
  readonly #child;
  #output = '';
  #errors = '';
  #ended = false;
  #look = (): void => undefined;

  constructor(script: string) {
    this.#child = spawn('python3', ['-c', script]);
    this.#child.stdout.on('data', (data) => {
      this.#output += String(data);
      this.#look();
    });
    this.#child.stderr.on('data', (data) => {
      this.#errors += String(data);
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        this.#ended = true;
        this.#look();
        resolve(code);
      });
    });
  }

  /** The next line; rejects with what went wrong when it ends without. */
  line(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        const end = this.#output.indexOf('\n');
        if (end >= 0) {
          resolve(this.#output.slice(0, end));
          this.#output = this.#output.slice(end + 1);
          this.#look = () => undefined;
        } else if (this.#ended) reject(new Error(`python3 ended: ${this.#errors}`));
      };
      this.#look();
    });
  }

  goOn(): void {
    this.#child.stdin.write('\n');
  }

  kill(): void {
    if (!this.#ended) this.#child.kill('SIGKILL');
  }
}

/** Starts a script; null, with a line in the log, where there is no python3. */
export function python(
  t: Owner & { log(...lines: unknown[]): void },
  script: string,
): Python | null {
  if (!works('python3', '-c', '')) {
    t.log('skipped: there is no python3');
    return null;
  }
  const child = new Python(script);
  t.teardown(async () => {
    child.kill();
    await child.exited;
  });
  return child;
}
