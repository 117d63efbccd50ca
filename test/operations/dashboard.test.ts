// The dashboard in Debian's chromium: with real servers, and with a stand-in that says what they seldom say.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { count } from '../../host/admin/view/figures.ts';
import {
  FAINT,
  FIT,
  type Fit,
  forward,
  NAMELESS,
  openBrowser,
  Watched,
} from '../helpers/browser.ts';
import { connect } from '../helpers/client.ts';
import {
  countsOf,
  FakeAdmin,
  histogramOf,
  serviceOf,
  statusOf,
  workerOf,
} from '../helpers/fake-admin.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { type Running, startCli, temporary } from '../helpers/process.ts';

const listen = ['--listen', '127.0.0.1:0'];
const WEIGHT = 60 * 1024;

/** A server with its admin socket, and where a browser reaches that. */
async function served(
  t: ExecutionContext,
  ...args: string[]
): Promise<{ server: Running; url: string }> {
  const socket = path.join(temporary(t), 'admin.sock');
  const server = await startCli(t, [...listen, '--admin', `unix:${socket}`, ...args]);
  return { server, url: await forward(t, socket) };
}

const START = 1_700_000_000_000;

/** A service with four workers as it is in second `look`. */
function busy(look: number, workers = 4, factor = 1): ReturnType<typeof serviceOf> {
  const rows = Array.from({ length: workers }, (_, index) => {
    const wave = look + 8 * Math.sin(look / 40 + index);
    const messages = Math.round(factor * 9000 * (look + wave));
    const counts = countsOf(messages, Math.round(500 + 60 * Math.sin(look / 70 + index)), {
      poolBytes: Math.round((1 + Math.sin(look / 30 + index)) * 9e6),
      backlogBytes: Math.round((1 + Math.sin(look / 30 + index)) * 3e6),
      guestTraps: index === 1 && look > 300 ? 2 : 0,
      histograms: { callbackMs: histogramOf(messages, 0.004) },
    });
    return workerOf(index, counts, { restarts: index === 1 && look > 300 ? 1 : 0 });
  });
  const { stats, ...service } = serviceOf('chat', rows);
  const guest = {
    chat_messages_total: { kind: 'counter', value: Math.round(stats.messages / 3) },
    chat_rooms: { kind: 'gauge', value: 41 },
    chat_join_ms: { kind: 'histogram', ...histogramOf(90_000, 0.9) },
  } as const;
  const shared = { topics: 120, members: 2088, keys: 15_021, storeBytes: 9.1e6, published: 1.2e6 };
  const errors = { ECONNRESET: 1204, EPIPE: 33, IDLE: 12 };
  const upstreams = {
    users: {
      ...{ open: 118, connecting: 2, connected: 41_880, failed: { refused: 12, timeout: 3 } },
      ...{ bytesIn: 1.9e9, bytesOut: 3.1e8 },
      targets: [
        { address: '10.0.0.5:5432', resting: false },
        { address: '10.0.0.6:5432', resting: true },
      ],
    },
    hooks: {
      ...{ open: 4, connecting: 0, connected: 2017, failed: {}, bytesIn: 2.2e6, bytesOut: 8.1e6 },
      targets: [],
    },
  };
  return { ...service, stats: { ...stats, guest, shared, errors, upstreams } };
}

const statusAt = (look: number, services = [busy(look)]): ReturnType<typeof statusOf> =>
  statusOf(services, {
    ...{ time: START + look * 1000, startedAt: START - 8_000_000 },
    process: {
      ...{ pid: 4711, node: 'v22.1.0', cpuUserMs: look * 1400, cpuSystemMs: look * 300 },
      rssBytes: (130 + 20 * Math.sin(look / 100)) * 1024 * 1024,
    },
  });

