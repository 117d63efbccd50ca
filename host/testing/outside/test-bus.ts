// Test bus: what carries messages between harnesses, as a bus does between processes, and what can happen to them
// on the way. It knows no guest, and no message: frames are of engines/frame.ts.

import { type BusEngine, type BusEvents, FRAME_OVERHEAD } from '../../engines/contract.ts';
import { FRAME_GAP, readFrame } from '../../engines/frame.ts';
import { topicText } from '../../shared/member/topic-text.ts';
import { type Ground, Link, linksOf, settleAll } from './links.ts';

/** A message that is on its way. */
export interface HeldMessage {
  readonly topic: string;
  readonly data: Uint8Array;
}

interface Flying {
  readonly from: BusLink;
  readonly frame: Uint8Array;
  /** Null for a frame that has none. */
  readonly message: HeldMessage | null;
  /** Who gets it: those who were connected then, and are still. */
  to: readonly BusLink[];
}

/**
 * The option `topics` of harnesses, which are one room by it, as processes are. Messages arrive at once, until
 * it is told otherwise.
 */
export class TestBus {
  readonly #links: BusLink[] = [];
  #flying: Flying[] = [];
  #holding = false;

  /** Messages on their way, oldest first. */
  get held(): readonly HeldMessage[] {
    return this.#flying.flatMap(({ message }) => message ?? []);
  }

  /** From now on nothing arrives. */
  hold(): void {
    this.#holding = true;
  }

  /**
   * What is held arrives, and nothing more is held.
   * @param count only so many messages, the oldest ones; the others are held on, and so is what comes
   */
  release(count?: number): void {
    if (count === undefined) this.#holding = false;
    this.#deliver(count ?? Number.POSITIVE_INFINITY);
    settleAll(this.#links);
  }

  /** What is held is lost, and those whom it was for are told. Nothing more is held. */
  lose(): void {
    this.#holding = false;
    const senders = new Set(this.#flying.map(({ from }) => from));
    for (const link of senders) this.#drop(link);
    for (const link of senders) link.events?.ready();
    settleAll(senders);
  }

  /**
   * Cuts the connection: what is held is lost, and messages stay where they are published. Members are told of
   * it once it is there again.
   * @param harness only this one's
   * @throws WasmpollError ERR_OPTION for a harness that was not made with this bus
   */
  disconnect(harness?: object): void {
    const cut = linksOf(this.#links, harness, 'disconnect').filter((link) => link.connected);
    for (const link of cut) {
      link.cut();
      this.#drop(link);
      for (const flying of this.#flying) flying.to = flying.to.filter((to) => to !== link);
    }
    settleAll(cut);
  }

  /** It is there again. */
  connect(harness?: object): void {
    const mended = linksOf(this.#links, harness, 'connect').filter((link) => !link.connected);
    for (const link of mended) {
      link.mend();
      link.events?.gap();
    }
    for (const link of mended) link.events?.ready();
    settleAll(mended);
  }

  /** The harness calls this. @returns its way to the bus, and a number that no other one has */
  link(ground: Ground): { engine: BusEngine; number: number } {
    const engine = new BusLink(ground, (...sent) => this.#take(...sent));
    const number = this.#links.push(engine);
    return { engine, number };
  }

  #take(from: BusLink, frame: Uint8Array): void {
    const to = this.#links.filter((link) => link !== from && link.connected);
    const { flags, topic, data } = readFrame(frame)!;
    const message = (flags & FRAME_GAP) === 0 ? { topic: topicText(topic), data } : null;
    this.#flying.push({ from, frame, message, to });
    from.ground.timers.soon(() => {
      if (!this.#holding) settleAll(this.#deliver(Number.POSITIVE_INFINITY));
    });
  }

  /** @returns who has got something */
  #deliver(messages: number): Set<BusLink> {
    const reached = new Set<BusLink>();
    for (let left = messages; left > 0; ) {
      const flying = this.#flying.shift();
      if (flying === undefined) break;
      const { from, frame, message, to } = flying;
      for (const link of to) link.events?.frame(frame);
      for (const link of to) reached.add(link);
      from.confirmed(frame);
      if (message !== null) left -= 1;
    }
    return reached;
  }

  /** What it has sent does not arrive. */
  #drop(link: BusLink): void {
    const lost = this.#flying.filter(({ from }) => from === link);
    this.#flying = this.#flying.filter(({ from }) => from !== link);
    for (const { frame } of lost) {
      link.events?.lost();
      link.confirmed(frame);
    }
  }
}

class BusLink extends Link implements BusEngine {
  events: BusEvents | null = null;
  readonly #take: (from: BusLink, frame: Uint8Array) => void;
  /** What frames on their way cost. */
  #waiting = 0;
  #refused = false;

  constructor(ground: Ground, take: (from: BusLink, frame: Uint8Array) => void) {
    super(ground);
    this.#take = take;
  }

  async start(events: BusEvents): Promise<void> {
    this.events = events;
  }

  async close(): Promise<void> {}

  publish(frame: Uint8Array): boolean {
    if (!this.connected || this.#waiting > this.ground.queueBytes) {
      this.#refused = true;
      return false;
    }
    this.#waiting += frame.length + FRAME_OVERHEAD;
    this.#take(this, frame);
    return true;
  }

  confirmed(frame: Uint8Array): void {
    this.#waiting -= frame.length + FRAME_OVERHEAD;
    if (!this.#refused || !this.connected || this.#waiting * 2 > this.ground.queueBytes) return;
    this.#refused = false;
    this.events?.ready();
  }
}
