// SQLite store: keys and values in a file, durable on one machine. It collects what is asked in a turn of
// the event loop for one transaction; the thread of sqlite-thread.ts performs it.

import { Worker } from 'node:worker_threads';
import {
  STATUS_ABSENT,
  STATUS_OK,
  STATUS_UNAVAILABLE,
  STATUS_UNKNOWN,
} from '../../../assembly/abi.ts';
import { messageOf } from '../../errors.ts';
import {
  EngineError,
  type EngineState,
  type EngineWatch,
  type Found,
  type StoreEngine,
} from '../contract.ts';
import { Fifo } from '../fifo.ts';
import { InFlight } from '../in-flight.ts';
import { Link, type Session } from '../link.ts';
import { SLICE, Slices } from '../slices.ts';
import type {
  FromSqlite,
  SqliteAnswer,
  SqliteRequest,
  SqliteSettings,
  ToSqlite,
} from './messages.ts';

/** Requests of one transaction: it is answered in one turn of the event loop. */
const BATCH = 1024;

interface Asked {
  readonly request: SqliteRequest;
  readonly settle: (answer: SqliteAnswer) => void;
  sent: boolean;
  settled: boolean;
}

interface Lost {
  readonly asked: Asked;
  readonly answer: SqliteAnswer;
}

export class SqliteStore implements StoreEngine {
  readonly #link: Link<SqliteSession>;
  /** All that is not settled, in the order asked; those with `sent` come first. */
  readonly #asked: InFlight<Asked>;
  readonly #waiting = new Fifo<Asked>();
  /** Those of the transaction that is on its way. */
  #flying: readonly Asked[] = [];
  /** Those that are lost, all at once. */
  readonly #lost = new Slices<Lost>(({ asked, answer }) => this.#settle(asked, answer));
  #planned = false;
  /** Why the last attempt failed. */
  #why = '';

