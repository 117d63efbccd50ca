// The SQLite store on real files: what each operation does, what is answered when the file is full, taken by
// somebody else or no database, and that nothing that was answered is lost when the process is killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  STATUS_ABSENT,
  STATUS_CONFLICT,
  STATUS_LIMIT,
  STATUS_UNAVAILABLE,
  STATUS_UNKNOWN,
} from '../../../assembly/abi.ts';
import { SqliteStore } from '../../../host/engines/sqlite/store.ts';
import { statusOf, Watch } from '../../helpers/engine-watch.ts';
import { type Turns, turnsUntil } from '../../helpers/longest-turn.ts';
import { temporary } from '../../helpers/process.ts';
import { Differential, operations } from '../../helpers/store-differential.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();
const version = (number: number): Uint8Array => Buffer.of(number, 0, 0, 0, 0, 0, 0, 1);
const ABSENT = new Uint8Array(8);

interface Options {
  readonly path?: string;
  readonly mostBytes?: number;
  readonly busyMs?: number;
  readonly limitMs?: number;
}

function skipped(t: ExecutionContext): boolean {
  if (isBuiltin('node:sqlite')) return false;
  t.log(`skipped: Node ${process.version} has no node:sqlite`);
  t.pass();
  return true;
}

async function open(t: ExecutionContext, options: Options = {}): Promise<SqliteStore> {
  const path = options.path ?? join(temporary(t), 'keys.db');
  const { mostBytes = 1 << 26, busyMs = 10_000, limitMs = 20_000 } = options;
  const store = new SqliteStore({ path, mostBytes, busyMs }, limitMs, new Watch());
  t.teardown(() => store.close());
  await store.start();
  return store;
}

test('a value is there with its version until it is deleted, and after a restart', async (t) => {
  if (skipped(t)) return;
  const path = join(temporary(t), 'keys.db');
  const first = await open(t, { path });
  const key = bytes('k\0ey');
  t.is(await first.get(key), null);
  await first.put(key, bytes('va\r\nlue\0'), version(1), null, 0);
  await first.close();
  t.false(existsSync(`${path}-wal`));
  const second = await open(t, { path });
  const found = await second.get(key);
  t.is(text(found?.value), 'va\r\nlue\0');
  t.deepEqual(Buffer.from(found!.version), version(1));
  await second.delete(key, null);
  t.is(await second.get(key), null);
  t.is(await statusOf(second.delete(key, null)), STATUS_ABSENT);
});

test('a version that is expected decides, and eight zeros mean that there must be none', async (t) => {
  if (skipped(t)) return;
  const store = await open(t);
  const key = bytes('k');
  t.is(await statusOf(store.put(key, bytes('1'), version(1), version(9), 0)), STATUS_CONFLICT);
  await store.put(key, bytes('1'), version(1), ABSENT, 0);
  t.is(await statusOf(store.put(key, bytes('2'), version(2), ABSENT, 0)), STATUS_CONFLICT);
  await store.put(key, bytes('2'), version(2), version(1), 0);
  t.is(await statusOf(store.delete(key, version(1))), STATUS_CONFLICT);
  await store.delete(key, version(2));
});

test('random operations give the same answers as the store in process', async (t) => {
  if (skipped(t)) return;
  const store = await open(t);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(operations, async (all) => {
      runs += 1;
      const differential = new Differential(store, runs);
      await differential.clear();
      const [expected, answered] = await differential.run(all);
      t.deepEqual(answered, expected);
    }),
    { numRuns: 300 },
  );
});

test('what has expired is absent, and removed without being asked for', async (t) => {
  if (skipped(t)) return;
  const path = join(temporary(t), 'keys.db');
  const store = await open(t, { path });
  await store.put(bytes('short'), bytes('1'), version(1), null, 1);
  await store.put(bytes('long'), bytes('1'), version(2), null, 3_600_000);
  await store.add(bytes('n'), 1, version(3), 1);
  while ((await store.get(bytes('n'))) !== null);
  t.is(await store.get(bytes('short')), null);
  t.not(await store.get(bytes('long')), null);
  t.is(await store.add(bytes('n'), 5, version(4), 0), 5);
  await store.close();
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(path);
  const { count } = database.prepare('SELECT count(*) AS count FROM wasmpoll').get()!;
  database.close();
  t.is(count, 2);
});

test('a file that is full is LIMIT, gives what it has, and has room again for what is less', async (t) => {
  if (skipped(t)) return;
  const path = join(temporary(t), 'keys.db');
  const store = await open(t, { path, mostBytes: 1 << 20 });
  const put = (at: number): Promise<number> =>
    statusOf(store.put(bytes(`k${at}`), Buffer.alloc(50_000, at), version(1), null, 0));
  const statuses = await Promise.all(Array.from({ length: 40 }, (_, at) => put(at)));
  const kept = statuses.flatMap((status, at) => (status === 0 ? [at] : []));
  t.deepEqual(new Set(statuses), new Set([0, STATUS_LIMIT]));
  t.true(kept.length > 10 && kept.length < 22);
  t.true(statSync(path).size <= 1 << 20);
  for (const at of kept) t.is((await store.get(bytes(`k${at}`)))?.value.length, 50_000);
  await store.delete(bytes(`k${kept[0]}`), null);
  t.is(await put(kept[0]!), 0);
  t.true(store.state.connected);
});

