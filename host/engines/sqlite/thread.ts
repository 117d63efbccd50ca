// SQLite thread: has the database, so that the main thread never waits for a disk. What is asked in one
// message is one transaction, and is answered when it is committed.

import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import type { FromSqlite, SqliteSettings, ToSqlite } from './messages.ts';
import { Broken, SqliteTable } from './table.ts';

const SWEEP_MS = 1_000;

const port = parentPort!;
const say = (message: FromSqlite): void => port.postMessage(message);

async function main(): Promise<void> {
  let table: SqliteTable;
  try {
    table = new SqliteTable(await import('node:sqlite'), workerData as SqliteSettings);
  } catch (error) {
    say({ kind: 'failed', why: messageOf(error) });
    return;
  }
  const sweeping = setInterval(() => table.sweep(Date.now()), SWEEP_MS).unref();
  const end = (): void => {
    clearInterval(sweeping);
    port.close();
    table.close();
  };
  port.on('message', (message: ToSqlite) => {
    if (message.kind === 'close') return end();
    try {
      say({ kind: 'answers', answers: table.perform(message.requests, Date.now()) });
    } catch (error) {
      if (error instanceof Broken) say({ kind: 'answers', answers: error.answers });
      say({ kind: 'failed', why: messageOf(error) });
      end();
    }
  });
  say({ kind: 'ready' });
}

await main();
