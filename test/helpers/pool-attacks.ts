// A pool that runs low, and those who want something of it: attackers that hold pages for nothing, and clients that
// get on. Everything is simulated on a virtual clock, so each run has the same outcome.

import type { ExecutionContext } from 'ava';
import { type Harness, harness, type Peer } from '../../host/testing/harness.ts';
import { compiledGuest } from './guests.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const STEP_MS = 10;
const HEADER = 4;
// An answer is longer than its question by so much.
const MORE = 8;

// Four bytes of length and the bytes; each frame comes back behind twelve bytes.
const framed = compiledGuest('framed-1');

const start = (connections: number, pages: number): Promise<Harness> =>
  harness(framed, {
    name: 'framed',
    policy: {
      maxConnections: connections,
      poolBytes: pages * 16 * KiB,
      maxBacklogBytes: MiB,
      highWaterBytes: 128 * KiB,
    },
  });

function frame(bytes: number): Uint8Array {
  const made = new Uint8Array(HEADER + bytes);
  new DataView(made.buffer).setInt32(0, bytes, true);
  return made;
}

interface Client {
  /** `tick` is the number of the step. */
  step(tick: number): void;
}

/** Comes back between half a second and a second after it was aborted. */
abstract class Attacker implements Client {
  protected peer: Peer;
  readonly #server: Harness;
  /** In steps. */
  protected pause: number;
  #back = -1;

  constructor(server: Harness, number: number) {
    this.#server = server;
    this.pause = (500 + (number % 50) * STEP_MS) / STEP_MS;
    this.peer = server.connect({ bufferBytes: 64 * KiB });
  }