const connectionRow = (index: number, given: object = {}): object => ({
  ...{ id: 1000 + 7 * index, worker: index % 4, peer: `203.0.113.${index}:${51_000 + index}` },
  ...{ listener: '127.0.0.1:7000', ageMs: 1000 * 2 ** index, bytesIn: 1000 * 2 ** index },
  ...{ bytesOut: 3000 * 2 ** index, backlogBytes: index < 3 ? 4e6 / (index + 1) : 0 },
  ...{ heldBytes: 0, state: 'open', waiting: index < 3 ? 'backlog' : null, ...given },
});

/** Has the page see so many seconds, but for those in the gap. */
async function pass(
  admin: FakeAdmin,
  watched: Watched,
  looks: number,
  gap = [0, 0],
): Promise<void> {
  for (let look = 1; look <= looks; look += 1) {
    if (look < gap[0]! || look > gap[1]!) admin.tell(statusAt(look));
  }
  const { open } = statusAt(looks).services[0]!.stats.connections;
  await watched.says('.tile:nth-child(3) dd', count(open));
}

test.serial(
  'the page is light, comes whole from its server, is known again, and keeps its own policy',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const { url } = await served(t);
    const watched = await Watched.open(browser, url);
    await watched.page.waitForSelector('#workers tbody tr');
    const files = watched.responses.filter(
      (response) => !/events|connections/.test(response.url()),
    );
    const bodies = await Promise.all(files.map((response) => response.body()));
    const weight = bodies.reduce((sum, body) => sum + body.length, 0);
    t.log(`${weight} bytes in ${files.length} files`);
    t.true(weight < WEIGHT);
    const paths = new Set(files.map((response) => new URL(response.url()).pathname));
    t.deepEqual([...paths].sort(), [...['/', '/app.js', '/icon.svg', '/style.css']]);
    t.true(watched.responses.every((response) => response.url().startsWith(url)));
    t.true(watched.responses.every((response) => response.status() === 200));
    for (const response of files) {
      t.regex(response.headers()['content-security-policy'] ?? '', /^default-src 'self'(;|$)/);
      const etag = response.headers().etag!;
      const again = await fetch(response.url(), { headers: { 'If-None-Match': `W/"x", ${etag}` } });
      t.deepEqual([again.status, await again.text()], [304, '']);
    }
    t.deepEqual(watched.complaints, []);
  },
);

test.serial('charts and figures move under load', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const { server, url } = await served(t, '--workers', '2');
  const watched = await Watched.open(browser, url);
  const { page } = watched;
  const line = page.locator('.tile').first().locator('.line.one');
  const before = await line.getAttribute('d');
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => connect(server.address, { owner: t })),
  );
  let going = true;
  const load = clients.map(async (client) => {
    while (going) {
      await client.send('hello');
      await client.readExactly(5);
    }
  });
  await watched.says('.tile dd', /\d \/s|k\/s/);
  await page.waitForFunction(
    `document.querySelector('.tile .line.one').getAttribute('d') !== ${JSON.stringify(before)}`,
  );
  await watched.says('.tile:nth-child(3) dd', '8');
  await page.locator('#connections tbody tr').nth(7).waitFor();
  t.is(await page.locator('#connections tbody tr').count(), 8);
  await watched.says('.tile:nth-child(4) dd', 's');
  await watched.shoot('load');
  going = false;
  await Promise.all(load);
  t.deepEqual(watched.complaints, []);
});

test.serial('a swap by its button keeps live connections, and each of their bytes', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const { server, url } = await served(t, '--workers', '2');
  const watched = await Watched.open(browser, url);
  const { page } = watched;
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => connect(server.address, { owner: t })),
  );
  let [going, rounds] = [true, 0];
  const load = clients.map(async (client, index) => {
    const sent = Buffer.alloc(3000, `client ${index} `);
    while (going) {
      await client.send(sent);
      if (!(await client.readExactly(sent.length)).equals(sent)) throw new Error('other bytes');
      rounds += 1;
    }
  });
  await page.getByRole('button', { name: 'Swap…' }).click();
  await watched.says('#dialog-text', 'takes over the connections of echo');
  await page.getByRole('button', { name: 'Swap', exact: true }).click();
  await watched.says('#result', 'echo is swapped');
  await watched.says('#module', '1 swap');
  const swapped = rounds;
  await watched.says('.tile:nth-child(3) dd', '8');
  going = false;
  await Promise.all(load);
  t.true(rounds > swapped);
  t.deepEqual(watched.complaints, []);
});

