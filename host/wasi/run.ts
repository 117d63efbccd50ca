// Run: a command in a thread of its own, with its listeners and folders, from its start to its end. It
// never enters the guest, and knows nothing of what the guest calls.

import type { Readable, Writable } from 'node:stream';
import { native } from '../kernel/native.ts';
import { type Address, parseAddress, resolveAddress } from '../listen/address.ts';
import type { GuestModule } from '../module/load.ts';
import { resolveModule } from '../module/source.ts';
import { loadCommand } from './command.ts';
import { CommandThread } from './command-thread.ts';
import { hangOf, memoryRemark, trapOf } from './ending.ts';
import { Inheritance } from './inheritance.ts';
import { checkOptions, listOf, type RunOptions } from './options.ts';
import { listenerPolicy, type RunPolicy, resolveRunPolicy } from './policy.ts';

// A command that calls the host obeys at once; one that computes does not, and is terminated after this.
const END_MS = 500;
// So does one that computes with no connection open, after a stop; natively it would be at once.
const IDLE_MS = 50;

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
   * The command's exit status, once everything that it had is closed; 0 when a stop has ended it, which
   * `stopped` tells. Rejects with WasmpollError ERR_TRAP when it trapped, ERR_HUNG when it did not end
   * within graceMs of a stop and had connections open.
   */
  readonly exited: Promise<number>;
  /** The other ends of what was asked for as 'pipe'. */
  readonly stdin: Writable | null = null;
  readonly stdout: Readable | null = null;
  readonly stderr: Readable | null = null;
  readonly #name: string;
  readonly #policy: RunPolicy;
  readonly #inheritance = new Inheritance(native);
  readonly #thread: CommandThread;
  #timer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #stopping = false;
  #stopped = false;
  #remark: string | null = null;
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
    const inheritance = this.#inheritance;
    try {
      this.stdin = inheritance.stdio(0, options.stdin ?? 'inherit');
      this.stdout = inheritance.stdio(1, options.stdout ?? 'inherit');
      this.stderr = inheritance.stdio(2, options.stderr ?? 'inherit');
      for (const folder of listOf(options.dirs)) inheritance.folder(folder);
      const listening = listenerPolicy(policy);
      this.addresses = addresses.map((address) =>
        inheritance.listener(address, listening, options.nonblocking ?? false),
      );
      this.#thread = new CommandThread(native, {
        module: module.module,
        args: [module.name, ...(options.args ?? [])],
        environment: environmentOf(options.env ?? {}, addresses.length),
        inherited: inheritance.inherited,
        fds: inheritance.table(policy.maxConnections).buffer as SharedArrayBuffer,
        quietMs: policy.drainQuietMs,
        sigpipe: options.sigpipe ?? true,
      });
    } catch (error) {
      for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.destroy();
      inheritance.close();
      throw error;
    }
    this.exited = this.#run();
    // Whoever waits for it is told; nobody has to.
    this.exited.catch(() => undefined);
  }

  async #run(): Promise<number> {
    const end = await this.#thread.ended;
    clearTimeout(this.#timer);
    clearTimeout(this.#idleTimer);
    this.#inheritance.close();
    const remark = memoryRemark(end?.memoryBytes ?? 0, this.#policy.guestMemoryBytes);
    if (end?.kind === 'trapped') throw trapOf(this.#name, end.message, remark);
    if (end?.kind === 'exited') {
      if (end.status !== 0 && remark !== null) this.#remark = `${this.#name}: ${remark}`;
      return end.status;
    }
    if (end === null && !this.#stopped) {
      throw hangOf(this.#name, this.#policy.graceMs, this.#aborted);
    }
    this.#stopped = true;
    return 0;
  }

  /** What may explain an exit status that is not 0: a memory at its limit; null if there is nothing. */
  get remark(): string | null {
    return this.#remark;
  }

  /** Whether the command was ended by a stop, and has no exit status of its own. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Stops the command: nothing new is accepted. It ends at once if it has no connection open, or waits and
   * nothing happens on any for drainQuietMs; in any case after graceMs. Idempotent.
   * @returns `exited`
   */
  close(): Promise<number> {
    if (this.#stopping || this.#thread.over) return this.exited;
    this.#stopping = true;
    this.#thread.stop();
    this.#timer = setTimeout(() => this.#end(), this.#policy.graceMs);
    this.#watch(false);
    return this.exited;
  }

  // Terminates a command that computes without a connection. Not before it runs: Node leaves files open
  // that a thread which is terminated was loading its code from.
  #watch(before: boolean): void {
    this.#idleTimer = setTimeout(() => {
      const { idle } = this.#thread;
      if (before && idle) {
        this.#stopped = true;
        this.#thread.terminate();
      } else this.#watch(idle);
    }, IDLE_MS);
  }

  #end(): void {
    this.#thread.end();
    this.#timer = setTimeout(() => this.#thread.terminate(), END_MS);
  }

  /** Ends the command at once, in the middle of whatever it does. `exited` tells when. */
  abort(): void {
    if (this.#thread.over || this.#aborted) return;
    this.#stopping = true;
    this.#aborted = true;
    clearTimeout(this.#timer);
    this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** LISTEN_FDS as sd_listen_fds(3) has it; LISTEN_PID would name a process that a guest cannot know. */
function environmentOf(env: Readonly<Record<string, string>>, listeners: number): string[] {
  const own = listeners > 0 ? { LISTEN_FDS: String(listeners) } : {};
  return Object.entries({ ...own, ...env }).map(([name, value]) => `${name}=${value}`);
}