test('a file that is full of what has expired has room', async (t) => {
  if (skipped(t)) return;
  const store = await open(t, { mostBytes: 1 << 20 });
  const put = (at: number, ttlMs: number): Promise<number> =>
    statusOf(store.put(bytes(`k${at}`), Buffer.alloc(50_000, at), version(1), null, ttlMs));
  await Promise.all(Array.from({ length: 40 }, (_, at) => put(at, 1)));
  while ((await store.get(bytes('k0'))) !== null);
  t.is(await put(100, 0), 0);
});

test('while another process writes for too long, nothing happens', async (t) => {
  if (skipped(t)) return;
  const path = join(temporary(t), 'keys.db');
  const store = await open(t, { path, busyMs: 50 });
  const { DatabaseSync } = await import('node:sqlite');
  const other = new DatabaseSync(path);
  t.teardown(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  t.is(await statusOf(store.add(bytes('n'), 1, version(1), 0)), STATUS_UNAVAILABLE);
  t.is(await store.get(bytes('n')), null);
  other.exec('ROLLBACK');
  t.is(await store.add(bytes('n'), 1, version(1), 0), 1);
});

test('two stores on one file are one database', async (t) => {
  if (skipped(t)) return;
  const path = join(temporary(t), 'keys.db');
  const [a, b] = [await open(t, { path }), await open(t, { path })];
  const added = Array.from({ length: 200 }, (_, at) =>
    (at % 2 === 0 ? a : b).add(bytes('n'), 1, version(at), 0),
  );
  const sums = (await Promise.all(added)).sort((one, other) => one - other);
  t.deepEqual(
    sums,
    Array.from({ length: 200 }, (_, at) => at + 1),
  );
});

test('what cannot be opened is said at once', async (t) => {
  if (skipped(t)) return;
  const folder = temporary(t);
  const noDatabase = join(folder, 'notes.txt');
  writeFileSync(noDatabase, 'not a database at all, but long enough to be read as one'.repeat(100));
  await t.throwsAsync(open(t, { path: noDatabase }), { message: /not a database/ });
  await t.throwsAsync(open(t, { path: join(folder, 'no', 'folder') }), {
    message: /unable to open/,
  });
  await t.throwsAsync(open(t, { path: ':memory:' }), { message: /a file is needed/ });
});

test('what is asked of a store that is closed has not happened', async (t) => {
  if (skipped(t)) return;
  const store = await open(t);
  const asked = statusOf(store.add(bytes('n'), 1, version(1), 0));
  await store.close();
  await store.close();
  t.is(await asked, STATUS_UNAVAILABLE);
  t.is(await statusOf(store.add(bytes('n'), 1, version(1), 0)), STATUS_UNAVAILABLE);
});

/** The event loop's turns while 30,000 requests come to their end. */
async function turnsWhile(t: ExecutionContext, ends: 'answered' | 'given up'): Promise<Turns> {
  const store = await open(t, { mostBytes: 1 << 28 });
  const asked = Array.from({ length: 30_000 }, (_, at) =>
    statusOf(store.add(bytes(`${at}`), 1, version(1), 0)),
  );
  await new Promise(setImmediate);
  const all = Promise.all(asked);
  const measured = turnsUntil(all);
  if (ends === 'given up') await store.close();
  const turns = await measured;
  t.log(ends, turns);
  const expected = ends === 'answered' ? [0] : [STATUS_UNKNOWN, STATUS_UNAVAILABLE];
  t.deepEqual(new Set(await all), new Set(expected));
  return turns;
}

/** So often; garbage collection, which other work on the machine holds up, may make any one turn long. */
const ATTEMPTS = 4;

test.serial(
  'the event loop turns while tens of thousands of requests are performed, and while they are given up',
  async (t) => {
    if (skipped(t)) return;
    for (const ends of ['answered', 'given up'] as const) {
      // In one turn it would be all of it; the thread of the database is in the sum as well.
      const turned = ({ longest, total, count }: Turns): boolean =>
        count > 20 && longest * 2 < total;
      let found = false;
      for (let attempt = 0; attempt < ATTEMPTS && !found; attempt += 1) {
        found = turned(await turnsWhile(t, ends));
      }
      t.true(found, ends);
    }
  },
);

test('killed at any time, it loses nothing that was answered', async (t) => {
  if (skipped(t)) return;
  const path = join(temporary(t), 'keys.db');
  const script = fileURLToPath(new URL('../../helpers/sqlite-hammer.js', import.meta.url));
  const answered = new Map<string, number>();
  for (let run = 1; run <= 12; run += 1) {
    const child = spawn(process.execPath, [script, path, `${run}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let left = 1 + Math.floor(Math.random() * 100);
    for await (const line of createInterface({ input: child.stdout! })) {
      const [name = '', sum] = line.split(' ');
      if (sum !== undefined) answered.set(name, Number(sum));
      left -= 1;
      if (left === 0) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    t.is(child.signalCode, 'SIGKILL');
    const store = await open(t, { path });
    for (const [name, sum] of answered) {
      const counter = Number(text((await store.get(bytes(`n${name}`)))?.value));
      const value = Number(text((await store.get(bytes(`v${name}`)))?.value));
      t.true(counter >= sum && counter <= sum + 1, `${counter} for ${sum}`);
      t.true(value >= sum && value <= sum + 1, `${value} for ${sum}`);
      answered.set(name, counter);
    }
    await store.close();
  }
  t.log(Object.fromEntries(answered));
});