test.serial('a refusal is told in its own words', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const { url } = await served(t);
  const watched = await Watched.open(browser, url);
  const { page } = watched;
  await page.getByRole('button', { name: 'Swap…' }).click();
  await page.getByLabel('Bundled name').fill('./none.wasm');
  await page.keyboard.press('Enter');
  await watched.says('#result', 'Not done: ');
  await watched.says('#result', 'none.wasm');
  await watched.says('#module', '0 swaps');
  t.is(await page.locator('#result').getAttribute('data-state'), 'bad');
});

test.serial('the log level, a connection and the service itself obey their buttons', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const { server, url } = await served(t, '--drain-quiet', '0');
  const watched = await Watched.open(browser, url);
  const { page } = watched;
  const client = await connect(server.address, { owner: t });
  await page.getByRole('button', { name: 'Log level…' }).click();
  await page.locator('#dialog select').selectOption('debug');
  await page.getByRole('button', { name: 'Change it' }).click();
  await watched.says('#result', 'The log level is debug.');
  await page.getByRole('button', { name: /^Close connection/ }).click();
  await page.getByRole('button', { name: 'Close it' }).click();
  await watched.says('#result', 'is being closed.');
  t.is(await client.closed, 'end');
  await page.getByRole('button', { name: 'Drain…' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Drain…' }).click();
  await page.getByRole('button', { name: 'Drain', exact: true }).click();
  t.deepEqual(await server.exited, { code: 0, signal: null });
  await watched.says('#live', 'Not connected');
});

test.serial('over TCP the buttons are off, and the page says why', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const server = await startCli(t, [...listen, '--admin', '127.0.0.1:0']);
  const [, address] = await server.written('stderr', /"address":"([^"]+)"[^\n]*"admin listens"/);
  const watched = await Watched.open(browser, `http://${address}/`);
  const { page } = watched;
  await connect(server.address, { owner: t });
  for (const name of ['Swap…', 'Log level…', 'Drain…', /^Close connection/]) {
    const button = page.getByRole('button', { name });
    await button.waitFor();
    t.true(await button.isDisabled());
  }
  await watched.says('#refused', 'Only the Unix socket takes actions');
  t.is(await page.locator('#swap').getAttribute('aria-describedby'), 'refused');
  t.deepEqual(watched.complaints, []);
});

test.serial('a worker whose callback hangs is told, and that it was replaced', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const module = path.join(temporary(t), 'hazard.wasm');
  writeFileSync(module, hazard());
  const { server, url } = await served(t, '--callback-timeout', '500ms', module);
  const watched = await Watched.open(browser, url);
  await watched.says('.tile dd', /\d/);
  const client = await connect(server.address, { owner: t });
  await client.send('H');
  await watched.says('#notices', 'Worker 0 was replaced');
  await watched.says('#notices', 'a callback hung');
  await watched.says('#errors', 'HUNG');
  await watched.says('#log .error', 'replaced');
  await watched.shoot('hung');
  t.deepEqual(watched.complaints, []);
});

