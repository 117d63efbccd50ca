// Reactor: the connections of one thread and the guest that serves them, as whoever runs the thread sees
// them: commands, turns, and what is known at any time. What a turn does is in turn.ts.

import { makeGround, startGuest } from '../guest/start.ts';
import type { BufferConstructor, Epoll } from '../kernel/contract.ts';
import { ControlWords } from '../memory/control-words.ts';
import type { Snapshot } from '../memory/counts/stats.ts';
import { type Layout, type StateBlocks, statesAfter } from '../memory/state-blocks.ts';
import { makeControl } from '../memory/timed-control.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import { type LiveSettings, PAGE_BYTES } from '../policy.ts';
import { Rehearsal } from './calls/rehearsal.ts';
import { Door } from './entry/door.ts';
import { type Materials, makeParts, type Parts } from './parts.ts';
import { Recovery, type Remains } from './recovery.ts';
import { Turn } from './turn.ts';
import { type Works, wire } from './wiring.ts';

/** What a reactor is made from. */
export interface ReactorOptions extends Omit<Materials, 'control'> {
  readonly module: GuestModule;
  /** Where the supervisor watches; its own when there is none. */
  readonly control?: ControlWords;
  /** Without `control`: how long callbacks take is counted. */
  readonly histograms?: boolean;
  /** Called in a turn in which the descriptor with the handle SIGNAL was readable. */
  readonly signalled?: () => void;
  /** What another reactor on the same epoll has left behind, to go on with. */
  readonly remains?: Remains;
}

/**
 * Commands: `open`, `drain`, `abort`, `close`, `swap` and its parts. Handlers of events: `turn`, to be called when the
 * epoll descriptor is readable, when `deadline` has come, and again while it returns true.
 * Getters: `deadline`, `connections`, `snapshot`.
 */
export class Reactor {
  /** The operator has changed the upstreams that there are. Connections go on as they are. */
  readonly setUpstreams: Parts['outbound']['update'] = (to) => this.#parts.outbound.update(to);
  readonly #parts: Parts;
  readonly #works: Works;
  readonly #turn: Turn;
  readonly #buffer: BufferConstructor;
  readonly #door: Door;

  /** @throws WasmpollError ERR_GUEST when the guest's start-up or its on_start fails. */
  constructor(options: ReactorOptions) {
    const { module, buffer, remains } = options;
    const now = options.histograms ? options.now : null;
    const control = options.control ?? makeControl(new buffer(ControlWords.bytes), now, false);
    const materials = { ...options, control };
    const ground = makeGround(materials);
    const guest = startGuest(module, ground);
    this.#buffer = buffer;
    this.#parts = makeParts(materials, ground, guest, remains);
    this.#works = wire(this.#parts, { module, guest });
    this.#turn = new Turn(this.#parts, this.#works, options.signalled ?? (() => undefined));
    this.#door = new Door(this.#parts, this.#works, (fd, by) => this.open(fd, by), this.#turn);
    if (remains === undefined) this.#works.callbacks.replacement.begin();
    else this.#takeUp(remains);
    this.#turn.rest();
    this.#publish();
  }

  #takeUp(remains: Remains): void {
    new Recovery(this.#parts, this.#works).takeUp(remains);
    // The thread before may have heard that something waits, and not looked.
    this.#turn.signalAgain();
  }

  /** What a successor needs to go on when this thread is gone. */
  get segment(): ArrayBufferLike {
    return this.#parts.connections.segment.bytes.buffer;
  }

  /** The state blocks, which belong to what a successor needs. */
  get states(): StateBlocks {
    return this.#parts.connections.segment.states.blocks;
  }

  /** To be watched by the event loop: its descriptor is readable while events wait. */
  get epoll(): Epoll {
    return this.#parts.epoll;
  }

  /** Descriptors that are to become connections. */
  get waiting(): number {
    return this.#parts.control.pending;
  }

  /** Whether a connection is there that messages can be for. */
  has(handle: number): boolean {
    return this.#parts.connections.has(handle);
  }

  get facts(): Pick<Parts['facts'], 'peerAddress' | 'listener' | 'upstream'> {
    return this.#parts.facts;
  }

  /** Open connections, those included that linger. */
  get connections(): number {
    return this.#parts.connections.open;
  }

  /** Whether `turn` should be called again at once. */
  get ready(): boolean {
    return this.#parts.connections.ready > 0 || this.#turn.pending;
  }

  /** When `turn` must be called at the latest, in the clock's milliseconds; Infinity for never. */
  get deadline(): number {
    const { deadlines, callbacks } = this.#works;
    return Math.min(deadlines.earliest, callbacks.replacement.retryAt, this.#door.opens);
  }

  snapshot(): Snapshot {
    const { kernel, stats, metrics } = this.#parts;
    this.#publish();
    const counts = stats.snapshot((errno) => kernel.errorName(errno));
    return { ...counts, guest: metrics.snapshot() };
  }

  #publish(): void {
    const { connections, pages, stats } = this.#parts;
    const used = connections.segment.pages - pages.available;
    const { backlog, callbacks } = this.#works;
    const memory = callbacks.guest.memory.bytes.length;
    stats.hold(connections.open, backlog.bytes, used * PAGE_BYTES, memory);
  }

