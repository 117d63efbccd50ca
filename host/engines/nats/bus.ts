// NATS bus: one subject of a NATS server, which all processes of a service publish to and listen to. The
// server confirms no frame by itself; it is asked after each batch, so that a loss is known.

import type { ServerAddress } from '../address.ts';
import type { BusEngine, BusEvents, EngineState, EngineWatch } from '../contract.ts';
import { Link } from '../link.ts';
import { type Nats, NatsSession } from './session.ts';

export type { Nats } from './session.ts';

export class NatsBus implements BusEngine {
  readonly #link: Link<NatsSession>;
  readonly #mostBytes: number;
  readonly #watch: EngineWatch;
  #events: BusEvents | null = null;
  /** It has not listened for a time, and nobody was told. */
  #deaf = false;
  #refused = false;

  /** @param mostBytes frames are refused while more than that is not confirmed */
  constructor(
    nats: Nats,
    address: ServerAddress,
    limitMs: number,
    mostBytes: number,
    watch: EngineWatch,
  ) {
    this.#mostBytes = mostBytes;
    this.#watch = watch;
    const { servers } = address;
    // Each process begins with any, and goes on to the next when one is lost.
    let next = Math.floor(Math.random() * servers.length);
    const dial = (lost: (why: string) => void): NatsSession => {
      const server = servers[next % servers.length]!;
      next += 1;
      return new NatsSession(nats, address, server, limitMs, {
        lost,
        frame: (frame) => {
          this.#canHear();
          this.#events?.frame(frame);
        },
        confirmed: (waiting) => this.#confirmed(waiting),
        unconfirmed: () => this.#events?.lost(),
      });
    };
    this.#link = new Link(dial, limitMs, {
      down: (why) => {
        this.#deaf = true;
        watch.down(why);
      },
      up: () => this.#connected(),
    });
  }

  get state(): EngineState {
    return this.#link.state;
  }

  async start(events: BusEvents): Promise<void> {
    this.#events = events;
    await this.#link.start();
  }

  publish(frame: Uint8Array): boolean {
    const { session } = this.#link;
    const taken = session !== null && session.waiting <= this.#mostBytes && session.publish(frame);
    if (!taken) this.#refused = true;
    return taken;
  }

  async close(): Promise<void> {
    this.#events = null;
    this.#link.close();
  }

  #connected(): void {
    this.#refused = false;
    this.#watch.up();
    this.#canHear();
    this.#events?.ready();
  }

  // Before the first frame that it hears again.
  #canHear(): void {
    if (!this.#deaf) return;
    this.#deaf = false;
    this.#events?.gap();
  }

  #confirmed(waiting: number): void {
    if (!this.#refused || waiting * 2 > this.#mostBytes) return;
    this.#refused = false;
    this.#events?.ready();
  }
}
