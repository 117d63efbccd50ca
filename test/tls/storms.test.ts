// Storms of handshakes at their full size: those that are never done, those that are begun again and again, and
// what each connection holds of the machine's memory. Clients in clear and by TLS are served beside them.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { type Server, serve } from '../../host/index.ts';
import { Certificates } from '../helpers/certificates.ts';
import { type Client, connect } from '../helpers/client.ts';
import { residentBytes, until } from '../helpers/proc.ts';
import { type Owner, startCli } from '../helpers/process.ts';

const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const { certFile: cert, keyFile: key } = certificates.make('localhost');
test.after.always(() => {
  for (const end of atEnd) end();
});

/** The first of a hello that never comes whole, and nearly all of one that is as long as may be. */
const HALF = Buffer.from('16030102000100', 'hex');
const PIECE = Buffer.concat([Buffer.from('1603014000', 'hex'), Buffer.alloc(16_384)]);
const UNFINISHED = Buffer.concat([Buffer.from('1703034000', 'hex'), Buffer.alloc(16_000)]);
const LONGEST = Buffer.concat([Buffer.from('16030100040101ffff', 'hex'), ...Array(7).fill(PIECE)]);

async function start(
  t: Owner,
  policy: Record<string, number> = {},
): Promise<{ server: Server; clear: string; secured: string }> {
  const server = await serve({
    protocol: 'echo',
    workers: 1,
    listen: ['127.0.0.1:0', { address: '127.0.0.1:0', tls: { cert, key } }],
    policy: { drainQuietMs: 0, lingerMs: 100, graceMs: 1000, ...policy },
  });
  t.teardown(() => server.close());
  const [clear, secured] = server.addresses;
  return { server, clear: clear!, secured: secured! };
}

/** Echoes of clients, each on its own, until they are told to stop. @returns how many there were */
function echoing(clients: readonly Client[]): { stop(): Promise<number> } {
  let [over, echoes] = [false, 0];
  const loops = clients.map(async (client) => {
    while (!over) {
      await client.send('hello');
      await client.readExactly(5);
      echoes += 1;
    }
  });
  return {
    stop: async () => {
      over = true;
      await Promise.all(loops);
      return echoes;
    },
  };
}

/** Connections that say so much and nothing more. */
async function mute(t: Owner, address: string, count: number, said: Buffer): Promise<Client[]> {
  const clients: Client[] = [];
  for (let made = 0; made < count; made += 1) {
    const client = await connect(address, { owner: t });
    client.send(said).catch(() => undefined);
    clients.push(client);
  }
  return clients;
}

test.serial(
  '1,000 handshakes that are never done are reset in time, and others are served',
  async (t) => {
    const { server, clear, secured } = await start(t, { handshakeTimeoutMs: 3000 });
    const good = [
      await connect(clear, { owner: t }),
      await connect(secured, { owner: t, secure: {} }),
    ];
    const served = echoing(good);
    const slow = await mute(t, secured, 1000, HALF);
    // Whoever comes in the middle of it is served as well.
    const late = await connect(secured, { owner: t, secure: {} });
    await late.send('late');
    t.is(String(await late.readExactly(4)), 'late');
    const ends = await Promise.all(slow.map(({ closed }) => closed));
    t.deepEqual(new Set(ends), new Set(['ECONNRESET']));
    t.true((await served.stop()) > 100);
    await until(() => server.stats().connections.open === 3);
    const { errors, connections, tls } = server.stats();
    t.is(errors.TLS_TIMEOUT, 1000);
    t.is(connections.refused, 1000);
    t.is(tls?.handshakes, 2);
  },
);

test.serial('of more handshakes than there may be, those that began first are reset', async (t) => {
  const most = 1000;
  const { server, secured } = await start(t, { maxHandshakes: most });
  const good = await connect(secured, { owner: t, secure: {} });
  const served = echoing([good]);
  const slow = await mute(t, secured, most + 500, HALF);
  await Promise.all(slow.slice(0, 500).map(({ closed }) => closed));
  t.true((await served.stop()) > 10);
  await until(() => server.stats().connections.open === most + 1);
  t.is(server.stats().errors.TLS_HANDSHAKES, 500);
});

