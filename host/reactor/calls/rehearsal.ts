// Rehearsal: what never happens in service, and tests want: a guest that fails without a reason, and a callback that
// was recorded and is entered again. It judges nothing.

import { WasmpollError } from '../../errors.ts';
import type { RecordedCall } from '../../guest/recorded-call.ts';
import { IN_ON_TICK, MIGRATE, ON_CONNECT, ON_TICK } from '../../memory/control-words.ts';
import { BUSY, COLUMNS, HANDLE, KNOWN, OUTBOUND, REASON } from '../../memory/layout.ts';
import type { Parts } from '../parts.ts';
import type { Turn } from '../turn.ts';
import type { Works } from '../wiring.ts';
import { SharedCallbacks } from './shared-callbacks.ts';

/** In these there is nothing to do but what comes before any other callback. */
const BEFORE = ['on_open', 'on_restore', 'on_start'];

/** Where a callback is entered again. */
interface Stage {
  /** Makes a connection, which the guest is told of. */
  connect(): { readonly connection: number };
  /** Puts a fresh instance in the place of the one there is. */
  renew(): void;
}

/** The same, for whoever opens it. */
interface Entrance {
  connect(
    options: Readonly<Record<string, never>>,
    open: (fd: number, listener: number) => number,
  ): { readonly connection: number };
}

export class Rehearsal {
  readonly #parts: Parts;
  readonly #works: Works;
  readonly #turn: Turn;

  constructor(parts: Parts, works: Works, turn: Turn) {
    this.#parts = parts;
    this.#works = works;
    this.#turn = turn;
  }

  /** The guest fails as in an on_tick, which belongs to no connection; a fresh instance goes on with all. */
  fail(why: string): void {
    const { callbacks } = this.#works;
    this.#parts.clock.refresh();
    this.#turn.rest();
    // Nobody is there to fail.
    if (callbacks.replacement.retryAt !== Infinity) return;
    const failing = (): void => {
      throw new Error(why);
    };
    callbacks.enter(IN_ON_TICK, failing, ON_TICK);
    callbacks.lose(IN_ON_TICK);
    callbacks.replacement.restart();
    this.#turn.rest();
  }

  /**
   * A callback that was recorded is entered again: a fresh instance is told of the connection with the handle and the
   * state block that it had, and is given the same bytes. There was no connection before.
   * @throws WasmpollError ERR_OPTION when the state block is another module's
   */
  repeat(call: RecordedCall, stage: Stage, entrance: Entrance): void {
    const { connections } = this.#parts;
    const { callbacks, output } = this.#works;
    if (call.handle !== 0) connections.begin(call.handle);
    // Its on_open was long ago: here it could find no upstream, say, and close the connection.
    const open = (fd: number, listener: number): number => this.#open(fd, listener, call);
    const { connection: handle } =
      call.callback === 'on_open' ? stage.connect() : entrance.connect({}, open);
    this.#turn.rest();
    if (call.callback !== 'on_open' && call.callback !== 'migrate') {
      restore(this.#parts, connections.find(handle), call);
      stage.renew();
    }
    const slot = connections.find(handle);
    if (slot < 0 || BEFORE.includes(call.callback)) return;
    callbacks.load(slot);
    output.run();
    const { guest, window } = callbacks;
    if (call.bytes !== null) guest.memory.bytes.set(call.bytes, window);
    if (!enter(this.#parts, this.#works, slot, call)) {
      callbacks.lose(slot);
      callbacks.replacement.restart();
    }
    this.#turn.rest();
  }

  /** The connection is there, and the guest was not told. @returns its handle */
  #open(fd: number, listener: number, { callback }: RecordedCall): number {
    const { clock, connections, stats } = this.#parts;
    const { endings, lifecycle } = this.#works;
    clock.refresh();
    this.#turn.rest();
    const slot = lifecycle.open(fd, listener, callback === 'on_connect' ? KNOWN | OUTBOUND : KNOWN);
    const base = slot * COLUMNS;
    stats.connected();
    endings.begun(slot);
    connections.table[base + BUSY] = 0;
    return connections.table[base + HANDLE]!;
  }
}

function restore({ connections }: Parts, slot: number, { state }: RecordedCall): void {
  const { states } = connections.segment;
  if (slot < 0 || state === null) return;
  if (state.length !== states.bytes) {
    const found = `the state block has ${state.length} bytes, and the module's has ${states.bytes}`;
    throw new WasmpollError('ERR_OPTION', found);
  }
  states.write(slot, state);
}

/** @returns false when the guest has failed, and nothing was done about that yet */
function enter(parts: Parts, works: Works, slot: number, call: RecordedCall): boolean {
  const { callbacks, outbox, flow } = works;
  const { window, guest } = callbacks;
  const { callback, length, topicLength, numbers } = call;
  const [first = 0, second = 0] = numbers;
  const shared = new SharedCallbacks(parts, outbox, flow, callbacks);
  // Those that answer nothing have done what is to be done.
  switch (callback) {
    case 'on_data':
      callbacks.data(slot, window, length);
      return true;
    case 'on_end':
      callbacks.end(slot, window, length);
      return true;
    case 'on_drain':
      callbacks.drain(slot);
      return true;
    case 'on_timer':
      callbacks.timer(slot);
      return true;
    case 'on_tick':
      callbacks.tick();
      return true;
    case 'on_close':
      parts.connections.table[slot * COLUMNS + REASON] = first;
      callbacks.close(slot);
      return true;
    case 'on_message':
      return shared.message(slot, first, second, topicLength, length - topicLength);
    case 'on_reply':
      return shared.reply(slot, first, second, 0, length);
    case 'on_missed':
      return shared.missed(slot);
    case 'on_connect': {
      const { onConnect } = guest;
      if (onConnect === null) return true;
      return callbacks.enter(
        slot,
        (connection, state) => onConnect(connection, state, first),
        ON_CONNECT,
      );
    }
    case 'migrate': {
      const { migrate } = guest;
      if (migrate === null) return true;
      callbacks.clear(slot);
      return callbacks.enter(
        slot,
        (connection, state) => migrate(connection, window, length, first, state),
        MIGRATE,
      );
    }
  }
  throw new WasmpollError('ERR_OPTION', `there is no callback '${callback}'`);
}