  step(tick: number): void {
    if (this.peer.closeReason !== undefined) {
      if (this.#back < 0) this.#back = tick + this.pause;
      if (tick < this.#back) return;
      this.#back = -1;
      this.peer = this.#server.connect({ bufferBytes: 64 * KiB });
    }
    this.act(tick);
  }

  protected abstract act(tick: number): void;
}

/** Begins a frame, leaves it unfinished, and does it again when it is aborted. */
class Holder extends Attacker {
  readonly #begun: Uint8Array;
  #holding: Peer | null = null;

  constructor(server: Harness, number: number, bytes: number) {
    super(server, number);
    this.#begun = frame(60_000).subarray(0, bytes);
  }

  protected act(): void {
    if (this.#holding === this.peer) return;
    this.#holding = this.peer;
    this.peer.send(this.#begun);
  }
}

/** Holds bytes like the others, and then most leave: those that stay have each a page's only block. */
class Thinner extends Holder {
  readonly #leaves: boolean;

  /** @param perPage blocks that share a page */
  constructor(server: Harness, number: number, bytes: number, perPage: number) {
    super(server, number, bytes);
    this.#leaves = number % perPage !== 0;
  }

  override step(tick: number): void {
    if (!this.#leaves || tick < 50) super.step(tick);
    else if (tick === 50) this.peer.reset();
  }
}

/** Comes back at once. */
class Insistent extends Holder {
  protected override pause = 1;
}

/** Sends its frame byte by byte. */
class Trickler extends Attacker {
  readonly #frame = frame(60_000);
  readonly #begin: number;
  #at = 0;
  #begun: Peer | null = null;

  /** @param begin bytes that come first, all at once */
  constructor(server: Harness, number: number, begin: number) {
    super(server, number);
    this.#begin = begin;
  }

  protected act(tick: number): void {
    if (tick % 10 !== 0) return;
    const first = this.#begun !== this.peer;
    this.#begun = this.peer;
    const from = first ? 0 : this.#at;
    this.#at = first ? this.#begin : this.#at + 1;
    this.peer.send(this.#frame.subarray(from, this.#at));
  }
}

/** Completes a frame of no bytes and begins the next one in a single write, ten times a second. */
export class Recycler extends Attacker {
  #begun: Peer | null = null;

  protected act(tick: number): void {
    if (tick % 10 !== 0) return;
    if (this.#begun !== this.peer) this.peer.send(new Uint8Array(1));
    else this.peer.send(new Uint8Array(HEADER));
    this.#begun = this.peer;
  }
}

/** Completes a frame of no bytes, and begins the next one 10 ms later, ten times a second. */
export class Blinker extends Attacker {
  #begun: Peer | null = null;

  protected act(tick: number): void {
    if (tick % 10 === 0 && this.#begun === this.peer) this.peer.send(new Uint8Array(HEADER - 1));
    if (tick % 10 !== 1) return;
    this.peer.send(new Uint8Array(1));
    this.#begun = this.peer;
  }
}

/** Asks for answers and takes none of them. */
export class Deaf extends Attacker {
  readonly #frame = frame(30_000);

  protected act(tick: number): void {
    if (tick % 5 === 0) this.peer.send(this.#frame);
  }
}

/** Sends frames in pieces, and the next one when it has read the answer to the one before. */
class Honest implements Client {
  readonly #peer: Peer;
  readonly #frame: Uint8Array;
  readonly #piece: number;
  readonly #readEvery: number;
  #at = 0;
  #due = 0;
  frames = 0;

  /** @param readEvery in steps: the answer waits in the pool so long */
  constructor(server: Harness, number: number, readEvery: number) {
    this.#peer = server.connect({ bufferBytes: 8 * KiB });
    this.#frame = frame(20_000 + (number % 5) * 10_000);
    this.#piece = 4_000 + (number % 3) * 2_000;
    this.#readEvery = readEvery;
  }

  get lost(): boolean {
    return this.#peer.closeReason !== undefined;
  }

  step(tick: number): void {
    if (this.lost) return;
    if (tick % this.#readEvery === 0) this.#due -= this.#peer.received().length;
    if (this.#due > 0) return;
    this.#at += this.#peer.send(this.#frame.subarray(this.#at, this.#at + this.#piece));
    if (this.#at < this.#frame.length) return;
    this.#at = 0;
    this.#due += this.#frame.length + MORE;
    this.frames += 1;
  }
}

interface Outcome {
  lost: number;
  frames: number;
  aborted: number;
  /** In use when the others come. */
  pagesBefore: number;
}

/** A pool and those who are served by it meanwhile. */
export interface Scene {
  readonly pages: number;
  readonly honest: number;
  /** How long they are served, in milliseconds. */
  readonly ms: number;
}
export const usual: Scene = { pages: 256, honest: 10, ms: 1_500 };
// Small blocks fill a pool only by the thousand.
export const little: Scene = { pages: 64, honest: 3, ms: 500 };

export async function play(
  { pages, honest, ms }: Scene,
  make: Make,
  attackers: number,
  headStartMs: number,
): Promise<Outcome> {
  const server = await start(attackers + honest, pages);
  const hostile = Array.from({ length: attackers }, (_, number) => make(server, number));
  let tick = 0;
  const steps = (ms: number, clients: readonly Client[]): void => {
    for (const end = tick + ms / STEP_MS; tick < end; tick += 1) {
      for (const client of clients) client.step(tick);
      server.advance(STEP_MS);
    }
  };
  steps(headStartMs, hostile);
  const pagesBefore = server.stats().poolBytes / (16 * KiB);
  const served = Array.from(
    { length: honest },
    (_, number) => new Honest(server, number, number % 2 === 0 ? 1 : 10),
  );
  steps(ms, [...hostile, ...served]);
  return {
    lost: served.filter((client) => client.lost).length,
    frames: served.reduce((sum, client) => sum + client.frames, 0),
    aborted: server.stats().errors.MEMORY ?? 0,
    pagesBefore,
  };
}

export type Make = (server: Harness, number: number) => Client;

export const hold =
  (bytes: number): Make =>
  (server, number) =>
    new Holder(server, number, bytes);
export const thin = (bytes: number, perPage: number): Make => {
  return (server, number) => new Thinner(server, number, bytes, perPage);
};
export const trickle =
  (begin: number): Make =>
  (server, number) =>
    new Trickler(server, number, begin);
export const insist =
  (bytes: number): Make =>
  (server, number) =>
    new Insistent(server, number, bytes);

export type Attack = readonly [what: string, count: number, Make, Scene, cold: number];

/** Attackers that came a second earlier than the others cost none of them anything. */
export async function outlives(t: ExecutionContext, [, count, make, scene]: Attack): Promise<void> {
  const alone = await play(scene, make, 0, 0);
  const outcome = await play(scene, make, count, 1_000);
  t.is(outcome.lost, 0);
  t.is(outcome.frames, alone.frames);
  t.true(outcome.aborted > 20, `${outcome.aborted} aborted`);
}

/** When all come at once, before anybody has a history, `cold` of the others are lost. */
export async function startsCold(
  t: ExecutionContext,
  [, count, make, scene, cold]: Attack,
): Promise<void> {
  t.is((await play(scene, make, count, 0)).lost, cold);
}
