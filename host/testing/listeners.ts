// Listeners: the ways into a harness, one for each combination that a test asks for. It knows no connection.

import type { BufferConstructor } from '../kernel/contract.ts';
import { TLS_AT_ONCE, TLS_LATER, TLS_MODES } from '../kernel/tls/tls-access.ts';
import { ListenerTable } from '../listen/peer/listener-table.ts';
import { type ConnectOptions, LISTENER } from './options.ts';

export class Listeners {
  /** Which of them have TLS, and which upstreams. */
  readonly modes = new Int32Array(TLS_MODES);
  readonly #table: ListenerTable;
  /** Their numbers, by what tells them apart. */
  readonly #numbers = new Map<string, number>();

  constructor(buffer: BufferConstructor) {
    this.#table = ListenerTable.make(buffer);
  }

  get buffer(): ArrayBufferLike {
    return this.#table.buffer;
  }

  /** @returns the number of the one that a connection comes by */
  number({
    listener: name = LISTENER,
    proxy: proxied = false,
    ...options
  }: ConnectOptions): number {
    const { tls = false, starttls } = options;
    const mode = tls !== false ? TLS_AT_ONCE : starttls === true ? TLS_LATER : 0;
    const key = `${proxied} ${mode} ${name}`;
    const number = this.#numbers.get(key) ?? this.#table.add({ name, proxied });
    this.#numbers.set(key, number);
    this.modes[number] = mode;
    return number;
  }
}
