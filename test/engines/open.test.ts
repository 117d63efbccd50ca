// Engines that are named and cannot be had, and what is said when they come and go.

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import test from 'ava';
import { openStore, openTopics } from '../../host/engines/open.ts';
import { Reporter } from '../../host/engines/reporter.ts';
import { Lines } from '../helpers/engine-watch.ts';

const bounds = { requestTimeoutMs: 1000, queueBytes: 1 << 20, storeBytes: 1 << 20 };

// As Node says it.
async function missing(name: string): Promise<never> {
  const message = `Cannot find package '${name}' imported from /app/open.js`;
  throw Object.assign(new Error(message), { code: 'ERR_MODULE_NOT_FOUND' });
}

test('a package that is missing is named, with what to install', async (t) => {
  await t.throwsAsync(openStore('redis://h', bounds, new Lines(), missing), {
    code: 'ERR_OPTION',
    message: 'store: needs the package @redis/client: npm install @redis/client@6.3.1',
  });
  await t.throwsAsync(openTopics('redis://h', bounds, new Lines(), missing), {
    message: 'topics: needs the package @redis/client: npm install @redis/client@6.3.1',
  });
  await t.throwsAsync(openTopics('nats://h', bounds, new Lines(), missing), {
    message:
      'topics: needs the package @nats-io/transport-node: npm install @nats-io/transport-node@3.4.0',
  });
});

test('what is to be installed is what the package declares', async (t) => {
  const manifest = new URL('../../../package.json', import.meta.url);
  const { peerDependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    peerDependencies: Record<string, string>;
  };
  for (const [name, version] of Object.entries(peerDependencies)) {
    // The others are no engines.
    if (!name.startsWith('@')) continue;
    const url = name.startsWith('@redis') ? 'redis://h' : 'nats://h';
    await t.throwsAsync(openTopics(url, bounds, new Lines(), missing), {
      message: `topics: needs the package ${name}: npm install ${name}@${version}`,
    });
  }
});

test('a file that is named and cannot be read is told at the start', async (t) => {
  await t.throwsAsync(openStore('rediss://h?ca=/nowhere/ca.pem', bounds, new Lines()), {
    code: 'ERR_OPTION',
    message: /^store: cannot read the file of ca=: ENOENT: .*'\/nowhere\/ca\.pem'$/,
  });
  await t.throwsAsync(openTopics('nats://h?creds=/nowhere/a.creds', bounds, new Lines()), {
    message: /^topics: cannot read the file of creds=: ENOENT/,
  });
});

test('a package that is there and broken is not called missing', async (t) => {
  const broken = (): Promise<never> => missing('cluster-key-slot');
  await t.throwsAsync(openStore('redis://h', bounds, new Lines(), broken), {
    message: /cluster-key-slot/,
  });
});

test('without node:sqlite one line says which Node has it', async (t) => {
  const opened = openStore('sqlite:/nowhere/keys.db', bounds, new Lines());
  if (isBuiltin('node:sqlite')) await t.notThrowsAsync(opened);
  else {
    await t.throwsAsync(opened, {
      code: 'ERR_OPTION',
      message: `store: sqlite: needs Node 22.13 or later, this is ${process.version}`,
    });
  }
});

test('an engine that cannot be reached is told once, and once that it is back', (t) => {
  const log = new Lines();
  let now = 0;
  const reporter = new Reporter('store', 'redis://h:1', 'nothing is kept', log, () => now);
  reporter.up();
  t.deepEqual(log.lines, []);
  reporter.down('connect ECONNREFUSED\n\x1b[31m');
  reporter.down('connect ECONNREFUSED');
  reporter.up();
  reporter.up();
  t.deepEqual(log.lines, [
    'warn store: not connected, nothing is kept' +
      ' {"engine":"redis://h:1","reason":"connect ECONNREFUSED\\\\x0a\\\\x1b[31m"}',
    'info store: connected again {"engine":"redis://h:1"}',
  ]);
  for (let times = 0; times < 100; times += 1) {
    reporter.down('again');
    reporter.up();
  }
  t.is(log.lines.length, 2);
  now = 10_000;
  reporter.down('again');
  t.is(log.lines.length, 3);
});
