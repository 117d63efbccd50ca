// A child process of the bench: servers, load generators, tools. It ends with the bench, however
// that ends, by its pid. It knows nothing of what is measured.

import { type ChildProcess, spawn } from 'node:child_process';

// The longest window is a minute.
const LONGEST_MS = 180_000;

const living = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

/** Something outside the bench went wrong; the message is one line for whoever runs it. */
export class BenchError extends Error {}

export class Child {
  /** -1 when it could not be started; `ended` rejects then. */
  readonly pid: number;
  /** Resolves to its exit status, or the signal that ended it, when all its output is here. */
  readonly ended: Promise<number | string>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #output = { stdout: '', stderr: '' };
  #over = false;
  #look = (): void => undefined;

  constructor(command: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const [program, ...args] = command;
    this.#name = command.join(' ');
    this.#child = spawn(program!, args, { env });
    this.pid = this.#child.pid ?? -1;
    living.add(this.#child);
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name]!.setEncoding('utf8').on('data', (text: string) => {
        this.#output[name] += text;
        this.#look();
      });
    }
    // A child that is gone does not read.
    this.#child.stdin!.on('error', () => undefined);
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', (error) => reject(new BenchError(error.message)));
      this.#child.once('close', (code, signal) => {
        living.delete(this.#child);
        this.#over = true;
        resolve(code ?? signal!);
        this.#look();
      });
    });
    this.ended.catch(() => undefined);
  }

  /** Waits for a match in its output. Rejects when it ends without, or takes too long. */
  async shows(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    const shown = new Promise<RegExpExecArray>((resolve, reject) => {
      this.#look = () => {
        const match = pattern.exec(this.#output[stream]);
        if (match !== null) resolve(match);
        else if (this.#over) reject(this.#failure());
      };
      this.#look();
    });
    return this.#bounded(Promise.race([shown, this.ended.then(() => shown)]));
  }

  /** All its standard output, when it has ended with status 0. Rejects otherwise. */
  async result(): Promise<string> {
    if ((await this.#bounded(this.ended)) !== 0) throw this.#failure();
    return this.#output.stdout;
  }

  /** What takes longer than anything here may is ended. */
  async #bounded<T>(result: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.signal('SIGKILL');
        reject(new BenchError(`'${this.#name}' took more than ${LONGEST_MS / 1000} s`));
      }, LONGEST_MS);
    });
    try {
      return await Promise.race([result, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** So far. */
  get stderr(): string {
    return this.#output.stderr;
  }

  /** A line on its standard input. */
  say(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** End of its standard input. */
  release(): void {
    this.#child.stdin!.end();
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#over) this.#child.kill(signal);
  }

  /** Ends it, and waits until it has. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.signal(signal);
    await this.ended;
  }

  #failure(): BenchError {
    const { exitCode, signalCode } = this.#child;
    const { stderr, stdout } = this.#output;
    const said = (stderr || stdout).trim().split('\n').at(-1);
    return new BenchError(`'${this.#name}' ended with ${exitCode ?? signalCode}: ${said}`);
  }
}

/** The standard output of a command, or null where it is missing or fails. */
export async function outputOf(command: readonly string[]): Promise<string | null> {
  try {
    return await new Child(command).result();
  } catch {
    return null;
  }
}
