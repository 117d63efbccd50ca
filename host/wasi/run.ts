// Run: a command in a thread of its own, with its listeners and folders, from its start to its end. It
// never enters the guest, and knows nothing of what the guest calls.

import type { Readable, Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { messageOf, WasmpollError } from '../errors.ts';
import { native } from '../kernel/native.ts';
import { type Address, parseAddress, resolveAddress } from '../listen/address.ts';
import { Listener } from '../listen/listener.ts';
import type { GuestModule } from '../module/load.ts';
import { resolveModule } from '../module/source.ts';
import { settings } from '../policy.ts';
import { loadCommand } from './command.ts';
import { Inheritance } from './inheritance.ts';
import { checkOptions, listOf, type RunOptions } from './options.ts';
import { type RunPolicy, resolveRunPolicy } from './policy.ts';
import { MOST_DESCRIPTORS } from './preview1/descriptors.ts';
import { RUN_ENDS, RUN_STOPS } from './preview1/waiter.ts';
import type { FromRun, RunData } from './preview1/worker.ts';

// Descriptors that are left to everything else in the process.
const RESERVED_DESCRIPTORS = 32;
// A command that waits obeys at once; one that computes does not, and is terminated after this.
const END_MS = 500;
const HEAP_MB = 128;

const script = new URL('./preview1/worker.js', import.meta.url);

/**
 * Loads a command, listens, and starts it. All of that has succeeded when it resolves.
 * @throws WasmpollError with ERR_OPTION, ERR_POLICY, ERR_ADDRESS or ERR_MODULE; an Error in Node's
 *   form when the system refuses (`listen EADDRINUSE: …`); the signal's reason
 */
export async function runWasi(options: RunOptions): Promise<Run> {
  checkOptions(options);
  const policy = resolveRunPolicy(options.policy ?? {});
  const addresses = await Promise.all(listOf(options.listen).map(parseAddress).map(resolveAddress));
  const { name, source } = await resolveModule(options.module, policy.maxModuleBytes);
  const module = await loadCommand(source, policy, name);
  options.signal?.throwIfAborted();
  const run = new Run(module, addresses, policy, options);
  const stop = () => void run.close();
  options.signal?.addEventListener('abort', stop, { once: true });
  const forget = () => options.signal?.removeEventListener('abort', stop);
  run.exited.then(forget, forget);
  return run;
}

/** A command that runs, or has run. */
export class Run {
  /** Where it listens, as `listen` takes it, with real ports. */
  readonly addresses: readonly string[];
  /**
   * The command's exit status, once everything that it had is closed; 0 when a stop has ended it.
   * Rejects with WasmpollError ERR_TRAP when it trapped, ERR_HUNG when it did not end within graceMs of a
   * stop.
   */
  readonly exited: Promise<number>;
  /** The other ends of what was asked for as 'pipe'. */
  readonly stdin: Writable | null = null;
  readonly stdout: Readable | null = null;
  readonly stderr: Readable | null = null;
  readonly #name: string;
  readonly #policy: RunPolicy;
  readonly #listeners: Listener[] = [];
  readonly #fds: Int32Array;
  readonly #control = new Int32Array(new SharedArrayBuffer(4));
  readonly #wake: number;
  readonly #worker: Worker;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  #aborted = false;

  /** Use `runWasi()`. */
  constructor(
    module: GuestModule,
    addresses: readonly Address[],
    policy: RunPolicy,
    options: RunOptions,
  ) {
    this.#name = module.name;
    this.#policy = policy;
    const inheritance = new Inheritance(native);
    this.#wake = native.eventfd(0);
    try {
      if (this.#wake < 0) throw native.systemError('eventfd', this.#wake);
      this.stdin = inheritance.stdio(0, options.stdin ?? 'inherit');
      this.stdout = inheritance.stdio(1, options.stdout ?? 'inherit');
      this.stderr = inheritance.stdio(2, options.stderr ?? 'inherit');
      for (const folder of listOf(options.dirs)) inheritance.folder(folder);
      for (const address of addresses) {
        const listener = new Listener(native, address, { ...defaults, ...policy });
        this.#listeners.push(listener);
        inheritance.listener(listener.fd, options.nonblocking ?? false);
      }
      this.addresses = this.#listeners.map(({ address }) => address);
      const { fds } = inheritance;
      const limit = Math.min(policy.maxConnections, native.fileLimit() - RESERVED_DESCRIPTORS);
      const entries = Math.max(fds.length, Math.min(fds.length + limit, MOST_DESCRIPTORS));
      this.#fds = new Int32Array(new SharedArrayBuffer(entries * 4));
      fds.forEach((fd, number) => {
        this.#fds[number] = fd + 1;
      });
      this.#worker = new Worker(script, {
        workerData: {
          module: module.module,
          args: [module.name, ...(options.args ?? [])],
          environment: environmentOf(options.env ?? {}, addresses.length),
          inherited: inheritance.inherited,
          fds: this.#fds.buffer as SharedArrayBuffer,
          control: this.#control.buffer as SharedArrayBuffer,
          wake: this.#wake,
          quietMs: policy.drainQuietMs,
        } satisfies RunData,
        resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
        execArgv: [],
        argv: [],
      });
    } catch (error) {
      for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.destroy();
      for (const listener of this.#listeners) removeQuietly(listener);
      inheritance.close();
      if (this.#wake >= 0) native.close(this.#wake);
      throw error;
    }
    this.exited = this.#run();
    // Whoever waits for it is told; nobody has to.
    this.exited.catch(() => undefined);
  }

  async #run(): Promise<number> {
    let end: number | WasmpollError | null = null;
    await new Promise<void>((resolve) => {
      this.#worker.on('message', (message: FromRun) => {
        end = message.kind === 'exited' ? message.status : this.#trap(message.message);
      });
      this.#worker.on('error', (error) => {
        end = this.#trap(messageOf(error));
      });
      this.#worker.on('exit', () => resolve());
    });
    clearTimeout(this.#timer);
    this.#closeAll();
    end ??= this.#hung();
    if (typeof end === 'number') return end;
    throw end;
  }

  #trap(message: string): WasmpollError {
    return new WasmpollError('ERR_TRAP', `${this.#name}: trap: ${message}`);
  }

  #hung(): WasmpollError {
    const { graceMs } = this.#policy;
    const late = this.#aborted ? 'when it was aborted' : `within ${graceMs} ms of its stop`;
    return new WasmpollError('ERR_HUNG', `${this.#name}: did not end ${late}, and was terminated`);
  }

  #closeAll(): void {
    for (const listener of this.#listeners) removeQuietly(listener);
    for (const fd of new Set(this.#fds)) if (fd > 0) native.close(fd - 1);
    native.close(this.#wake);
  }

  /**
   * Stops the command: nothing new is accepted. If it waits and has no connection open, or none on which
   * anything happens for drainQuietMs, it ends at once; in any case after graceMs. Idempotent.
   * @returns `exited`
   */
  close(): Promise<number> {
    if (this.#stopping || this.#over) return this.exited;
    this.#stopping = true;
    this.#tell(RUN_STOPS);
    this.#timer = setTimeout(() => this.#end(), this.#policy.graceMs);
    return this.exited;
  }

  #end(): void {
    this.#tell(RUN_ENDS);
    this.#timer = setTimeout(() => void this.#worker.terminate(), END_MS);
  }

  /** Ends the command at once, in the middle of whatever it does. `exited` tells when. */
  abort(): void {
    if (this.#over || this.#aborted) return;
    this.#stopping = true;
    this.#aborted = true;
    clearTimeout(this.#timer);
    this.#end();
  }

  /** A run that is over has no eventfd any more, and nothing is timed for it. */
  get #over(): boolean {
    return this.#worker.threadId === -1;
  }

  // The word first: whoever is woken finds it there.
  #tell(what: number): void {
    Atomics.store(this.#control, 0, what);
    if (!this.#over) native.write(this.#wake, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]), 0, 8);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The rows of the policy that a listener reads, and that a command has no flag for. */
const defaults = Object.fromEntries(
  Object.entries(settings).map(([name, setting]) => [name, setting.default]),
) as { [name in keyof typeof settings]: number };

/** LISTEN_FDS as sd_listen_fds(3) has it; LISTEN_PID would name a process that a guest cannot know. */
function environmentOf(env: Readonly<Record<string, string>>, listeners: number): string[] {
  const own = listeners > 0 ? { LISTEN_FDS: String(listeners) } : {};
  return Object.entries({ ...own, ...env }).map(([name, value]) => `${name}=${value}`);
}

function removeQuietly(listener: Listener): void {
  try {
    listener.removeFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}