  /** Something may wait for its seat, and no descriptor says so. */
  wake(): void {
    this.#parts.shared.due = true;
  }

  /** Serves what is ready, for a bounded time. @returns true when it should be called again at once */
  turn(): boolean {
    this.#turn.run();
    if (this.#door.closed) this.#door.letIn();
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
    const loop = this.#turn.serve(ms);
    if (this.#door.closed) this.#door.letIn();
    this.#publish();
    return loop;
  }

  /**
   * Takes over a connected, non-blocking stream socket. When the table is full or the guest is
   * down, it is closed at once, without data.
   * @param listener the number of the one that it came by
   * @returns its handle, also while its PROXY header is awaited; 0 when it was closed
   */
  open(fd: number, listener = 0): number {
    this.#parts.clock.refresh();
    this.#turn.rest();
    const handle = this.#door.take(fd, listener);
    this.#turn.rest();
    this.#publish();
    return handle;
  }

  /** As `open`, behind those that wait already to be taken over. */
  admit(fd: number, listener: number): void {
    const { kernel, clock, control, stats } = this.#parts;
    clock.refresh();
    if (control.hand(fd, listener)) {
      this.#door.letIn();
      return;
    }
    kernel.close(fd);
    stats.refused();
  }

  /** Takes over the descriptors that were handed over, as soon as somebody may be let in. */
  openHanded(): void {
    this.#door.letIn();
  }

  /**
   * It is known what became of a connection that the guest has asked for.
   * @param fd −1 for none
   * @param session of TLS, whose handshake is done; 0 for none
   * @returns false when too many such are on their way; the descriptor stays the caller's then
   */
  answer(handle: number, fd: number, session = 0): boolean {
    this.#turn.signalAgain();
    return this.#parts.control.answers.give(handle, fd, session);
  }

  /** From now on each connection is closed gracefully once it is quiet. */
  drain(): void {
    this.#parts.clock.refresh();
    this.#door.letAllIn();
    this.#works.deadlines.drain();
  }

  /** Puts other timeouts in force, in the policy that it was given. */
  adjust(limits: LiveSettings): void {
    this.#parts.clock.refresh();
    Object.assign(this.#parts.policy, limits);
    this.#works.deadlines.reschedule();
  }

  /** Ends one connection: gracefully, or by a reset. @returns whether it is there */
  disconnect(handle: number, abort: boolean): boolean {
    this.#parts.clock.refresh();
    const found = this.#works.lifecycle.disconnect(handle, abort);
    this.#turn.rest();
    this.#publish();
    return found;
  }

  /** Aborts every connection. From now on guests make none. */
  abort(reason: number): void {
    this.#parts.clock.refresh();
    this.#door.letAllIn();
    this.#works.lifecycle.abort(reason);
    this.#turn.rest();
    this.#publish();
  }

  /**
   * Starts an instance of a module that may take over, and keeps it aside.
   * @returns the layout of its state blocks
   * @throws WasmpollError ERR_GUEST; nothing has changed then
   */
  prepare(module: GuestModule): Layout {
    return this.#works.callbacks.replacement.prepare(module);
  }

  discard(): void {
    this.#works.callbacks.replacement.discard();
  }

  /**
   * The module takes over, with every connection; what was prepared is used. Connections whose
   * migrate or on_restore fails are lost.
   * @param blocks of the layout that `prepare` has returned, by `statesAfter`
   */
  commit(module: GuestModule, blocks: StateBlocks): void {
    this.#parts.clock.refresh();
    this.#turn.rest();
    this.#works.callbacks.replacement.commit(module, blocks);
    this.#works.deadlines.tickAnew(this.#parts.clock.now);
    this.#turn.rest();
    this.#publish();
  }

  /**
   * Replaces the guest by one of another module.
   * @throws WasmpollError ERR_GUEST when it does not start or cannot take over; nothing has changed then
   */
  swap(module: GuestModule): void {
    const layout = this.prepare(module);
    const { connections } = this.#parts.connections.segment;
    this.commit(module, statesAfter(this.states, layout, connections, this.#buffer));
  }

  /** What tests ask for, and nobody in service. */
  get rehearsal(): Rehearsal {
    return new Rehearsal(this.#parts, this.#works, this.#turn);
  }

  /** Gives back the epoll descriptor, and answers; every connection must be gone. Nothing may be called then. */
  close(): void {
    this.#works.dialing.close();
    this.#parts.epoll.close();
  }
}
