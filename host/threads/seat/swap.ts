// Seat swap: which module a seat has, and how far a swap to the next one has come. It keeps the state
// blocks of both and the promises of those who wait; what is said to the thread is the seat's.

import { WasmpollError } from '../../errors.ts';
import { checkTakeover } from '../../guest/takeover.ts';
import { type Layout, type StateBlocks, statesAfter } from '../../memory/state-blocks.ts';
import type { GuestModule } from '../../module/protocol-module.ts';
import type { Policy } from '../../policy.ts';

/** What is to take over. */
export interface Candidate {
  readonly module: GuestModule;
  /** Of its state blocks. */
  readonly layout: Layout;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SeatSwap {
  /** The seat's module: each thread that takes it starts with this one. */
  module: GuestModule;
  /** The state blocks that the seat's connections have; null before the first thread serves. */
  states: StateBlocks | null = null;
  /** The state blocks before a swap that may not be finished. */
  before: StateBlocks | null = null;
  /** Swaps that were committed. */
  count = 0;
  readonly #policy: Policy;
  /** What was prepared: the next thread starts with it once it is committed. */
  #next: { readonly module: GuestModule; readonly states: StateBlocks } | null = null;
  #prepared: Waiting | null = null;
  #committed: (() => void) | null = null;

  constructor(module: GuestModule, policy: Policy) {
    this.module = module;
    this.#policy = policy;
  }

  /** The module that a thread which is starting an instance most likely starts. */
  get starting(): GuestModule {
    return this.#next?.module ?? this.module;
  }

  /** Whether a thread was asked to prepare, and has not answered. */
  get asked(): boolean {
    return this.#prepared !== null;
  }

  /** @throws WasmpollError ERR_GUEST when the module cannot take over */
  check({ module, layout }: Candidate): void {
    checkTakeover(this.module, this.states!, layout, module, this.#policy);
  }

  /**
   * First step: state blocks for the module.
   * @throws WasmpollError ERR_GUEST when a thread is still taking over from the swap before
   */
  prepare({ module, layout }: Candidate): void {
    if (this.before !== null) {
      const why = 'a worker is still taking over from the swap before; try again';
      throw new WasmpollError('ERR_GUEST', `${module.name}: ${why}`);
    }
    const states = statesAfter(
      this.states!,
      layout,
      this.#policy.maxConnections,
      SharedArrayBuffer,
    );
    this.#next = { module, states };
  }

  /** Resolves when the thread has started an instance of the module, and rejects when it cannot. */
  answer(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#prepared = { resolve, reject };
    });
  }

  /** What was prepared is not wanted. */
  discard(): void {
    this.#next = null;
  }

  /** Second step: from here on the seat has the module that was prepared. */
  commit(): StateBlocks {
    const { module, states } = this.#next!;
    this.#next = null;
    this.module = module;
    if (states !== this.states) this.before = this.states;
    this.states = states;
    this.count += 1;
    return states;
  }

  /** Resolves when a thread serves with the module, or when none comes up at once. */
  taken(): Promise<void> {
    return new Promise((resolve) => {
      this.#committed = resolve;
    });
  }

  /** The thread has prepared, with state blocks of this layout. */
  preparedWith({ bytes, version }: Layout): void {
    const states = this.#next?.states;
    const agrees = states === undefined || (states.bytes === bytes && states.version === version);
    const why = 'state_size() or state_version() is not always the same';
    this.answered(agrees ? null : new WasmpollError('ERR_GUEST', why));
  }

  unprepared(why: string): void {
    this.answered(new WasmpollError('ERR_GUEST', why));
  }

  answered(refusal: Error | null): void {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (refusal === null) prepared?.resolve();
    else prepared?.reject(refusal);
  }

  /** A thread serves that knows of so many swaps; one that began before the last says too few. */
  served(swaps: number): void {
    if (swaps !== this.count) return;
    this.before = null;
    this.settle();
  }

  /** Nobody waits any longer for the module to be served. */
  settle(): void {
    this.#committed?.();
    this.#committed = null;
  }
}
