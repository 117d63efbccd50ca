// Exchanges that have a bus in common, as processes have: what each is told is written down, and can be
// waited for.

import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { ExecutionContext } from 'ava';
import type { BusEngine } from '../../host/engines/contract.ts';
import { Exchange, type Inbound } from '../../host/engines/exchange.ts';
import { PROCESS_BYTES } from '../../host/engines/frame.ts';
import { loopTimers } from '../../host/engines/timers.ts';
import type { SharedRecord } from '../../host/shared/member/drafts.ts';
import { FLAG_RETAIN, OP_PUBLISH } from '../../host/shared/records.ts';
import type { Watch } from './engine-watch.ts';

const NOTHING = new Uint8Array();

export function published(topic: string, data: string, retain = false): SharedRecord {
  return {
    ...{ op: OP_PUBLISH, handle: 0, tag: 0, ttlMs: 0, seat: 0, delta: 0, expected: NOTHING },
    ...{ first: Buffer.from(topic, 'latin1'), second: Buffer.from(data, 'latin1') },
    flags: retain ? FLAG_RETAIN : 0,
  };
}

export class Participant extends EventEmitter implements Inbound {
  /** `topic data`, with a `*` when it is to be retained, and `gap`. */
  readonly heard: string[] = [];
  readonly exchange: Exchange;
  readonly watch: Watch;
  readonly #bus: BusEngine;

  constructor(t: ExecutionContext, bus: BusEngine, watch: Watch) {
    super();
    this.#bus = bus;
    this.watch = watch;
    this.exchange = new Exchange(bus, this, randomBytes(PROCESS_BYTES), loopTimers);
    t.teardown(() => this.close());
  }

  get connected(): boolean {
    return this.#bus.state.connected;
  }

  /** Resolves when it is connected, also when the first attempt failed. */
  async start(): Promise<void> {
    const up = this.watch.next('up');
    await this.exchange.start();
    await up;
  }

  inbound(topic: Uint8Array, data: Uint8Array, retain: boolean, ttlMs: number): boolean {
    if (data.length > 60_000) return false;
    const text = `${Buffer.from(topic).toString('latin1')} ${Buffer.from(data).toString('latin1')}`;
    this.#hear(`${retain ? '*' : ''}${ttlMs > 0 ? `${ttlMs} ` : ''}${text}`);
    return true;
  }

  gap(): void {
    this.#hear('gap');
  }

  publish(topic: string, data: string, retain = false): void {
    this.exchange.publish(published(topic, data, retain));
  }

  /** Waits until it has heard this. */
  async hears(what: string): Promise<void> {
    while (!this.heard.includes(what)) await once(this, 'heard');
  }

  async close(): Promise<void> {
    this.exchange.close();
    await this.#bus.close();
  }

  #hear(what: string): void {
    this.heard.push(what);
    this.emit('heard');
  }
}

/**
 * Numbered messages of one participant, as another has heard them: in order, none twice, and where some are
 * missing a gap comes before the next.
 */
export function assertTold(t: ExecutionContext, heard: readonly string[], topic: string): void {
  let [last, told] = [-1, false];
  for (const what of heard) {
    if (what === 'gap') told = true;
    if (!what.startsWith(`${topic} `)) continue;
    const number = Number(what.slice(topic.length + 1));
    if (number !== last + 1) t.true(told && number > last, `${number} after ${last}`);
    [last, told] = [number, false];
  }
}