  constructor(settings: SqliteSettings, limitMs: number, watch: EngineWatch) {
    this.#asked = new InFlight(limitMs, () => this.#expire());
    const dial = (lost: (why: string) => void): SqliteSession =>
      new SqliteSession(settings, (answers) => this.#answer(answers), lost);
    this.#link = new Link(dial, limitMs, {
      up: () => watch.up(),
      down: (why) => {
        this.#why = why;
        this.#abandon(why);
        watch.down(why);
      },
    });
  }

  get state(): EngineState {
    return this.#link.state;
  }

  /** @throws Error if the file cannot be used: waiting would not help */
  async start(): Promise<void> {
    await this.#link.start();
    if (this.#link.session === null) throw new Error(this.#why);
  }

  async get(key: Uint8Array): Promise<Found | null> {
    const answer = await this.#ask({ op: 'get', key: copy(key) }, STATUS_ABSENT);
    const { version, value } = answer;
    return version === undefined || value === undefined ? null : { version, value };
  }

  async put(
    key: Uint8Array,
    value: Uint8Array,
    version: Uint8Array,
    expected: Uint8Array | null,
    ttlMs: number,
  ): Promise<void> {
    await this.#ask({
      op: 'put',
      key: copy(key),
      value: copy(value),
      version: copy(version),
      expected: expected && copy(expected),
      ttlMs,
    });
  }

  async delete(key: Uint8Array, expected: Uint8Array | null): Promise<void> {
    await this.#ask({ op: 'delete', key: copy(key), expected: expected && copy(expected) });
  }

  async add(key: Uint8Array, delta: number, version: Uint8Array, ttlMs: number): Promise<number> {
    const request = { op: 'add', key: copy(key), delta, version: copy(version), ttlMs } as const;
    const { sum = Number.NaN } = await this.#ask(request);
    return sum;
  }

  async close(): Promise<void> {
    const ended = this.#link.session?.ended;
    this.#link.close();
    this.#abandon('closed');
    await ended;
  }

  async #ask(request: SqliteRequest, fine = STATUS_OK): Promise<SqliteAnswer> {
    if (this.#link.session === null) throw new EngineError(STATUS_UNAVAILABLE, 'not open');
    const answer = await new Promise<SqliteAnswer>((settle) => {
      const asked = { request, settle, sent: false, settled: false };
      this.#asked.add(asked);
      this.#waiting.push(asked);
      this.#plan();
    });
    const { status, why = '' } = answer;
    if (status === STATUS_OK || status === fine) return answer;
    throw new EngineError(status, why);
  }

  // After all that is asked in this turn.
  #plan(): void {
    if (this.#planned || this.#flying.length > 0) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.#send();
    });
  }

  #send(): void {
    const { session } = this.#link;
    if (session === null || this.#flying.length > 0) return;
    const batch = this.#nextBatch();
    if (batch.length === 0) return;
    this.#flying = batch;
    for (const asked of batch) asked.sent = true;
    session.perform(batch.map(({ request }) => request));
  }

  #nextBatch(): Asked[] {
    const batch: Asked[] = [];
    while (batch.length < BATCH) {
      const asked = this.#waiting.shift();
      if (asked === undefined) break;
      if (!asked.settled) batch.push(asked);
    }
    return batch;
  }

  #answer(answers: readonly SqliteAnswer[]): void {
    const answered = this.#flying;
    this.#flying = [];
    for (const [at, asked] of answered.entries()) this.#settle(asked, answers[at]!);
    this.#forget();
    this.#send();
  }

  // A transaction that takes too long is not stopped: it is performed or not, and nobody knows yet. It is called
  // again for the rest.
  #expire(): void {
    for (let left = SLICE; left > 0; left -= 1) {
      const late = this.#asked.overdue();
      if (late === undefined) return;
      this.#settle(late, doubtOf(late, 'the disk takes too long'));
      this.#asked.shift();
      this.#forget();
    }
  }

  #abandon(why: string): void {
    const lose = (asked: Asked): void => this.#lost.add({ asked, answer: doubtOf(asked, why) });
    for (const asked of this.#flying) lose(asked);
    this.#flying = [];
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      lose(next);
    }
    this.#asked.clear();
  }

  #settle(asked: Asked, answer: SqliteAnswer): void {
    if (asked.settled) return;
    asked.settled = true;
    asked.settle(answer);
  }

  /** What is settled at the front no longer counts. */
  #forget(): void {
    while (this.#asked.oldest?.settled === true) this.#asked.shift();
  }
}

// The thread is given copies of whole buffers, and a Buffer may lie in a larger one.
const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

function doubtOf({ sent, request }: Asked, why: string): SqliteAnswer {
  const doubtful = sent && request.op !== 'get';
  return { status: doubtful ? STATUS_UNKNOWN : STATUS_UNAVAILABLE, why };
}

/** One thread with the file open. */
class SqliteSession implements Session {
  readonly ready: Promise<void>;
  /** Resolves when the thread is gone, and with it its hold of the file. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;

  constructor(
    settings: SqliteSettings,
    answered: (answers: readonly SqliteAnswer[]) => void,
    lost: (why: string) => void,
  ) {
    const worker = new Worker(new URL('./thread.js', import.meta.url), {
      workerData: settings,
      // Node 22 calls its own SQLite an experiment, on standard error.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.#worker = worker;
    this.ended = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('error', (error) => lost(messageOf(error)));
    worker.on('exit', () => lost('the thread has ended'));
    this.ready = new Promise((resolve, reject) => {
      worker.on('message', (message: FromSqlite) => {
        if (message.kind === 'ready') resolve();
        else if (message.kind === 'answers') answered(message.answers);
        else {
          reject(new Error(message.why));
          lost(message.why);
        }
      });
    });
  }

  perform(requests: readonly SqliteRequest[]): void {
    this.#worker.postMessage({ kind: 'perform', requests } satisfies ToSqlite);
  }

  // What it is doing it finishes: the database is closed in order. If the disk hangs, that takes as long as it
  // takes: a process cannot end without its threads.
  close(): void {
    this.#worker.postMessage({ kind: 'close' } satisfies ToSqlite);
  }
}
