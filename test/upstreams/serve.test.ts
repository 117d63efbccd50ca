// Upstreams through serve(), over real sockets: targets take turns, one that refuses rests, and the upstream is told of
// the client.

import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../../host/index.ts';
import { parseProxyHeader } from '../../host/listen/peer/proxy-header.ts';
import { connect } from '../helpers/client.ts';
import { runScript } from '../helpers/process.ts';

/** Greets each connection with its name, and keeps what comes. */
async function listening(t: ExecutionContext, name: string) {
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => received.push(data));
    socket.write(name);
    t.teardown(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  return { address: `127.0.0.1:${port}`, server, received };
}

async function fronting(t: ExecutionContext, upstream: string) {
  const lines: [fields: object, message: string][] = [];
  const say = (fields: object, message: string) => void lines.push([fields, message]);
  const server = await serve({
    ...{ protocol: 'proxy', listen: '127.0.0.1:0', config: 'upstream=db' },
    upstreams: { db: upstream },
    logger: { debug: () => undefined, info: say, warn: say, error: say },
  });
  t.teardown(() => server.drain());
  const greeting = async (): Promise<string> => {
    const client = await connect(server.addresses[0]!, { owner: t });
    return String(await client.readExactly(1));
  };
  return { server, lines, greeting };
}

test('targets are taken in turn', async (t) => {
  const [a, b] = [await listening(t, 'a'), await listening(t, 'b')];
  const { server, greeting } = await fronting(t, `${a.address},${b.address}`);
  const greetings = [await greeting(), await greeting(), await greeting(), await greeting()];
  t.deepEqual(greetings, ['a', 'b', 'a', 'b']);
  const { connected, open, failed } = server.stats().upstreams.db!;
  t.deepEqual({ connected, open, failed }, { connected: 4, open: 4, failed: {} });
});

test('a target that refuses rests, its place is taken, and the log says so once', async (t) => {
  const [a, b] = [await listening(t, 'a'), await listening(t, 'b')];
  await new Promise((resolve) => a.server.close(resolve));
  const { server, lines, greeting } = await fronting(t, `${a.address},${b.address}`);
  t.deepEqual([await greeting(), await greeting(), await greeting()], ['b', 'b', 'b']);
  const { failed, targets } = server.stats().upstreams.db!;
  t.deepEqual(failed, {});
  t.deepEqual(
    targets.map(({ address }) => address),
    [a.address, b.address],
  );
  const said = lines.filter(([, message]) => message.startsWith('upstream: '));
  t.deepEqual(said, [
    [
      { upstream: 'db', target: a.address, reason: 'refused' },
      'upstream: the target has failed, and rests',
    ],
  ]);
});

test('an upstream that wants a PROXY header is told who the client is', async (t) => {
  const db = await listening(t, 'a');
  const { server } = await fronting(t, `${db.address}?proxy=v2`);
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.readExactly(1);
  await client.send('hello');
  const came = (): Buffer => Buffer.concat(db.received);
  while (!came().includes('hello')) await new Promise(setImmediate);
  const header = parseProxyHeader(came(), 1024);
  if (typeof header === 'string') return t.fail(header);
  t.regex(header.source!, /^127\.0\.0\.1:\d+$/);
  t.is(header.destination, server.addresses[0]!);
  t.is(String(came().subarray(header.length)), 'hello');
  return undefined;
});

test('a logger that throws costs no connection, and none is left over', async (t) => {
  const index = new URL('../../host/index.js', import.meta.url).href;
  const [a, b] = [await listening(t, 'a'), await listening(t, 'b')];
  await new Promise((resolve) => a.server.close(resolve));
  const { code, stdout, stderr } = await runScript(`
    import { connect } from 'node:net';
    import { serve } from ${JSON.stringify(index)};
    let thrown = 0;
    process.on('uncaughtException', () => { thrown += 1; });
    const fail = () => { throw new Error('the disk is full'); };
    const server = await serve({
      protocol: 'proxy',
      listen: '127.0.0.1:0',
      config: 'upstream=db',
      upstreams: { db: '${a.address},${b.address}' },
      logger: { debug() {}, info: fail, warn: fail, error: fail },
    });
    const [host, port] = server.addresses[0].split(':');
    for (const wanted of 'bbb') {
      const socket = connect(Number(port), host);
      const greeting = await new Promise((resolve) => socket.once('data', resolve));
      if (String(greeting) !== wanted) console.log('got', String(greeting));
      const over = new Promise((resolve) => socket.once('close', resolve));
      socket.resetAndDestroy();
      await over;
    }
    while (server.stats().upstreams.db.open > 0) await new Promise(setImmediate);
    console.log(thrown > 0, server.stats().upstreams.db.connecting);
    process.exit();`);
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'true 0\n', stderr: '' });
});
