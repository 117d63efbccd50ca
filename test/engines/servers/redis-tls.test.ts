// Redis by TLS, with certificates of an authority of the test's own: what is needed to be connected, and what is
// said when it is not.

import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { BusEngine, Engine, Performer } from '../../../host/engines/contract.ts';
import { openStore, openTopics } from '../../../host/engines/open.ts';
import { Certificates, type Certified } from '../../helpers/certificates.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { Lines } from '../../helpers/engine-watch.ts';
import { has } from '../../helpers/installed.ts';
import { runScript } from '../../helpers/process.ts';
import { RoutedSide } from '../../helpers/routed-side.ts';
import { add, join, publish } from '../../helpers/shared-seats.ts';

const bounds = { requestTimeoutMs: 20_000, queueBytes: 1 << 20, storeBytes: 1 << 20 };

/** An authority of the test's own, and what it has signed for a server here. */
function made(t: ExecutionContext): Record<'authority' | 'server', Certified> & {
  certificates: Certificates;
} {
  const certificates = new Certificates(t);
  const authority = certificates.authority('authority');
  return { certificates, authority, server: certificates.make('localhost', { by: authority }) };
}

async function store(
  t: ExecutionContext,
  url: string,
  within = bounds,
): Promise<[Engine<Performer>, Lines]> {
  const lines = new Lines();
  const opened = await openStore(url, within, lines);
  t.teardown(() => opened.engine.close());
  await opened.engine.start();
  return [opened, lines];
}

/** The reason in the only line that was logged, after several attempts. */
async function reason(t: ExecutionContext, url: string, within = bounds): Promise<string> {
  const [{ engine }, { lines }] = await store(t, url, within);
  t.false(engine.state.connected);
  await engine.start();
  await engine.start();
  t.is(lines.length, 1, lines.join('\n'));
  const [, fields] = /^warn store: not connected, requests are answered UNAVAILABLE (.*)$/.exec(
    lines[0]!,
  )!;
  return (JSON.parse(fields!) as { reason: string }).reason;
}

test.serial('with ca= of a private authority, keys and messages go by TLS', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { authority, server: certified } = made(t);
  const server = await EngineServer.redisTls(t, certified);
  for (const host of ['127.0.0.1', 'localhost']) {
    const url = `rediss://${host}:${server.port}?service=${host.slice(0, 3)}&ca=${authority.certFile}`;
    const [opened] = await store(t, url);
    const topics = async (): Promise<Engine<BusEngine>> => openTopics(url, bounds, new Lines());
    const [a, b] = [
      new RoutedSide(t, { performer: opened.engine, bus: (await topics()).engine }),
      new RoutedSide(t, { bus: (await topics()).engine }),
    ];
    await Promise.all([a.router.start(), b.router.start()]);
    b.commit(join(1, 0, 'room'));
    a.commit(add(1, 1, 'n', 5), publish(1, 'room', 'hello'));
    t.is((await a.replies(1))[0]?.value, '5');
    await b.until((taken) => taken.length > 0);
    t.like(b.taken[0], { kind: 'message', topic: 'room', data: 'hello' });
  }
});

test.serial('a server that is back is connected to by TLS again', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { authority, server: certified } = made(t);
  const server = await EngineServer.redisTls(t, certified);
  const [{ engine }, { lines }] = await store(
    t,
    `rediss://127.0.0.1:${server.port}?ca=${authority.certFile}`,
  );
  t.true(engine.state.connected);
  await server.kill();
  while (engine.state.connected) await new Promise(setImmediate);
  await server.start();
  while (!engine.state.connected) await new Promise(setImmediate);
  t.is(engine.state.reconnects, 1);
  t.is(lines.length, 2);
});

test.serial('a certificate that is not accepted is told in one line that says so', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { certificates, authority, server } = made(t);
  const other = certificates.authority('other');
  const here = await EngineServer.redisTls(t, server);
  const url = `rediss://127.0.0.1:${here.port}`;
  const refused = /^the server's certificate is not accepted: /;
  t.regex(await reason(t, url), refused);
  t.regex(await reason(t, `${url}?ca=${other.certFile}`), refused);
  const elsewhere = certificates.make('other.example', { by: authority });
  const { port } = await EngineServer.redisTls(t, elsewhere);
  const named = await reason(t, `rediss://localhost:${port}?ca=${authority.certFile}`);
  t.regex(named, refused);
  t.regex(named, /Host: localhost\. is not in the cert's altnames/);
});

test.serial('TLS where the server has none, and none where it has, is told', async (t) => {
  if (!has(t, 'redis-server')) return;
  // It waits for the end of a line that never comes.
  const plain = await EngineServer.redis(t);
  const url = `rediss://127.0.0.1:${plain.port}`;
  t.is(await reason(t, url, { ...bounds, requestTimeoutMs: 200 }), 'no answer within 200 ms');
  const talker = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('-ERR what is this?\r\n');
  });
  talker.listen(0, '127.0.0.1');
  await once(talker, 'listening');
  t.teardown(() => talker.close());
  const { port } = talker.address() as { port: number };
  t.is(await reason(t, `rediss://127.0.0.1:${port}`), 'the server does not speak TLS at this port');
  const secret = await EngineServer.redisTls(t, made(t).server);
  t.regex(await reason(t, `redis://127.0.0.1:${secret.port}`), /closed|ECONNRESET/);
});

test.serial(
  'a server that wants to see a certificate is shown that of cert= and key=',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const { certificates, authority, server } = made(t);
    const { port } = await EngineServer.redisTls(t, server, authority);
    const url = `rediss://127.0.0.1:${port}?ca=${authority.certFile}`;
    t.is(await reason(t, url), 'the server wants to see a certificate (cert= and key=)');
    const other = certificates.authority('other');
    const wrong = certificates.make('client', { by: other });
    t.is(
      await reason(t, `${url}&cert=${wrong.certFile}&key=${wrong.keyFile}`),
      'the server does not accept the certificate in cert=',
    );
    const { certFile, keyFile } = certificates.make('client', { by: authority });
    const [{ engine }] = await store(t, `${url}&cert=${certFile}&key=${keyFile}`);
    t.true(engine.state.connected);
  },
);

test.serial('NODE_EXTRA_CA_CERTS names the authority for the whole process', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { authority, server } = made(t);
  const { port } = await EngineServer.redisTls(t, server);
  const entry = new URL('../../../host/index.js', import.meta.url);
  const program = `
    import { serve } from '${entry}';
    const store = 'rediss://127.0.0.1:${port}';
    const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', store });
    console.log(await server.store.add('n', 3));
    await server.close();
  `;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority.certFile };
  const { stdout, stderr } = await runScript(program, { env });
  t.is(stdout, '3\n', stderr);
});
