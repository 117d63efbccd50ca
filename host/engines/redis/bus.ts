// Redis bus: one channel of a Redis server, which all processes of a service publish to and listen to. It
// has a connection for each: a server cuts off who listens too slowly, and requests must not go with it.

import type { ServerAddress } from '../address.ts';
import {
  type BusEngine,
  type BusEvents,
  type EngineState,
  type EngineWatch,
  FRAME_OVERHEAD,
} from '../contract.ts';
import { Link } from '../link.ts';
import { type Redis, RedisSession } from './session.ts';

export class RedisBus implements BusEngine {
  readonly #speaker: Link<RedisSession>;
  readonly #listener: Link<RedisSession>;
  readonly #channel: string;
  readonly #mostBytes: number;
  readonly #watch: EngineWatch;
  #events: BusEvents | null = null;
  /** It has not listened for a time, and nobody was told. */
  #deaf = false;
  /** What frames that the server has not confirmed cost. */
  #waiting = 0;
  #refused = false;

  /** @param mostBytes frames are refused while more than that is not confirmed */
  constructor(
    redis: Redis,
    address: ServerAddress,
    limitMs: number,
    mostBytes: number,
    watch: EngineWatch,
  ) {
    this.#channel = address.service;
    this.#mostBytes = mostBytes;
    this.#watch = watch;
    const down = (why: string): void => watch.down(why);
    this.#speaker = new Link(
      (lost) => new RedisSession(redis, address, limitMs, lost, async () => undefined),
      limitMs,
      { down, up: () => this.#canSpeak() },
    );
    const listen = (session: RedisSession): Promise<void> =>
      session.subscribe(this.#channel, (frame) => {
        this.#canHear();
        this.#events?.frame(frame);
      });
    this.#listener = new Link(
      (lost) => new RedisSession(redis, address, limitMs, lost, listen),
      limitMs,
      {
        down: (why) => {
          this.#deaf = true;
          down(why);
        },
        up: () => {
          this.#canHear();
          this.#tell();
        },
      },
    );
  }

  get state(): EngineState {
    const [speaker, listener] = [this.#speaker.state, this.#listener.state];
    return {
      connected: speaker.connected && listener.connected,
      reconnects: speaker.reconnects + listener.reconnects,
    };
  }

  async start(events: BusEvents): Promise<void> {
    this.#events = events;
    await Promise.all([this.#speaker.start(), this.#listener.start()]);
  }

  publish(frame: Uint8Array): boolean {
    const { session } = this.#speaker;
    if (session === null || this.#waiting > this.#mostBytes) {
      this.#refused = true;
      return false;
    }
    const charge = frame.length + FRAME_OVERHEAD;
    this.#waiting += charge;
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
    session
      .send(['PUBLISH', this.#channel, bytes])
      .catch(() => this.#events?.lost())
      .finally(() => this.#confirmed(charge));
    return true;
  }

  async close(): Promise<void> {
    this.#events = null;
    this.#speaker.close();
    this.#listener.close();
  }

  #confirmed(bytes: number): void {
    this.#waiting -= bytes;
    if (this.#refused && this.#waiting * 2 <= this.#mostBytes) this.#canSpeak();
  }

  #canSpeak(): void {
    if (this.#speaker.session === null) return;
    this.#refused = false;
    this.#tell();
    this.#events?.ready();
  }

  // Before the first frame that it hears again.
  #canHear(): void {
    if (!this.#deaf) return;
    this.#deaf = false;
    this.#events?.gap();
  }

  #tell(): void {
    if (this.state.connected) this.#watch.up();
  }
}
