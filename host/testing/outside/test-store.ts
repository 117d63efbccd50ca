// Test store: keys outside of the harness, as an engine has them, and what can happen on the way there and back.
// It knows no guest, and not in which order a connection is answered.

import { STATUS_UNAVAILABLE, STATUS_UNKNOWN } from '../../../assembly/abi.ts';
import { type Answered, NO_BYTES, type Performer } from '../../engines/contract.ts';
import { InFlight } from '../../engines/in-flight.ts';
import { VERSION_BYTES } from '../../policy.ts';
import { recordBytes, type SharedRecord, writeRecord } from '../../shared/member/drafts.ts';
import { readRecord } from '../../shared/record.ts';
import { OP_ADD, OP_DELETE, OP_GET, OP_PUT } from '../../shared/records.ts';
import { type Answer, Store } from '../../shared/store.ts';
import { type Ground, Link, linksOf, settleAll } from './links.ts';

/** A request that waits. */
export interface HeldRequest {
  readonly op: 'get' | 'put' | 'delete' | 'add';
  /** As text. */
  readonly key: string;
}

interface Request {
  readonly link: StoreLink;
  readonly record: SharedRecord;
  readonly version: bigint;
  readonly answered: Answered;
  /** Null until it is performed. */
  answer: Answer | null;
  /** Whoever asked has been told. */
  settled: boolean;
}

const NAMES = new Map<number, HeldRequest['op']>([
  [OP_GET, 'get'],
  [OP_PUT, 'put'],
  [OP_DELETE, 'delete'],
  [OP_ADD, 'add'],
]);
const utf8 = new TextDecoder();

/**
 * The option `store` of harnesses: keys that they have in common, as processes have with an engine. It answers
 * at once, until it is told otherwise. Whoever asks waits for `requestTimeoutMs` of his own harness's clock.
 */
export class TestStore {
  readonly #links: StoreLink[] = [];
  readonly #keys = new Store(Number.POSITIVE_INFINITY);
  #requests: Request[] = [];
  #holding: 'requests' | 'answers' | null = null;
  #version = 0n;

  /** Those that wait for an answer, oldest first. */
  get held(): readonly HeldRequest[] {
    return this.#requests
      .filter(({ settled }) => !settled)
      .map(({ record }) => ({ op: NAMES.get(record.op)!, key: utf8.decode(record.first) }));
  }

  /**
   * From now on nothing is answered.
   * @param what `requests`: nothing is performed either, before it is released; `answers`: requests are
   *   performed, and only the answers wait
   */
  hold(what: 'requests' | 'answers' = 'requests'): void {
    this.#holding = what;
  }

  /**
   * Performs and answers what is held, and holds nothing more. A request whose time was over is performed as
   * well: it was late.
   * @param count only so many, the oldest ones; the others are held on, and so is what comes
   */
  release(count?: number): void {
    if (count === undefined) this.#holding = null;
    this.#answer(count ?? this.#requests.length);
    settleAll(this.#links);
  }

  /**
   * What is held is lost, requests or answers, as when a connection breaks: writes are UNKNOWN, reads
   * UNAVAILABLE. Nothing more is held.
   */
  lose(): void {
    this.#holding = null;
    for (const request of this.#requests.splice(0)) doubt(request);
    settleAll(this.#links);
  }

  /**
   * Cuts the connection: what is held is lost, and what is asked from now on is UNAVAILABLE.
   * @param harness only this one's
   * @throws WasmpollError ERR_OPTION for a harness that was not made with this store
   */
  disconnect(harness?: object): void {
    const cut = linksOf(this.#links, harness, 'disconnect');
    for (const link of cut) link.cut();
    const lost = this.#requests.filter(({ link }) => cut.includes(link));
    this.#requests = this.#requests.filter((request) => !lost.includes(request));
    for (const request of lost) doubt(request);
    settleAll(cut);
  }

  /** It is there again. */
  connect(harness?: object): void {
    const mended = linksOf(this.#links, harness, 'connect').filter((link) => !link.connected);
    for (const link of mended) link.mend();
    settleAll(mended);
  }

  /** The harness calls this. */
  link(ground: Ground): Performer {
    const link = new StoreLink(ground, (...asked) => this.#take(...asked));
    this.#links.push(link);
    return link;
  }

  #take(link: StoreLink, record: SharedRecord, answered: Answered): Uint8Array {
    this.#version += 1n;
    const version = this.#version;
    const { timers } = link.ground;
    if (link.connected) {
      const request = { link, record, version, answered, answer: null, settled: false };
      this.#requests.push(request);
      link.sent.add(request);
      timers.soon(() => this.#flow());
    } else timers.soon(() => answered(STATUS_UNAVAILABLE, NO_BYTES));
    const bytes = new Uint8Array(VERSION_BYTES);
    new DataView(bytes.buffer).setBigUint64(0, version, true);
    return bytes;
  }

  #flow(): void {
    if (this.#holding === 'answers') for (const request of this.#requests) this.#perform(request);
    if (this.#holding === null) this.#answer(this.#requests.length);
  }

  #answer(count: number): void {
    for (const request of this.#requests.splice(0, count)) {
      const { status, bytes } = this.#perform(request);
      settle(request, status, bytes);
    }
  }

  #perform(request: Request): Answer {
    const { record, version, link } = request;
    if (request.answer === null) {
      const log = new Uint8Array(recordBytes(record.first.length, record.second.length));
      writeRecord(log, record);
      const now = link.ground.timers.now();
      request.answer = this.#keys.perform(readRecord(log, 0), now, version);
    }
    return request.answer;
  }
}

type Taking = (link: StoreLink, record: SharedRecord, answered: Answered) => Uint8Array;

class StoreLink extends Link implements Performer {
  /** Those that are settled before the oldest one are still here. */
  readonly sent: InFlight<Request>;
  readonly #take: Taking;

  constructor(ground: Ground, take: Taking) {
    super(ground);
    this.#take = take;
    this.sent = new InFlight(ground.requestTimeoutMs, () => this.#expire(), ground.timers);
  }

  async start(): Promise<void> {}

  async close(): Promise<void> {}

  perform(record: SharedRecord, answered: Answered): Uint8Array {
    return this.#take(this, record, answered);
  }

  #expire(): void {
    for (let late = this.sent.overdue(); late !== undefined; late = this.sent.overdue()) {
      doubt(late);
    }
  }
}

function doubt(request: Request): void {
  const status = request.record.op === OP_GET ? STATUS_UNAVAILABLE : STATUS_UNKNOWN;
  settle(request, status, NO_BYTES);
}

function settle(request: Request, status: number, reply: Uint8Array): void {
  if (request.settled) return;
  request.settled = true;
  const { sent } = request.link;
  while (sent.oldest?.settled === true) sent.shift();
  request.answered(status, reply);
}