/** What a client says first. */
async function helloOf(t: Owner): Promise<Buffer> {
  let hello = Buffer.alloc(0);
  await new Promise<void>((resolve) => {
    const write = (chunk: Buffer, _: unknown, done: () => void): void => {
      hello = Buffer.from(chunk);
      done();
      resolve();
    };
    const socket = connectTls({ socket: new Duplex({ read: () => undefined, write }) });
    socket.on('error', () => undefined);
    t.teardown(() => void socket.destroy());
  });
  return hello;
}

async function flooding(t: Owner, address: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('../helpers/hello-flood.js', import.meta.url));
  const child = spawn(process.execPath, [program, address.replace(/.*:/, ''), '64']);
  t.teardown(() => void child.kill('SIGKILL'));
  child.stdin.end((await helloOf(t)).toString('hex'));
  await once(child.stdout, 'data');
  return child;
}

test.serial('a flood of hellos leaves most of the time to clients in clear', async (t) => {
  const { server, clear, secured } = await start(t);
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(clear, { owner: t })));
  const resets = (): number => server.stats().errors.ECONNRESET ?? 0;
  const flood = await flooding(t, secured);
  await until(() => resets() > 100);
  const before = resets();
  const served = echoing(clients);
  await until(() => resets() > before + 1000);
  const [echoes, hellos] = [await served.stop(), resets() - before];
  flood.kill('SIGKILL');
  t.log(`${echoes} echoes, and ${hellos} hellos that were answered`);
  // A round is one hello, and whoever has something to say besides. Without a bound there is one echo for each.
  t.true(echoes > 3 * hellos);
});

/** What a process holds once it has stood still for a while: nobody tells when it has read everything. */
async function settled(pid: number): Promise<number> {
  let [bytes, since] = [residentBytes(pid), Date.now()];
  await until(() => {
    const now = residentBytes(pid);
    if (now !== bytes) [bytes, since] = [now, Date.now()];
    return Date.now() - since > 1000;
  });
  return bytes;
}

test.serial('what a connection holds of memory is what the documents say', async (t) => {
  const url = `tls://127.0.0.1:0?cert=${cert}&key=${key}`;
  const server = await startCli(t, ['--listen', url, 'echo']);
  const secured = `127.0.0.1:${/127\.0\.0\.1:(\d+)/.exec(server.stdout)![1]}`;
  const COUNT = 500;
  const each = async (what: string, most: number, make: () => Promise<Client>): Promise<void> => {
    const before = await settled(server.pid);
    const clients: Client[] = [];
    for (let made = 0; made < COUNT; made += 1) clients.push(await make());
    const held = ((await settled(server.pid)) - before) / COUNT / 1024;
    t.log(`${what}: ${held.toFixed(1)} KiB`);
    t.true(held < most, `${what}: ${held} KiB`);
    // Kept: what the next ones hold is not taken from what these have left.
    t.teardown(() => {
      for (const client of clients) client.destroy();
    });
  };
  const saying = async (said: Buffer): Promise<Client> => {
    const client = await connect(secured, { owner: t });
    await client.send(said);
    return client;
  };
  const shaken = async (rest: Buffer): Promise<Client> => {
    const socket = connectSocket(Number(secured.replace(/.*:/, '')), '127.0.0.1');
    const client = await connect(secured, { owner: t, secure: { socket } });
    await client.send('x');
    await client.readExactly(1);
    if (rest.length > 0) socket.write(rest);
    return client;
  };
  const hello = await helloOf(t);
  await each('idle', 35, () => shaken(Buffer.alloc(0)));
  await each('with a record that has not come whole', 55, () => shaken(UNFINISHED));
  await each('in a handshake', 75, () => saying(hello));
  await each('in a handshake whose hello is as long as may be', 210, () => saying(LONGEST));
});
