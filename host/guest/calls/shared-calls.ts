// Shared calls: the host functions for topics and keys. Each checks what it is given and has it noted in
// the log; nothing happens before the callback has returned. It does not know the form of a record.

import * as Abi from '../../../assembly/abi.ts';
import type { Connections } from '../../memory/connections.ts';
import * as Numbers from '../../memory/layout.ts';
import { type Policy, VERSION_BYTES } from '../../policy.ts';
import * as Records from '../../shared/records.ts';
import type { Effects } from '../effects.ts';
import type { Family, Functions, GuestHost } from '../guest-host.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { SharedLog } from '../shared-log.ts';
import type { Gate } from './gate.ts';

const { STATUS_BOUNDS, STATUS_CLOSED, STATUS_LIMIT, STATUS_OK, STATUS_STATE } = Abi;
const { CLOSING, COLUMNS, DOOMED, FLAGS, HANDLE, REQUESTS, STAGED_FLAGS } = Numbers;
const {
  FLAG_EXPECTED,
  FLAG_OTHERS,
  FLAG_PATTERN,
  FLAG_QUIET,
  FLAG_RETAIN,
  FLAG_SHARED,
  OP_ADD,
  OP_DELETE,
  OP_GET,
  OP_JOIN,
  OP_LEAVE,
  OP_PUBLISH,
  OP_PUT,
} = Records;

const JOIN_FLAGS = FLAG_PATTERN | FLAG_QUIET | FLAG_SHARED;

/** In place of a slot: connection 0 asks, and no reply is wanted. No table has so many. */
const NOBODY = 2 ** 30;

export class SharedCalls implements Family {
  readonly #gate: Gate;
  readonly #memory: GuestMemory;
  readonly #policy: Policy;
  // As long as the start-up lasts the gate lets nothing through.
  #log!: SharedLog;
  #effects!: Effects;
  #connections!: Connections;
  #table!: Int32Array;

  constructor(gate: Gate, policy: Policy) {
    this.#gate = gate;
    this.#memory = gate.memory;
    this.#policy = policy;
  }

  connect({ connections, effects, shared }: GuestHost): void {
    this.#log = shared;
    this.#effects = effects;
    this.#connections = connections;
    this.#table = connections.table;
  }

