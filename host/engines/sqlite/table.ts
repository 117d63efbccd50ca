// SQLite table: one database with keys and values, by Node's own `node:sqlite`. Requests are performed in
// transactions; it knows nothing of threads. Each call blocks until the disk has it.

import {
  STATUS_ABSENT,
  STATUS_CONFLICT,
  STATUS_LIMIT,
  STATUS_OK,
  STATUS_UNAVAILABLE,
  STATUS_UNKNOWN,
} from '../../../assembly/abi.ts';
import { messageOf } from '../../errors.ts';
import type { SqliteAnswer, SqliteRequest, SqliteSettings } from './messages.ts';

type Sqlite = typeof import('node:sqlite');
type Database = InstanceType<Sqlite['DatabaseSync']>;
type Statement = ReturnType<Database['prepare']>;

/** The primary code of SQLite for a file that must not grow. */
const SQLITE_FULL = 13;
const SQLITE_BUSY = 5;
/** Expired keys removed with each transaction. */
const SWEPT = 64;
/** A parameter. Node gives NULL to SQLite for an array without bytes. */
const BYTES = "coalesce(?, x'')";
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;
const NUMBER_BYTES = 32;

interface Row {
  readonly version: Uint8Array;
  readonly value: Uint8Array;
  readonly ends: number | null;
}

/** The database is in doubt: it must be opened anew. */
export class Broken extends Error {
  /** What became of the requests that were asked for. */
  readonly answers: readonly SqliteAnswer[];

  constructor(why: string, answers: readonly SqliteAnswer[]) {
    super(why);
    this.answers = answers;
  }
}

export class SqliteTable {
  readonly #database: Database;
  readonly #find: Statement;
  readonly #set: Statement;
  readonly #remove: Statement;
  readonly #sweep: Statement;

