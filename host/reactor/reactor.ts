// Reactor: the main file. Read this first. One turn takes what epoll reports through the guest and
// back to the kernel: events → receive → guest → what it sent. It knows when each step is due;
// it does not know what the bytes mean, who accepts, or who wakes it.
//
// The way of a byte: #event → Input.receive → Callbacks.data → (Effects) → Output.run.

import { REASON_ERROR } from '../../assembly/abi.ts';
import { WasmpollError } from '../errors.ts';
import { Effects, effectRows } from '../guest/effects.ts';
import { Batch } from '../kernel/batch.ts';
import { Clock } from '../kernel/clock.ts';
import type { BufferConstructor, Epoll, Kernel } from '../kernel/contract.ts';
import * as Rows from '../kernel/rows.ts';
import { Connections } from '../memory/connections.ts';
import { Control } from '../memory/control-words.ts';
import * as Numbers from '../memory/layout.ts';
import { Pages } from '../memory/pages.ts';
import { Segment } from '../memory/segment.ts';
import { type Layout, type StateBlocks, statesAfter } from '../memory/state-blocks.ts';
import { type Snapshot, Stats } from '../memory/stats.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import * as Policies from '../policy.ts';
import { Callbacks, startGuest } from './callbacks.ts';
import { Input, type InputObserver } from './input.ts';
import { Lifecycle } from './lifecycle.ts';
import { Output } from './output.ts';
import { type Remains, recover } from './recovery.ts';

const {
  BLOCKED,
  BUSY,
  CLOSING,
  COLUMNS,
  DOOMED,
  ENDED,
  FD,
  FLAGS,
  GUEST_TIMER,
  HANDLE,
  KNOWN,
  LINGERING,
  OPEN,
  OUTPUT_BYTES,
  PAUSED,
  REASON,
  SEGMENT_BUFFER,
  TIMES,
} = Numbers;
const { EVENT } = Rows;
const { PAGE_BYTES } = Policies;

// As many events as one wait brings; more wait in the kernel, which reports them in rotation.
const EVENTS = 256;
// After so many rounds, or so long, the event loop gets its turn: timers and promises of the
// program that the server is embedded in.
const ROUNDS = 8;
const TURN_MS = 10;

// Handles that no connection has, since the generation of those starts at 1.
/** The descriptor whose events are told by `signalled`. */
export const SIGNAL = 0;
/** The descriptor of the thread's event loop. */
export const LOOP = 1;

const EXCEPTIONS = PAUSED | BLOCKED | ENDED | CLOSING | DOOMED;

/** What happens to connections and the guest, for those who watch. Null costs nothing. */
export interface Observer extends InputObserver {
  open: ((connection: number, address: string) => void) | null;
  close: ((connection: number, reason: number) => void) | null;
  restart(why: string): void;
  failure(error: unknown): void;
  /** One line from the guest; the level is one of LOG_…. @returns false when it was dropped */
  log(level: number, text: string): boolean;
}

/**
 * Commands: `open`, `drain`, `abort`, `close`, `swap` and its parts. Handlers of events: `turn`, to be called when the
 * epoll descriptor is readable, when `deadline` has come, and again while it returns true.
 * Getters: `deadline`, `connections`, `snapshot`.
 */
export class Reactor {
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #epoll: Epoll;
  readonly #control: Control;
  readonly #events = new Uint32Array(EVENTS * EVENT);
  readonly #stats: Stats;
  readonly #connections: Connections;
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #batch: Batch;
  readonly #pages: Pages;
  readonly #effects: Effects;
  readonly #output: Output;
  readonly #lifecycle: Lifecycle;
  readonly #callbacks: Callbacks;
  readonly #input: Input;
  readonly #signalled: () => void;
  readonly #buffer: BufferConstructor;
  // Taken out of the table of constants, which is large: a look into it at each event would show.
  readonly #in: number;
  readonly #error: number;
  readonly #hangup: number;
  /** Connections served in this round. */
  #served = 0;
  /** Rounds without timers, one after the other, since more events may have waited. */
  #full = 0;
  /** What was readable in this round besides connections. */
  #signal = false;
  #loop = false;

