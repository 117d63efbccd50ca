// Attacks on a listener of TLS, with a client in clear beside them who is served all the time.

import { spawn } from 'node:child_process';
import test from 'ava';
import { type Server, serve } from '../../host/index.ts';
import { Certificates } from '../helpers/certificates.ts';
import { type Client, connect } from '../helpers/client.ts';

const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const { certFile: cert, keyFile: key } = certificates.make('localhost');
test.after.always(() => {
  for (const end of atEnd) end();
});

interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

interface Attacked {
  readonly server: Server;
  readonly secure: string;
  /** Echoes of a client in clear while something else goes on. @returns how many there were */
  beside(what: () => Promise<unknown>): Promise<number>;
}

async function start(t: Owner, policy: Record<string, number> = {}): Promise<Attacked> {
  const server = await serve({
    protocol: 'echo',
    workers: 1,
    listen: ['127.0.0.1:0', { address: '127.0.0.1:0', tls: { cert, key } }],
    policy: { drainQuietMs: 0, lingerMs: 100, graceMs: 1000, ...policy },
  });
  t.teardown(() => server.close());
  const [clear, secure] = server.addresses;
  const beside = async (what: () => Promise<unknown>): Promise<number> => {
    const client = await connect(clear!, { owner: t });
    let [over, echoes] = [false, 0];
    const ends = what().finally(() => {
      over = true;
    });
    while (!over) {
      await client.send('hello');
      await client.readExactly(5);
      echoes += 1;
    }
    await ends;
    client.destroy();
    return echoes;
  };
  return { server, secure: secure!, beside };
}

/** A client of openssl that does what its letters say, one after the other. */
function letters(
  t: Owner,
  address: string,
  version: string,
  wanted: string,
): {
  press(letter: string): Promise<boolean>;
} {
  const child = spawn('openssl', ['s_client', '-connect', address, version, '-msg']);
  t.teardown(() => void child.kill('SIGKILL'));
  let [text, over, heard] = ['', false, (): void => undefined];
  const hear = (chunk: Buffer): void => {
    text += chunk;
    heard();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.stdin.on('error', () => undefined);
  child.once('close', () => {
    over = true;
    heard();
  });
  const count = (): number => text.split(wanted).length - 1;
  const until = async (done: () => boolean): Promise<boolean> => {
    while (!done() && !over) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
    return done();
  };
  return {
    press: async (letter) => {
      if (!(await until(() => /Verify return code|Extended master secret/.test(text))))
        return false;
      const before = count();
      child.stdin.write(`${letter}\n`);
      return until(() => count() > before);
    },
  };
}

/** More than a client can send while a server is kept from its turn. */
const MOST = 10_000;

test('a few changes of keys are taken, and a flood of them is the end', async (t) => {
  const { server, secure, beside } = await start(t);
  const client = letters(t, secure, '-tls1_3', '>>> TLS 1.3, Handshake [length 0005], KeyUpdate');
  let changed = 0;
  const echoes = await beside(async () => {
    while (changed < MOST && (await client.press('K'))) changed += 1;
  });
  // What is on its way when the server gives up is sent as well, and more until the client hears of it.
  t.true(changed >= 32 && changed < MOST, `${changed}`);
  t.true(echoes > 0);
  t.is(server.stats().tls?.failed.flood, 1);
});

test('renegotiation is refused, and whoever asks for it without end is not heard', async (t) => {
  const { server, secure, beside } = await start(t);
  const client = letters(t, secure, '-tls1_2', 'no_renegotiation');
  let asked = 0;
  const echoes = await beside(async () => {
    while (asked < MOST && (await client.press('R'))) asked += 1;
  });
  t.true(asked >= 1 && asked < MOST, `${asked}`);
  t.true(echoes > 0);
  t.is(server.stats().tls?.handshakes, 1);
});

test('handshakes that are begun and left, more than there may be, keep nobody out', async (t) => {
  const { server, secure, beside } = await start(t, { maxHandshakes: 50 });
  const half = Buffer.from('160301020001000', 'hex');
  const clients: Client[] = [];
  const echoes = await beside(async () => {
    for (let made = 0; made < 300; made += 1) {
      const client = await connect(secure, { owner: t });
      client.send(half).catch(() => undefined);
      clients.push(client);
    }
    const good = await connect(secure, { owner: t, secure: {} });
    await good.send('served');
    t.is((await good.readExactly(6)).toString(), 'served');
  });
  t.true(echoes > 0);
  const { errors, tls, connections } = server.stats();
  t.true(errors.TLS_HANDSHAKES! >= 250 && errors.TLS_HANDSHAKES! <= 300);
  t.is(tls?.handshakes, 1);
  t.true(connections.open <= 50 + 2);
});

test('a storm of handshakes leaves others their turn', async (t) => {
  const { server, secure, beside } = await start(t, { handshakesPerTurn: 1 });
  const echoes = await beside(() =>
    Promise.all(
      Array.from({ length: 60 }, async () => {
        const client = await connect(secure, { owner: t, secure: {} });
        await client.send('x');
        await client.readExactly(1);
        client.destroy();
      }),
    ),
  );
  t.true(echoes > 0);
  t.is(server.stats().tls?.handshakes, 60);
});

test('records of one byte come back like any others', async (t) => {
  const { secure } = await start(t);
  const client = await connect(secure, { owner: t, secure: {} });
  const sent = Buffer.from('one byte at a time, and each a record of its own'.repeat(20));
  for (const byte of sent) void client.send(Buffer.of(byte));
  t.true((await client.readExactly(sent.length)).equals(sent));
});