  /** @throws when it cannot be opened, or is no database of this kind */
  constructor(sqlite: Sqlite, { path, mostBytes, busyMs }: SqliteSettings) {
    const database = new sqlite.DatabaseSync(path);
    this.#database = database;
    database.exec(`PRAGMA busy_timeout = ${busyMs}`);
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode;
    if (mode !== 'wal') throw new Error(`a file is needed that can have a log (WAL), not ${mode}`);
    // A commit is on the disk when it returns.
    database.exec('PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216');
    database.exec(
      'CREATE TABLE IF NOT EXISTS wasmpoll (key BLOB PRIMARY KEY, version BLOB NOT NULL,' +
        ' value BLOB NOT NULL, ends INTEGER) STRICT;' +
        'CREATE INDEX IF NOT EXISTS wasmpoll_ends ON wasmpoll (ends) WHERE ends IS NOT NULL',
    );
    const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.page_size);
    database.exec(`PRAGMA max_page_count = ${Math.max(16, Math.floor(mostBytes / pageBytes))}`);
    const find = `SELECT version, value, ends FROM wasmpoll WHERE key = ${BYTES}`;
    this.#find = database.prepare(find);
    this.#set = database.prepare(
      `INSERT INTO wasmpoll (key, version, value, ends) VALUES (${BYTES}, ?, ${BYTES}, ?)` +
        ' ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value, ends = excluded.ends',
    );
    this.#remove = database.prepare(`DELETE FROM wasmpoll WHERE key = ${BYTES}`);
    this.#sweep = database.prepare(
      'DELETE FROM wasmpoll WHERE rowid IN (SELECT rowid FROM wasmpoll WHERE ends <= ? LIMIT ?)',
    );
  }

  /**
   * Performs all in one transaction; when the file is full, each in its own.
   * @param now milliseconds of the wall clock: it decides what has expired
   * @throws Broken
   */
  perform(requests: readonly SqliteRequest[], now: number): SqliteAnswer[] {
    const answers = this.#transaction(requests, now);
    if (answers !== null) return answers;
    const one: SqliteAnswer[] = [];
    for (const request of requests) {
      try {
        one.push(this.#alone(request, now));
      } catch (error) {
        if (!(error instanceof Broken)) throw error;
        const [, ...rest] = requests.slice(one.length);
        throw new Broken(error.message, [
          ...one,
          ...error.answers,
          ...nothing(rest, error.message),
        ]);
      }
    }
    return one;
  }

  /** Removes what has expired, `most` at most; -1 is all. Not done while another process writes. */
  sweep(now: number, most = SWEPT): void {
    try {
      this.#sweep.run(now, most);
    } catch (error) {
      if (codeOf(error) === 0) throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  // Before LIMIT is said, all that has expired is removed.
  #alone(request: SqliteRequest, now: number): SqliteAnswer {
    const [answer] = this.#transaction([request], now) ?? [];
    if (answer !== undefined) return answer;
    this.sweep(now, -1);
    const [second] = this.#transaction([request], now) ?? [];
    return second ?? { status: STATUS_LIMIT };
  }

  /** @returns null if the file is full: then nothing has happened */
  #transaction(requests: readonly SqliteRequest[], now: number): SqliteAnswer[] | null {
    const writes = requests.some(({ op }) => op !== 'get');
    let answers: SqliteAnswer[] | null = null;
    try {
      this.#database.exec(writes ? 'BEGIN IMMEDIATE' : 'BEGIN');
      answers = requests.map((request) => this.#one(request, now));
      if (writes) this.#sweep.run(now, SWEPT);
      this.#database.exec('COMMIT');
      return answers;
    } catch (error) {
      const [code, why] = [codeOf(error), messageOf(error)];
      const undone = this.#rollback();
      if (undone && code === SQLITE_FULL) return null;
      // Another process has been writing for long.
      if (undone && code === SQLITE_BUSY) return nothing(requests, why);
      // A commit that failed may still be on the disk.
      if (undone && answers === null) throw new Broken(why, nothing(requests, why));
      throw new Broken(why, doubt(requests, why));
    }
  }

  /** @returns whether no transaction is left. SQLite may have rolled it back by itself. */
  #rollback(): boolean {
    try {
      this.#database.exec('ROLLBACK');
      return true;
    } catch (error) {
      return messageOf(error).includes('no transaction is active');
    }
  }

  #one(request: SqliteRequest, now: number): SqliteAnswer {
    const { key } = request;
    const found = this.#find.get(key) as unknown as Row | undefined;
    const row = found !== undefined && (found.ends ?? Infinity) > now ? found : undefined;
    switch (request.op) {
      case 'get':
        if (row === undefined) return { status: STATUS_ABSENT };
        return { status: STATUS_OK, version: row.version, value: row.value };
      case 'put': {
        if (!isExpected(row, request.expected)) return { status: STATUS_CONFLICT };
        this.#set.run(key, request.version, request.value, endOf(request.ttlMs, now));
        return { status: STATUS_OK };
      }
      case 'delete':
        if (row === undefined) return { status: STATUS_ABSENT };
        if (!isExpected(row, request.expected)) return { status: STATUS_CONFLICT };
        this.#remove.run(key);
        return { status: STATUS_OK };
      case 'add': {
        const before = row === undefined ? 0 : numberOf(row.value);
        if (before === null) return { status: STATUS_CONFLICT };
        const sum = before + request.delta;
        if (!(Math.abs(sum) <= Number.MAX_SAFE_INTEGER)) return { status: STATUS_LIMIT };
        const ends = row === undefined ? endOf(request.ttlMs, now) : row.ends;
        this.#set.run(key, request.version, Buffer.from(String(sum)), ends);
        return { status: STATUS_OK, sum };
      }
    }
  }
}

const nothing = (requests: readonly SqliteRequest[], why: string): SqliteAnswer[] =>
  requests.map(() => ({ status: STATUS_UNAVAILABLE, why }));

const doubt = (requests: readonly SqliteRequest[], why: string): SqliteAnswer[] =>
  requests.map(({ op }) => ({ status: op === 'get' ? STATUS_UNAVAILABLE : STATUS_UNKNOWN, why }));

/** SQLite's primary code is the low byte of what Node tells. */
const codeOf = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff;

const endOf = (ttlMs: number, now: number): number | null => (ttlMs === 0 ? null : now + ttlMs);

function isExpected(row: Row | undefined, expected: Uint8Array | null): boolean {
  if (expected === null) return true;
  if (row === undefined) return expected.every((byte) => byte === 0);
  return Buffer.compare(row.version, expected) === 0;
}

function numberOf(value: Uint8Array): number | null {
  if (value.length > NUMBER_BYTES) return null;
  const text = Buffer.from(value).toString('latin1');
  return NUMBER.test(text) ? Number(text) : null;
}