  /** @throws WasmpollError ERR_GUEST when the guest's start-up fails. */
  constructor(parts: {
    kernel: Kernel;
    module: GuestModule;
    policy: Policy;
    observer: Observer;
    /** Monotonic milliseconds. */
    now: () => number;
    buffer: BufferConstructor;
    /** Where the supervisor watches; its own when there is none. */
    control?: Control;
    /** An epoll that outlives the reactor; its own when not given. */
    epoll?: Epoll;
    /** Called in a turn in which the descriptor with the handle SIGNAL was readable. */
    signalled?: () => void;
    /** What another reactor on the same epoll has left behind, to go on with. */
    left?: Remains;
  }) {
    const { kernel, policy, observer } = parts;
    const control = parts.control ?? new Control(new parts.buffer(Control.bytes), false);
    const guest = startGuest(parts.module, policy, control);
    this.#control = control;
    this.#stats = new Stats(control.counts);
    this.#kernel = kernel;
    this.#buffer = parts.buffer;
    this.#in = kernel.constants.EPOLLIN;
    this.#error = kernel.constants.EPOLLERR;
    this.#hangup = kernel.constants.EPOLLHUP;
    this.#observer = observer;
    this.#clock = new Clock(parts.now);
    const segment = new Segment(
      {
        connections: policy.maxConnections,
        stateBytes: guest.stateBytes,
        stateVersion: guest.stateVersion,
        poolBytes: policy.poolBytes,
      },
      parts.buffer,
      parts.left,
    );
    if (segment.states.bytes !== guest.stateBytes) {
      const { bytes } = segment.states;
      const found = `state_size() was ${bytes} and is now ${guest.stateBytes}`;
      throw new WasmpollError('ERR_GUEST', `${parts.module.name}: ${found}`);
    }
    this.#connections = new Connections(segment);
    this.#table = segment.table;
    this.#times = segment.times;
    this.#epoll = parts.epoll ?? kernel.epoll();
    this.#signalled = parts.signalled ?? (() => undefined);
    const rows = effectRows(policy) + 2 * Math.ceil(policy.receiveWindowBytes / PAGE_BYTES) + 64;
    this.#batch = new Batch(kernel, rows, parts.buffer);
    this.#batch.bind(SEGMENT_BUFFER, segment.bytes);
    this.#pages = new Pages(segment, this.#batch);
    this.#effects = new Effects(this.#connections, this.#batch, policy);
    const shared = {
      kernel,
      policy,
      connections: this.#connections,
      batch: this.#batch,
      pages: this.#pages,
      effects: this.#effects,
      clock: this.#clock,
      stats: this.#stats,
    };
    this.#output = new Output(shared);
    this.#lifecycle = new Lifecycle({ ...shared, output: this.#output, epoll: this.#epoll });
    const host = {
      ...shared,
      peerAddress: (slot: number) => this.#peerAddress(slot),
      log: (level: number, text: string) => {
        if (!observer.log(level, text)) this.#stats.logDropped();
      },
    };
    this.#callbacks = new Callbacks({
      ...shared,
      output: this.#output,
      lifecycle: this.#lifecycle,
      guest,
      host,
      module: parts.module,
      observer,
      control,
    });
    this.#input = new Input({
      ...shared,
      output: this.#output,
      lifecycle: this.#lifecycle,
      callbacks: this.#callbacks,
      observer,
    });
    if (parts.left !== undefined) {
      recover({ ...shared, output: this.#output, lifecycle: this.#lifecycle }, parts.left);
      control.recovered();
      this.#closeStray(control.taken);
      control.recount(this.#connections.open);
      this.#callbacks.restore();
      this.#rest();
      this.#publish();
    }
  }

  // The thread before may have ended between taking a descriptor and placing it in the table.
  #closeStray(fd: number): void {
    let placed = fd < 0;
    this.#forEach((slot) => {
      if (this.#table[slot * COLUMNS + FD] === fd) placed = true;
    });
    this.#control.placed();
    if (!placed) this.#kernel.reset(fd);
  }

  /** What a successor needs to go on when this thread is gone. */
  get segment(): ArrayBufferLike {
    return this.#connections.segment.bytes.buffer;
  }

  /** The state blocks, which belong to what a successor needs. */
  get states(): StateBlocks {
    return this.#connections.segment.states.blocks;
  }

  /** To be watched by the event loop: its descriptor is readable while events wait. */
  get epoll(): Epoll {
    return this.#epoll;
  }

  /** Open connections, those included that linger. */
  get connections(): number {
    return this.#connections.open;
  }

  /** Whether `turn` should be called again at once. */
  get ready(): boolean {
    return this.#connections.ready > 0;
  }

  /** When `turn` must be called at the latest, in the clock's milliseconds; Infinity for never. */
  get deadline(): number {
    return Math.min(this.#lifecycle.timers.next, this.#callbacks.retryAt);
  }

  snapshot(): Snapshot {
    this.#publish();
    return this.#stats.snapshot((errno) => this.#kernel.errorName(errno));
  }

  #publish(): void {
    const pages = this.#connections.segment.pages - this.#pages.available;
    this.#stats.hold(this.#connections.open, this.#output.backlogBytes, pages * PAGE_BYTES);
  }

  /**
   * Takes over a connected, non-blocking stream socket. When the table is full or the guest is
   * down, it is closed at once, without data.
   */
  open(fd: number): void {
    this.#clock.refresh();
    this.#rest();
    const slot = this.#callbacks.retryAt === Infinity ? this.#lifecycle.open(fd) : -1;
    this.#control.placed();
    if (slot < 0) {
      this.#kernel.close(fd);
      this.#stats.refused();
      this.#control.finished();
      return;
    }
    this.#stats.connected();
    this.#observer.open?.(this.#table[slot * COLUMNS + HANDLE]!, this.#peerAddress(slot));
    this.#callbacks.open(slot);
    this.#table[slot * COLUMNS + BUSY] = 0;
    this.#rest();
    this.#publish();
  }

  /** Takes over the descriptors that the supervisor has handed over. */
  openHanded(): void {
    for (let fd = this.#control.take(); fd >= 0; fd = this.#control.take()) this.open(fd);
  }

  /** From now on each connection is closed gracefully once it is quiet. */
  drain(): void {
    this.#clock.refresh();
    this.#lifecycle.drain();
    this.#forEach((slot) => this.#lifecycle.schedule(slot));
  }

  /** Aborts every connection. */
  abort(reason: number): void {
    this.#clock.refresh();
    this.#forEach((slot) => this.#output.doom(slot, reason));
    this.#rest();
    this.#publish();
  }

  /**
   * Starts an instance of a module that may take over, and keeps it aside.
   * @returns the layout of its state blocks
   * @throws WasmpollError ERR_GUEST; nothing has changed then
   */
  prepare(module: GuestModule): Layout {
    return this.#callbacks.prepare(module);
  }

  discard(): void {
    this.#callbacks.discard();
  }

  /**
   * The module takes over, with every connection; what was prepared is used. Connections whose
   * migrate or on_restore fails are lost.
   * @param blocks of the layout that `prepare` has returned, by `statesAfter`
   */
  commit(module: GuestModule, blocks: StateBlocks): void {
    this.#clock.refresh();
    this.#rest();
    this.#callbacks.commit(module, blocks);
    this.#rest();
    this.#publish();
  }

  /**
   * Replaces the guest by one of another module.
   * @throws WasmpollError ERR_GUEST when it does not start or cannot take over; nothing has changed then
   */
  swap(module: GuestModule): void {
    const layout = this.prepare(module);
    const { connections } = this.#connections.segment;
    this.commit(module, statesAfter(this.states, layout, connections, this.#buffer));
  }

  /** Gives the epoll descriptor back; every connection must be gone. Nothing may be called then. */
  close(): void {
    this.#epoll.close();
  }

  #forEach(visit: (slot: number) => void): void {
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      const base = slot * COLUMNS;
      if ((this.#table[base + FLAGS]! & OPEN) !== 0 && this.#table[base + FD]! >= 0) visit(slot);
    }
  }

  /** Serves what is ready, for a bounded time. @returns true when it should be called again at once */
  turn(): boolean {
    this.#clock.refresh();
    const end = this.#clock.now + TURN_MS;
    this.#input.nextTurn();
    for (let round = 0; round < ROUNDS; round += 1) {
      const count = this.#wait(0);
      this.#round(count);
      // A lone client's next message is not there yet, and what is over its budget has to wait.
      if (count <= 1 && this.#connections.ready === 0) break;
      if (this.#served === 0) break;
      this.#clock.refresh();
      if (this.#clock.now >= end) break;
    }
    this.#publish();
    return this.ready;
  }

  /**
   * A turn of one round, which waits for events: in a thread whose event loop is watched along with
   * the connections.
   * @param ms at most so long; −1 for ever
   * @returns true when the event loop has something to do
   */
  serve(ms: number): boolean {
    this.#loop = false;
    const count = this.#wait(ms);
    this.#clock.refresh();
    this.#input.nextTurn();
    this.#round(count);
    this.#publish();
    return this.#loop;
  }

  #wait(ms: number): number {
    const count = this.#epoll.wait(this.#events, ms);
    if (count < 0) throw new Error(`epoll_wait: ${this.#kernel.errorName(count)}`);
    return count;
  }

  #round(count: number): void {
    this.#served = 0;
    for (let event = 0; event < count; event += 1) {
      const at = event * EVENT;
      this.#event(this.#events[at]! | 0, this.#events[at + 2]!);
    }
    if (this.#signal) {
      this.#signal = false;
      this.#signalled();
    }
    this.#serveReady();
    this.#rest();
    // Last, and not while more events wait: what came while this process stood still is progress, and
    // may put a timeout off. But not for ever.
    this.#full = count < EVENTS ? 0 : (this.#full + 1) % ROUNDS;
    if (this.#full === 0) this.#runTimers();
  }

  #event(handle: number, mask: number): void {
    const slot = this.#connections.current(handle);
    if (slot < 0) {
      // Or else the connection was closed earlier in this batch, and perhaps its descriptor is
      // another's now.
      if (handle === SIGNAL) this.#signal = true;
      else if (handle === LOOP) this.#loop = true;
      return;
    }
    this.#table[slot * COLUMNS + BUSY] = 1;
    this.#serve(slot, mask);
    this.#table[slot * COLUMNS + BUSY] = 0;
  }

  #serve(slot: number, mask: number): void {
    const base = slot * COLUMNS;
    // The usual case: input, and nothing stands in its way.
    if (mask === this.#in && (this.#table[base + FLAGS]! & EXCEPTIONS) === 0) {
      if (this.#input.receive(slot)) this.#served += 1;
      return;
    }
    // With output waiting any event but IN means that sending will get on, or say what is wrong.
    // Data that arrived before a reset comes first; then recv(2) tells of the reset.
    const over = (mask & (this.#error | this.#hangup)) !== 0;
    const sends = this.#table[base + OUTPUT_BYTES]! > 0 && (mask & ~this.#in) !== 0;
    if (sends && !(over && this.#reading(slot))) {
      this.#served += 1;
      this.#lifecycle.flush();
      this.#output.flushBacklog(slot);
      this.#lifecycle.reviewTouched();
    }
    if ((this.#table[base + FLAGS]! & DOOMED) !== 0) return;
    if (this.#reading(slot)) {
      if ((over || (mask & this.#in) !== 0) && this.#input.receive(slot)) this.#served += 1;
    } else if ((mask & this.#error) !== 0) {
      this.#stats.error('EPOLLERR');
      this.#output.doom(slot, REASON_ERROR);
    } else if ((mask & this.#hangup) !== 0) {
      // It would be reported for ever: it is watched again when there is something to wait for.
      this.#lifecycle.unwatch(slot);
    }
  }

  #reading(slot: number): boolean {
    const flags = this.#table[slot * COLUMNS + FLAGS]!;
    const stops = (flags & CLOSING) === 0 ? PAUSED | BLOCKED | ENDED : ENDED;
    return (flags & stops) === 0;
  }

  // As many as are ready now: those that become ready meanwhile wait for the next round.
  #serveReady(): void {
    for (let left = this.#connections.ready; left > 0; left -= 1) {
      const slot = this.#connections.shiftReady();
      if (slot < 0) return;
      this.#served += 1;
      this.#table[slot * COLUMNS + BUSY] = 1;
      this.#input.proceed(slot);
      this.#table[slot * COLUMNS + BUSY] = 0;
    }
  }

  #runTimers(): void {
    const { timers } = this.#lifecycle;
    const { now } = this.#clock;
    if (this.#callbacks.retryAt <= now) this.#callbacks.restart();
    for (let slot = timers.shift(now); slot >= 0; slot = timers.shift(now)) {
      const due = this.#times[slot * TIMES + GUEST_TIMER]!;
      if (due !== 0 && due <= now) {
        const flags = this.#table[slot * COLUMNS + FLAGS]!;
        this.#table[slot * COLUMNS + BUSY] = 1;
        this.#times[slot * TIMES + GUEST_TIMER] = 0;
        if ((flags & (KNOWN | DOOMED | LINGERING)) === KNOWN) this.#callbacks.timer(slot);
        this.#table[slot * COLUMNS + BUSY] = 0;
      }
      this.#lifecycle.timeOut(slot);
      this.#lifecycle.schedule(slot);
    }
    this.#rest();
  }

  // Brings everything to rest: nothing queued, nothing staged, no closing that could go on.
  #rest(): void {
    for (;;) {
      this.#lifecycle.flush();
      const slot = this.#connections.shiftClosing();
      if (slot < 0) return;
      const base = slot * COLUMNS;
      this.#table[base + BUSY] = 1;
      if (this.#lifecycle.advance(slot)) this.#closed(slot);
      this.#table[base + BUSY] = 0;
    }
  }

  // The guest is told, once; a connection whose descriptor is gone gives its slot back.
  #closed(slot: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & KNOWN) !== 0) {
      this.#observer.close?.(this.#table[base + HANDLE]!, this.#table[base + REASON]!);
      this.#callbacks.close(slot);
    }
    if (this.#table[base + FD]! >= 0) return;
    this.#lifecycle.flush();
    this.#connections.release(slot);
    this.#control.finished();
  }

  #peerAddress(slot: number): string {
    const address = this.#kernel.peerAddress(this.#table[slot * COLUMNS + FD]!);
    return typeof address === 'string' ? address : '';
  }
}