test.serial('text from outside stays text, wherever it stands', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const admin = await FakeAdmin.start(t);
  const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202e';
  const [plain] = [busy(1)];
  const service = {
    ...plain!,
    ...{ name: hostile, state: hostile, listeners: [{ address: hostile, state: hostile }] },
    module: { ...plain!.module, name: hostile },
    stats: {
      ...plain!.stats,
      ...{ errors: { [hostile]: 1 }, guest: { [hostile]: { kind: 'gauge', value: 1 } as const } },
      engines: { ready: false, store: { engine: hostile }, topics: null },
    },
  };
  admin.status = statusAt(1, [service, busy(1)]);
  admin.rows = () => ({
    connections: [connectionRow(1, { peer: hostile, state: hostile })],
    next: null,
  });
  admin.answer = [400, { error: hostile }];
  const watched = await Watched.open(browser, admin.url);
  const { page } = watched;
  admin.log(hostile, hostile, { [hostile]: hostile, deep: { [hostile]: [hostile] } });
  await watched.says('#log li', 'onerror');
  await page.waitForSelector('#connections tbody tr');
  await page.getByRole('button', { name: /^Close connection/ }).click();
  await watched.says('#dialog-text', 'onerror');
  await page.getByRole('button', { name: 'Close it' }).click();
  await watched.says('#result', 'onerror');
  t.is(await page.locator('img').count(), 1);
  t.is(await page.locator('script').count(), 1);
  const text = await page.evaluate<string>('document.title + document.body.textContent');
  t.true(text.includes('<img src=x onerror'));
  t.true(text.includes('\\u202e'));
  t.false(text.includes('\u202e'));
  t.deepEqual(
    watched.complaints.filter((line) => !line.includes('400')),
    [],
  );
});

test.serial(
  'what was not seen is a gap in the line, and a page that was left alone finds its way back',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const admin = await FakeAdmin.start(t);
    admin.status = statusAt(0);
    const watched = await Watched.open(browser, admin.url);
    const { page } = watched;
    const { port } = admin;
    await pass(admin, watched, 300, [100, 160]);
    const path = await page.locator('.tile .line.one').first().getAttribute('d');
    t.is(path?.match(/M/g)?.length, 2);
    admin.log('info', 'before');
    await watched.says('#log', 'before');
    await admin.end();
    await watched.says('#live', 'Not connected, next try in');
    await watched.says('#live [role=status]', /^Not connected$/);
    await admin.listen(port);
    admin.status = statusAt(310);
    await watched.live();
    admin.log('info', 'after');
    await watched.says('#log', 'after');
    t.is(await page.locator('#log li', { hasText: 'before' }).count(), 1);
  },
);

test.serial('64 workers, huge numbers and long names fit a phone and a wide screen', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const admin = await FakeAdmin.start(t);
  const named = {
    ...busy(1),
    name: 'a-service-whose-name-is-longer-than-anybody-would-wish-for'.repeat(3),
  };
  const huge = (look: number): ReturnType<typeof statusOf> =>
    statusAt(look, [busy(look, 64, 3000), named]);
  admin.status = huge(1);
  for (const width of [390, 1400]) {
    const watched = await Watched.open(browser, admin.url, { width });
    for (let look = 2; look < 60; look += 1) admin.tell(huge(look));
    await watched.says('.tile dd', 'G/s');
    await watched.page.locator('#workers tbody tr').nth(64).waitFor();
    const { scroll, cut } = await watched.page.evaluate<Fit>(FIT);
    t.deepEqual({ scroll, cut }, { scroll: 0, cut: [] });
    await watched.shoot(`huge-${width}`);
    t.deepEqual(watched.complaints, []);
    await watched.page.close();
  }
});

