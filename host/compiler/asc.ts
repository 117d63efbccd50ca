// Asc: the AssemblyScript compiler, an optional package of the author's, in a child process that stays warm. It
// knows how the process is told, and not what is compiled.

import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WasmpollError } from '../errors.ts';
import type { FilesRead } from './files.ts';

export interface Request {
  readonly number: number;
  /** In which asc runs, and from which paths are seen. */
  readonly folder: string;
  readonly args: readonly string[];
  /** The name of what is written. */
  readonly output: string;
}

export interface Answer {
  readonly number: number;
  /** What asc has written to standard error. */
  readonly text: string;
  readonly files: FilesRead;
  /** Why there is no module, if it is not what `text` says; null if there is one. */
  readonly failure: string | null;
  readonly wasm: Uint8Array | null;
  readonly map: string | null;
  /** Of the child process, at the end of this build. */
  readonly memoryBytes: number;
}

// A build of a small guest takes 20 MB that are not given back; the compiler alone takes 280 MB.
const MOST_MEMORY = 600 * 1024 * 1024;
const here = fileURLToPath(import.meta.url);

/**
 * Where asc lies: in the packages of the folder, or in those beside this package.
 * @throws WasmpollError ERR_OPTION, with the command that installs it
 */
export function findAsc(folder: string): string {
  for (const from of [path.join(folder, 'package.json'), here]) {
    try {
      const found = createRequire(from).resolve('assemblyscript/package.json');
      return path.join(path.dirname(found), 'dist', 'asc.js');
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new WasmpollError(
    'ERR_OPTION',
    'assemblyscript is not installed: npm install -D assemblyscript',
  );
}

/** A compiler that is started before it is needed, and replaced when it has grown. */
export class Asc {
  readonly #compiler: string;
  #child: ChildProcess;
  #number = 0;
  #closed = false;

  /** @param compiler where asc lies */
  constructor(compiler: string) {
    this.#compiler = compiler;
    this.#child = this.#start();
  }

  #start(): ChildProcess {
    const child = fork(
      fileURLToPath(new URL('./asc-child.js', import.meta.url)),
      [this.#compiler],
      {
        // Flags of this process, such as a debugger's port, are not meant for the other.
        execArgv: [],
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      },
    );
    // Whoever waits for a build is told by `exit`.
    child.on('error', () => undefined);
    return child;
  }

  /** Compiles. Rejects when two processes in a row end meanwhile: they could not be started, or were killed. */
  async compile(request: Omit<Request, 'number'>): Promise<Answer> {
    this.#number += 1;
    const numbered = { ...request, number: this.#number };
    const answer = await ask(this.#child, numbered).catch((error) => {
      if (this.#closed) throw error;
      this.#child = this.#start();
      return ask(this.#child, numbered);
    });
    if (answer.memoryBytes > MOST_MEMORY && !this.#closed) {
      this.#child.disconnect();
      this.#child = this.#start();
    }
    return answer;
  }

  /** Ends the process; whoever waits for a build is told. */
  close(): void {
    this.#closed = true;
    this.#child.kill('SIGKILL');
  }
}

function ask(child: ChildProcess, request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const answered = (answer: Answer): void => {
      if (answer.number !== request.number) return;
      child.off('message', answered);
      child.off('exit', ended);
      resolve(answer);
    };
    const ended = (code: number | null, signal: string | null): void => {
      child.off('message', answered);
      reject(new Error(`the compiler's process has ended: ${signal ?? `status ${code}`}`));
    };
    child.on('message', answered);
    child.once('exit', ended);
    if (!child.connected) return ended(child.exitCode, child.signalCode);
    child.send(request, (error) => {
      if (error !== null) ended(null, error.message);
    });
  });
}
