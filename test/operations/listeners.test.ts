// Debian's HAProxy and nginx in front of servers that expect PROXY headers, by the recipes of deploy/ and beyond.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type Server, serve } from '../../host/index.ts';
import { type Client, connect } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { freePort, has, startProgram } from '../helpers/installed.ts';
import { temporary } from '../helpers/process.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

interface Served {
  readonly server: Server;
  readonly opened: string[];
}

/** A server that believes HAProxy and nginx of this machine, and who has come to it. */
async function served(t: ExecutionContext, proxied = true): Promise<Served> {
  const opened: string[] = [];
  const proxy = proxied ? { proxy: { from: '127.0.0.1' } } : {};
  const protocol = compiledGuest('surroundings');
  const server = await serve({ protocol, listen: { address: '127.0.0.1:0', ...proxy } });
  t.teardown(() => server.close());
  server.on('open', ({ address }) => opened.push(address));
  return { server, opened };
}

/** The recipe, with ports that are free, and what is changed besides. */
async function recipe(
  name: string,
  server: Server,
  change = (text: string): string => text,
): Promise<{ port: number; text: string }> {
  const port = await freePort();
  const text = readFileSync(`${root}deploy/${name}`, 'utf8')
    .replaceAll('127.0.0.1:33445', server.addresses[0]!)
    .replace(/(bind :|listen )7000/, (_, front) =>
      front === 'listen ' ? `listen 127.0.0.1:${port}` : `bind 127.0.0.1:${port}`,
    );
  return { port, text: change(text) };
}

async function startHaproxy(t: ExecutionContext, text: string): Promise<void> {
  const file = path.join(temporary(t), 'haproxy.cfg');
  writeFileSync(file, text);
  const running = startProgram(t, 'haproxy', ['-W', '-f', file]);
  await running.written('stderr', /Loading success/);
}

async function startNginx(t: ExecutionContext, stream: string, port: number): Promise<void> {
  const folder = temporary(t);
  const file = path.join(folder, 'nginx.conf');
  const front = [
    `load_module ${MODULE};`,
    ...['daemon off;', 'master_process off;', `pid ${folder}/pid;`, 'error_log stderr notice;'],
    'events { }',
  ];
  writeFileSync(file, `${front.join('\n')}\n${stream}`);
  const running = startProgram(t, 'nginx', ['-p', folder, '-c', file]);
  await running.written('stderr', /using the "epoll" event method/);
  // It listens from its start on; the line comes with it.
  (await connect(`127.0.0.1:${port}`)).destroy();
}

async function asks(client: Client, key: string): Promise<string> {
  await client.send(`p ${key}`);
  let text = '';
  while (!text.endsWith('\n')) text += String(await client.readExactly(1));
  return text.trim();
}
const shown = (text: string): string => `${text.length} ${text}`;

test('behind HAProxy by its recipe clients have their own addresses, and its checks are no clients', async (t) => {
  if (!has(t, 'haproxy')) return;
  const { server, opened } = await served(t);
  const { port, text } = await recipe('haproxy/haproxy.cfg', server, (config) =>
    config.replace('inter 2s', 'inter 50ms'),
  );
  await startHaproxy(t, text);
  const client = await connect(`127.0.0.1:${port}`, { owner: t });
  t.is(await asks(client, 'proxy.source'), shown(client.localAddress));
  t.is(await asks(client, 'proxy.destination'), shown(`127.0.0.1:${port}`));
  t.regex(await asks(client, 'proxy.peer'), /^\d+ 127\.0\.0\.1:\d+$/);
  t.true(opened.includes(client.localAddress));
  // Some checks have come by now, or come soon.
  while (opened.length < 4) await new Promise((resolve) => server.once('open', resolve));
  t.deepEqual(server.stats().errors.PROXY, undefined);
});

test('HAProxy with version 1, and with all that version 2 can say', async (t) => {
  if (!has(t, 'haproxy')) return;
  for (const [sends, wanted] of [
    ['send-proxy', {}],
    [
      'send-proxy-v2 proxy-v2-options unique-id,crc32c,authority',
      { 'proxy.unique_id': shown('an-id'), 'proxy.tlv.05': shown('an-id') },
    ],
    ['send-proxy-v2-ssl-cn', { 'proxy.ssl': shown('0'), 'proxy.ssl.cn': '-5' }],
  ] as const) {
    const { server } = await served(t);
    const { port, text } = await recipe('haproxy/haproxy.cfg', server, (config) =>
      config
        .replace(/send-proxy-v2 check check-send-proxy inter 2s/, sends)
        .replace('default_backend', 'unique-id-format an-id\n    default_backend'),
    );
    await startHaproxy(t, text);
    const client = await connect(`127.0.0.1:${port}`, { owner: t });
    t.is(await asks(client, 'proxy.source'), shown(client.localAddress), sends);
    for (const [key, value] of Object.entries(wanted)) t.is(await asks(client, key), value, key);
  }
});

test('behind nginx by its recipe clients have their own addresses', async (t) => {
  if (!has(t, 'nginx') || !existsSync(MODULE)) return t.pass();
  const { server, opened } = await served(t);
  const { port, text } = await recipe('nginx/stream.conf', server);
  await startNginx(t, text, port);
  const client = await connect(`127.0.0.1:${port}`, { owner: t });
  t.is(await asks(client, 'proxy.source'), shown(client.localAddress));
  t.is(await asks(client, 'proxy.destination'), shown(`127.0.0.1:${port}`));
  t.true(opened.includes(client.localAddress));
});

test('a balancer that sends no header, and one whose header nobody expects, are not taken for another', async (t) => {
  if (!has(t, 'haproxy')) return;
  const strict = await served(t);
  const silent = await recipe('haproxy/haproxy.cfg', strict.server, (config) =>
    config.replace(/default-server .*/, ''),
  );
  await startHaproxy(t, silent.text);
  const client = await connect(`127.0.0.1:${silent.port}`, { owner: t });
  await client.send('p transport');
  await client.closed;
  t.deepEqual([client.waiting, strict.server.stats().errors.PROXY], [0, 1]);
  const plain = await served(t, false);
  const talking = await recipe('haproxy/haproxy.cfg', plain.server, (config) =>
    config.replace(/default-server .*/, 'default-server send-proxy'),
  );
  await startHaproxy(t, talking.text);
  const other = await connect(`127.0.0.1:${talking.port}`, { owner: t });
  await other.send('x');
  while (plain.opened.length < 1)
    await new Promise((resolve) => plain.server.once('open', resolve));
  t.false(plain.opened.includes(other.localAddress));
});
