// `wasmpoll top`: what it prints, what it shows in a terminal, and what it says when there is nothing to look at.

import { createServer } from 'node:http';
import { createServer as createSocketServer, type Server as SocketServer } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Client } from '../../host/cli/top/client.ts';
import { type Line, paint, piece, tableOf, widthOf } from '../../host/cli/top/paint.ts';
import {
  countsOf,
  FakeAdmin,
  histogramOf,
  serviceOf,
  statusOf,
  workerOf,
} from '../helpers/fake-admin.ts';
import { cli, refused, runCli, temporary, withoutPrivileges } from '../helpers/process.ts';
import { hasTerminal, PseudoTerminal } from '../helpers/terminal.ts';

const top = (admin: string, ...args: string[]): string[] => ['top', '--admin', admin, ...args];

const connection = (id: number, given: object = {}): object => ({
  ...{ id, peer: `203.0.113.9:${id}`, listener: '127.0.0.1:1', ageMs: 61_000, state: 'open' },
  ...{ bytesIn: 10, bytesOut: 20, backlogBytes: 0, heldBytes: 0, waiting: null, ...given },
});

/** Each look finds another second gone by, and so many messages more for each of the workers. */
async function busyServer(
  t: ExecutionContext,
  workers = 2,
  host = '127.0.0.1',
): Promise<FakeAdmin> {
  const admin = await FakeAdmin.start(t, { host });
  let look = 0;
  admin.onLook = () => {
    look += 1;
    const rows = Array.from({ length: workers }, (_, index) =>
      workerOf(index, countsOf(1000 * (index + 1) * look, 5)),
    );
    const { stats, ...chat } = serviceOf('chat', rows);
    const guest = {
      rooms: { kind: 'gauge', value: 4 },
      join_ms: { kind: 'histogram', ...histogramOf(1000, 3) },
    } as const;
    const upstreams = {
      db: {
        ...{ open: 118, connecting: 2, connected: 41_880, failed: { timeout: 3, refused: 12 } },
        ...{ bytesIn: 2048, bytesOut: 1024 },
        targets: [
          { address: '10.0.0.5:1', resting: false },
          { address: '10.0.0.6:1', resting: true },
        ],
      },
    };
    const services = [{ ...chat, stats: { ...stats, guest, upstreams } }, serviceOf('echo', [])];
    admin.status = statusOf(services, { time: 1_700_000_000_000 + look * 1000, startedAt: 1 });
  };
  return admin;
}

test('without a terminal one snapshot is printed: totals, workers, connections, metrics', async (t) => {
  const admin = await busyServer(t);
  admin.rows = () => ({
    connections: [
      connection(7, { backlogBytes: 4096, waiting: 'room' }),
      connection(8, { upstream: 'db', parent: 7 }),
    ],
    next: null,
  });
  const { stdout, stderr, code } = await runCli(top(`127.0.0.1:${admin.port}`));
  t.deepEqual([stderr, code], ['', 0]);
  t.regex(stdout, /^wasmpoll 0\.1\.0 {2}pid 4711 /);
  t.regex(
    stdout,
    /^1\/2 chat {2}serving {2}chat\.wasm ab12ab12ab12, 2 swaps {2}127\.0\.0\.1:7000$/m,
  );
  t.regex(stdout, /^messages +3,000 \/s +open +10 of 65,536 /m);
  t.regex(stdout, /^all +2 of 2 +3,000 \/s/m);
  t.regex(stdout, /^1 +serving +2,000 \/s/m);
  t.regex(stdout, /^ +7 {2}203\.0\.113\.9:7 +1 min 1 s .* 4\.00 KiB .* room$/m);
  t.regex(stdout, /^ +8 {2}db: 203\.0\.113\.9:8 /m);
  t.regex(
    stdout,
    /^db +118 +2 +41,880 +15 {2}refused 12, timeout 3 +2\.00 KiB +1\.00 KiB {2}1 of 2 rest: 10\.0\.0\.6:1$/m,
  );
  t.regex(stdout, /^rooms +gauge +4$/m);
  t.regex(stdout, /^join_ms +histogram +1,000 /m);
  t.false(stdout.includes('\x1b'));
});

test('a service is chosen by its name, and one that is not there is refused with those that are', async (t) => {
  const admin = await busyServer(t);
  const { stdout } = await runCli(top(admin.url, '--once', '--service', 'echo'));
  t.regex(stdout, /^2\/2 echo /m);
  t.true(admin.requests.some((line) => line.includes('service=echo&sort=backlog')));
  const outcome = await runCli(top(admin.url, '--service', 'ech'));
  refused(t, outcome, 1, /there is no service 'ech'; there are: chat, echo/);
});