  functions(): Functions {
    const gate = this.#gate;
    return {
      join: gate.wide((connection, tag, topic, length, flags) =>
        this.#membership(OP_JOIN, connection, tag, topic >>> 0, length >>> 0, flags),
      ),
      leave: gate.wide((connection, topic, length, flags) =>
        this.#membership(OP_LEAVE, connection, 0, topic >>> 0, length >>> 0, flags),
      ),
      publish: gate.wide((topic, length, data, dataLength, flags) =>
        this.#publish(topic >>> 0, length >>> 0, data >>> 0, dataLength >>> 0, flags, 0),
      ),
      publish_for: gate.wide((topic, length, data, dataLength, flags, ttl) =>
        this.#publish(topic >>> 0, length >>> 0, data >>> 0, dataLength >>> 0, flags, ttl),
      ),
      store_get: gate.wide((connection, tag, key, length) =>
        this.#get(connection, tag, key >>> 0, length >>> 0),
      ),
      store_put: gate.wide((connection, tag, key, length, value, valueLength, version, ttl) =>
        this.#put(
          connection,
          tag,
          key >>> 0,
          length >>> 0,
          value >>> 0,
          valueLength >>> 0,
          version >>> 0,
          ttl,
        ),
      ),
      store_delete: gate.wide((connection, tag, key, length, version) =>
        this.#remove(connection, tag, key >>> 0, length >>> 0, version >>> 0),
      ),
      store_add: gate.wide((connection, tag, key, length, delta, ttl) =>
        this.#add(connection, tag, key >>> 0, length >>> 0, delta, ttl),
      ),
    };
  }

  #membership(
    op: number,
    connection: number,
    tag: number,
    topic: number,
    length: number,
    flags: number,
  ): number {
    const log = this.#log;
    if (log.seat === null) return STATUS_STATE;
    if ((flags & ~JOIN_FLAGS) !== 0 || length === 0) return STATUS_BOUNDS;
    if (!this.#memory.within(topic, length)) return STATUS_BOUNDS;
    if (length > this.#policy.maxTopicBytes) return STATUS_LIMIT;
    const slot = this.#slotOf(connection);
    if (slot < 0) return slot;
    if (!log.write(op, connection, tag, flags, topic, length, 0, 0)) return STATUS_LIMIT;
    if ((flags & FLAG_SHARED) !== 0) {
      if ((flags & FLAG_PATTERN) === 0 || !log.isShared) return STATUS_BOUNDS;
    } else if ((flags & FLAG_PATTERN) !== 0 && !log.isPattern) return STATUS_BOUNDS;
    if (op === OP_JOIN && !log.fits()) return STATUS_LIMIT;
    log.keep(op === OP_JOIN ? slot : -1);
    return STATUS_OK;
  }

  #publish(
    topic: number,
    length: number,
    data: number,
    dataLength: number,
    flags: number,
    ttl: number,
  ): number {
    const log = this.#log;
    if (log.seat === null) return STATUS_STATE;
    if ((flags & ~(FLAG_RETAIN | FLAG_OTHERS)) !== 0) return STATUS_BOUNDS;
    const memory = this.#memory;
    if (!memory.within(topic, length) || !memory.within(data, dataLength)) return STATUS_BOUNDS;
    const { maxMessageBytes, maxTopicBytes } = this.#policy;
    if (length > maxTopicBytes || dataLength > maxMessageBytes) return STATUS_LIMIT;
    const { slot } = this.#effects;
    const handle = slot < 0 ? 0 : this.#table[slot * COLUMNS + HANDLE]!;
    const written = log.write(OP_PUBLISH, handle, 0, flags, topic, length, data, dataLength);
    if (!written) return STATUS_LIMIT;
    if (!log.isTopic) return STATUS_BOUNDS;
    if ((flags & FLAG_RETAIN) !== 0) {
      if (!log.fits()) return STATUS_LIMIT;
      log.ttl = ttl;
    }
    log.keep(-1);
    return STATUS_OK;
  }

  #get(connection: number, tag: number, key: number, length: number): number {
    const slot = this.#ask(OP_GET, connection, tag, 0, key, length, 0, 0);
    return slot < 0 ? slot : this.#keep(slot);
  }

  #put(
    connection: number,
    tag: number,
    key: number,
    length: number,
    value: number,
    valueLength: number,
    version: number,
    ttl: number,
  ): number {
    if (!this.#isVersion(version)) return STATUS_BOUNDS;
    const flags = version === 0 ? 0 : FLAG_EXPECTED;
    const slot = this.#ask(OP_PUT, connection, tag, flags, key, length, value, valueLength);
    if (slot < 0) return slot;
    this.#log.ttl = ttl;
    if (version !== 0) this.#log.expected = version;
    return this.#keep(slot);
  }

  #remove(connection: number, tag: number, key: number, length: number, version: number): number {
    if (!this.#isVersion(version)) return STATUS_BOUNDS;
    const flags = version === 0 ? 0 : FLAG_EXPECTED;
    const slot = this.#ask(OP_DELETE, connection, tag, flags, key, length, 0, 0);
    if (slot < 0) return slot;
    if (version !== 0) this.#log.expected = version;
    return this.#keep(slot);
  }

  #add(
    connection: number,
    tag: number,
    key: number,
    length: number,
    delta: number,
    ttl: number,
  ): number {
    if (!Number.isFinite(delta)) return STATUS_BOUNDS;
    const slot = this.#ask(OP_ADD, connection, tag, 0, key, length, 0, 0);
    if (slot < 0) return slot;
    this.#log.ttl = ttl;
    this.#log.delta = delta;
    return this.#keep(slot);
  }

  /** Whether it is 0 or the address of a version. */
  #isVersion(address: number): boolean {
    return address === 0 || this.#memory.within(address, VERSION_BYTES);
  }

  // Checks a request, and writes it. @returns the slot that asks, NOBODY, or a status below 0
  #ask(
    op: number,
    connection: number,
    tag: number,
    flags: number,
    key: number,
    length: number,
    value: number,
    valueLength: number,
  ): number {
    const log = this.#log;
    if (log.seat === null) return STATUS_STATE;
    const memory = this.#memory;
    if (length === 0) return STATUS_BOUNDS;
    if (!memory.within(key, length) || !memory.within(value, valueLength)) return STATUS_BOUNDS;
    const { maxKeyBytes, maxPending, maxRequests, maxValueBytes } = this.#policy;
    if (length > maxKeyBytes || valueLength > maxValueBytes) return STATUS_LIMIT;
    let slot = NOBODY;
    if (connection !== 0) {
      slot = this.#slotOf(connection);
      if (slot < 0) return slot;
      const requests = this.#table[slot * COLUMNS + REQUESTS]!;
      if (requests >= maxRequests || log.pending >= maxPending) return STATUS_LIMIT;
    }
    const written = log.write(op, connection, tag, flags, key, length, value, valueLength);
    return written ? slot : STATUS_LIMIT;
  }

  #keep(slot: number): number {
    const log = this.#log;
    if (log.routed && !log.fits()) return STATUS_LIMIT;
    log.keep(slot === NOBODY ? -1 : slot);
    return STATUS_OK;
  }

  // @returns the slot of a connection that may join and ask, or a status below 0
  #slotOf(connection: number): number {
    const slot = this.#connections.find(connection);
    if (slot < 0) return STATUS_CLOSED;
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]! | this.#table[base + STAGED_FLAGS]!;
    if ((flags & DOOMED) !== 0) return STATUS_CLOSED;
    return (flags & CLOSING) === 0 ? slot : STATUS_STATE;
  }
}
