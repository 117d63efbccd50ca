// Hammer: a process that adds to keys and puts values as fast as it can, and says what was answered, one line
// each, until it is killed. Its arguments are the path of the database and a number that no other run had.

import { writeSync } from 'node:fs';
import { SqliteStore } from '../../host/engines/sqlite/store.ts';
import { Watch } from './engine-watch.ts';

const [path = '', run = '0'] = process.argv.slice(2);
const settings = { path, mostBytes: 1 << 26, busyMs: 5_000 };
const store = new SqliteStore(settings, 20_000, new Watch());
await store.start();
writeSync(1, 'ready\n');

let count = 0n;
function version(): Uint8Array {
  count += 1n;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, (BigInt(run) << 40n) + count, true);
  return bytes;
}

async function hammer(name: string): Promise<void> {
  const [counter, value] = [Buffer.from(`n${name}`), Buffer.from(`v${name}`)];
  for (;;) {
    const sum = await store.add(counter, 1, version(), 0);
    await store.put(value, Buffer.from(`${sum}`), version(), null, 0);
    // A pipe keeps what was written, though the process is killed at once afterwards.
    writeSync(1, `${name} ${sum}\n`);
  }
}

await Promise.all(['a', 'b', 'c', 'd'].map(hammer));