test('text from outside cannot reach the terminal as a command', async (t) => {
  const admin = await busyServer(t);
  const hostile = '\x1b]0;owned\x07\x9b31m\u202e';
  admin.rows = () => ({
    connections: [connection(7, { peer: hostile, waiting: hostile })],
    next: null,
  });
  const { stdout } = await runCli(top(admin.url));
  t.regex(stdout, /\\x1b\]0;owned\\x07\\x9b31m\\u202e/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  t.notRegex(stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

/** What a client says of an address. Rejects when it has nothing to say. */
async function complaintOf(address: string): Promise<string> {
  try {
    await new Client(address).status();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${address} is well`);
}

test('what is wrong with an address is said in one line', async (t) => {
  const missing = path.join(temporary(t), 'none.sock');
  refused(t, await runCli(top(missing)), 1, /none\.sock: there is no such socket; does the server/);
  refused(t, await runCli(['top']), 2, /required option '--admin <ADDRESS>' not specified; see/);
  refused(t, await runCli(top('a:1', 'more')), 2, /too many arguments/);
  t.regex(await complaintOf(`unix:${missing}`), /there is no such socket/);
  t.regex(await complaintOf('127.0.0.1:1'), /nobody listens there; does the server run with/);
  t.regex(await complaintOf('http://user@127.0.0.1'), /must be http:\/\/HOST:PORT/);
  t.regex(await complaintOf('https://127.0.0.1'), /must be http:\/\/HOST:PORT/);
  t.regex(await complaintOf('nowhere'), /address 'nowhere': must be HOST:PORT/);
  t.regex(await complaintOf(`/${'x'.repeat(200)}`), /at most 107/);
});

test('a socket that others may not open is said to be so', async (t) => {
  const prefix = withoutPrivileges(t);
  if (prefix === null || process.getuid?.() !== 0) {
    t.pass();
    return;
  }
  const file = path.join(temporary(t), 'a.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(file, resolve));
  t.teardown(() => server.close());
  const program = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const outcome = await runCli(top(file), { prefix: program });
  refused(t, outcome, 1, /a\.sock: (permission denied; only the user of the server and root)/);
});

/** A server on a port, which is closed when the test ends. */
async function portOf(t: ExecutionContext, server: SocketServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

test('whoever answers something else is not taken for wasmpoll', async (t) => {
  const others = [
    createSocketServer((socket) => socket.end('220 mail ready\r\n')),
    createServer((_, response) => response.end('<html>')),
    createServer((_, response) => response.end('{"services":4}')),
    createServer((_, response) => response.end('null')),
  ];
  for (const server of others) {
    const address = await portOf(t, server);
    t.is(await complaintOf(address), `${address} answers, but not as wasmpoll does`);
  }
  const refusing = createServer((_, response) => {
    response.writeHead(421);
    response.end('{"error":"not for\\nus"}');
  });
  t.regex(await complaintOf(await portOf(t, refusing)), /:\d+: not for us$/);
});

test('in a terminal the screen is refreshed, sorted and turned to the next service; q gives it back', async (t) => {
  if (!hasTerminal(t)) return;
  const admin = await busyServer(t);
  admin.rows = () => ({ connections: [connection(7)], next: null });
  const terminal = PseudoTerminal.start(t, [cli, ...top(admin.url)], { rows: 24, columns: 100 });
  await terminal.shows((screen) => screen.some((line) => /^messages +3,000 \/s/.test(line)));
  t.is(terminal.screen.length, 24);
  t.true(terminal.written.startsWith('\x1b[?1049h'));
  t.true(terminal.written.includes('\x1b[32mserving'));
  terminal.press('s');
  await terminal.shows(
    (screen) => screen.at(-1) === 'q quit  s sort connections: age  n next service',
  );
  t.true(admin.requests.some((line) => line.includes('sort=age')));
  terminal.press('n');
  await terminal.shows((screen) => screen[1]!.startsWith('2/2 echo'));
  terminal.press('q');
  t.is(await terminal.exited, 0);
  t.true(terminal.written.endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l'));
});

test('a terminal that changes its size is filled anew, and what does not fit is counted', async (t) => {
  if (!hasTerminal(t)) return;
  const admin = await busyServer(t, 64);
  const terminal = PseudoTerminal.start(t, [cli, ...top(admin.url)], { rows: 16, columns: 60 });
  await terminal.shows((screen) => screen.some((line) => /^… and \d\d more$/.test(line)));
  t.true(terminal.screen.every((line) => widthOf(line) <= 60));
  terminal.resize(100, 140);
  await terminal.shows(
    (screen) => screen.length === 100 && screen.some((line) => /^63 /.test(line)),
  );
  terminal.press('\x03');
  t.is(await terminal.exited, 0);
});

test('NO_COLOR leaves out every style', async (t) => {
  if (!hasTerminal(t)) return;
  const admin = await busyServer(t);
  const terminal = PseudoTerminal.start(t, [cli, ...top(admin.url)], { env: { NO_COLOR: '1' } });
  await terminal.shows((screen) => screen.some((line) => /^messages/.test(line)));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: styles begin with one
  t.notRegex(terminal.written, /\x1b\[[\d;]*m/);
  terminal.press('q');
  t.is(await terminal.exited, 0);
});

test('a server that goes away is said to be gone, and shown again when it is back', async (t) => {
  if (!hasTerminal(t)) return;
  // Nobody else takes a port of this address while the server is away.
  const admin = await busyServer(t, 2, '127.0.0.9');
  const { port } = admin;
  const terminal = PseudoTerminal.start(t, [cli, ...top(admin.url)], {});
  await terminal.shows((screen) => screen[0]!.startsWith('wasmpoll'));
  await admin.end();
  await terminal.shows((screen) => /^! .*: nobody listens there/.test(screen[0]!));
  await admin.listen(port);
  await terminal.shows((screen) => screen[0]!.startsWith('wasmpoll'));
  terminal.press('q');
  t.is(await terminal.exited, 0);
});

test('a line is cut where the screen ends, wide characters counted as two', (t) => {
  const line: Line = [piece('name '), piece('日本語', 'strong'), piece('!')];
  t.is(paint(line, 12, false), 'name 日本語!');
  t.is(paint(line, 9, false), 'name 日…');
  t.is(paint(line, 6, true), 'name \x1b[1m…\x1b[0m');
  t.is(widthOf('e\u0301日'), 3);
});

test('columns of a table are as wide as their widest cell', (t) => {
  const columns = [
    { title: 'N', longest: 4, cell: ([name]: [string, string]) => name },
    { title: 'V', cell: ([, value]: [string, string]) => value },
  ];
  const lines = tableOf(columns, [
    ['a', '1'],
    ['longer', '100'],
  ]).map((line) => paint(line, 80, false));
  t.deepEqual(lines, ['N       V', 'a       1', 'lon…  100']);
});