test.serial('it can be read and used without a pointer, in both colour schemes', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const admin = await FakeAdmin.start(t);
  admin.status = statusAt(1, [{ ...busy(1), state: 'draining' }, busy(1)]);
  admin.rows = () => ({ connections: [connectionRow(1), connectionRow(2)], next: 'x' });
  for (const dark of [false, true]) {
    const watched = await Watched.open(browser, admin.url, { dark, still: true });
    const { page } = watched;
    admin.tell(statusAt(2, [{ ...busy(2), state: 'draining' }, busy(2)]));
    admin.log('error', 'one');
    admin.log('warn', 'two');
    await watched.says('#log', 'two');
    await page.waitForSelector('#connections tbody tr');
    t.deepEqual(await page.evaluate<string[]>(FAINT), []);
    t.deepEqual(await page.evaluate<string[]>(NAMELESS), []);
    const moving = await page.evaluate<number>('document.getAnimations().length');
    t.is(moving, 0);
    await page.keyboard.press('Tab');
    t.is(await page.evaluate('document.activeElement.className'), 'skip');
    await page.locator('#drain').focus();
    await page.keyboard.press('Enter');
    t.is(await page.evaluate("document.activeElement.closest('dialog').id"), 'dialog');
    await page.keyboard.press('Escape');
    t.is(await page.evaluate('document.activeElement.id'), 'drain');
    t.deepEqual(admin.bodies, []);
    await page.close();
  }
});

test.serial('it looks as the pictures in the documents show it', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const admin = await FakeAdmin.start(t);
  const connections = Array.from({ length: 14 }, (_, index) => connectionRow(index));
  admin.rows = () => ({ connections, next: 'x' });
  for (const [width, height] of [
    [1400, 900],
    [390, 844],
  ] as const) {
    for (const dark of [false, true]) {
      admin.status = statusAt(0);
      const watched = await Watched.open(browser, admin.url, { width, height, dark, still: true });
      await pass(admin, watched, 640, [420, 450]);
      const name = `${width < 500 ? 'phone' : 'wide'}-${dark ? 'dark' : 'light'}`;
      await watched.shoot(name, false);
      await watched.shoot(`${name}-whole`);
      t.deepEqual(watched.complaints, []);
      await watched.page.close();
    }
  }
});

test.serial(
  'a server that serves nothing yet shows empty places, and says what they are for',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const { url } = await served(t);
    const watched = await Watched.open(browser, url, { width: 390 });
    await watched.says('#metrics + .empty', 'The guest counts nothing of its own.');
    await watched.says('#connections + .empty', 'No connection is open.');
    await watched.says('#errors', 'Nothing has failed.');
    await watched.says('#shared-note', 'in this process alone');
    await watched.shoot('empty');
    t.deepEqual(watched.complaints, []);
  },
);

test.serial('several services have a tab each, which the address keeps', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const admin = await FakeAdmin.start(t);
  admin.status = statusAt(1, [busy(1), { ...busy(1), name: 'écho' }]);
  const watched = await Watched.open(browser, admin.url);
  const { page } = watched;
  await page.getByRole('button', { name: 'écho' }).click();
  await watched.says('h1', 'écho');
  t.true(page.url().endsWith('#/%C3%A9cho'));
  await page.reload();
  await watched.says('h1', 'écho');
  t.is(await page.locator('#services [aria-current=true]').textContent(), 'écho');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  t.is(await page.evaluate('document.activeElement.id'), 'main');
  await watched.says('h1', 'écho');
  await page.getByLabel('Sort by').selectOption('age');
  await page.waitForResponse((response) => response.url().includes('sort=age'));
  t.true(admin.requests.some((line) => line.includes('service=%C3%A9cho&sort=age')));
});

test.serial(
  'connections have pages, and the next one begins where the last one ended',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const admin = await FakeAdmin.start(t);
    admin.status = statusAt(1);
    admin.rows = (query) =>
      query.get('after') === '9:1007'
        ? { connections: [connectionRow(2)], next: null }
        : { connections: [connectionRow(1)], next: '9:1007' };
    const watched = await Watched.open(browser, admin.url);
    const { page } = watched;
    await page.waitForSelector('#connections tbody tr');
    await page.getByRole('button', { name: 'Next' }).click();
    await watched.says('#connections', '203.0.113.2:');
    t.true(await page.getByRole('button', { name: 'Next' }).isDisabled());
    await page.getByRole('button', { name: 'First' }).click();
    await watched.says('#connections', '203.0.113.1:');
    t.true(await page.getByRole('button', { name: 'First' }).isDisabled());
  },
);
