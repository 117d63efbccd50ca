// How this machine looks names up: how many at a time, and which of them are whole.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { HostsFile } from '../../host/upstreams/names/hosts-file.ts';
import { absolute, lookUpThreads } from '../../host/upstreams/names/system-names.ts';

test('half of libuv’s threads look names up, and one at least', (t) => {
  const sizes = [undefined, '1', '2', '3', '4', '16', '0', 'x', '-1', '5000'];
  t.deepEqual(sizes.map(lookUpThreads), [2, 1, 1, 2, 2, 8, 1, 1, 512, 512]);
});

test('a guest’s name is whole: a dot ends it, unless it stands in the hosts file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'names-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'hosts');
  const clock = { now: 0 };
  const asked: string[] = [];
  const find = absolute(new HostsFile(path, () => clock.now), async (name) => {
    asked.push(name);
    return [];
  });
  await find('a.example.com');
  writeFileSync(path, '127.0.0.1\tLocalhost b.example.com#c.example.com\n#1.2.3.4 d.example.com\n');
  clock.now = 4999;
  await find('localhost');
  clock.now = 5000;
  const names = ['localhost', 'b.example.com', 'c.example.com', 'd.example.com', 'example.com'];
  for (const name of [...names, '127.0.0.1', 'host', 'local']) await find(name);
  t.deepEqual(asked, [
    ...['a.example.com.', 'localhost.'],
    ...['localhost', 'b.example.com', 'c.example.com.', 'd.example.com.', 'example.com.'],
    ...['127.0.0.1.', 'host.', 'local.'],
  ]);
});
