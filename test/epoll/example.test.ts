// examples/epoll-echo.ts, run as a program: what it says, what it echoes, and clients that the
// Python original would lose. docs/epoll.md shows both files.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';

const root = new URL('../../../', import.meta.url);

class Example {
  readonly port: number;
  readonly #lines: AsyncIterator<string>;

  constructor(port: number, lines: AsyncIterator<string>) {
    this.port = port;
    this.#lines = lines;
  }

  static async start(t: ExecutionContext): Promise<Example> {
    const script = fileURLToPath(new URL('../../examples/epoll-echo.js', import.meta.url));
    const child = spawn(process.execPath, [script, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value } = await lines.next();
    return new Example(Number(/^listening on 127\.0\.0\.1:(\d+)$/.exec(value)?.[1]), lines);
  }

  /** Reads until it has said something that `pattern` matches. */
  async said(pattern: RegExp): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error('the example has ended');
      if (pattern.test(value)) return value;
    }
  }

  async client(t: ExecutionContext): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1');
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }
}

async function read(socket: Socket, length: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let left = length; left > 0; ) {
    const piece = socket.read() as Buffer | null;
    if (piece === null) await once(socket, 'readable');
    else {
      pieces.push(piece);
      left -= piece.length;
    }
  }
  return Buffer.concat(pieces);
}

test('it echoes, and prints clients and data', async (t) => {
  const example = await Example.start(t);
  const clients = [await example.client(t), await example.client(t)];
  for (const [i, client] of clients.entries()) {
    client.write(`hello ${i}`);
    t.is((await read(client, 7)).toString(), `hello ${i}`);
  }
  t.regex(await example.said(/^client/), /^client \d+ 127\.0\.0\.1:\d+$/);
  t.regex(await example.said(/^data/), /^data \d+ hello 0$/);
});

test('clients leave, politely or not, and it goes on', async (t) => {
  const example = await Example.start(t);
  const [polite, rude, other] = [
    await example.client(t),
    await example.client(t),
    await example.client(t),
  ];
  polite.end('bye');
  t.is((await read(polite, 3)).toString(), 'bye');
  await example.said(/^gone/);
  rude.write('x');
  await read(rude, 1);
  rude.resetAndDestroy();
  await example.said(/^gone/);
  other.write('still here');
  t.is((await read(other, 10)).toString(), 'still here');
});

test('a client that does not read gets all of it in the end, and holds up nobody', async (t) => {
  const example = await Example.start(t);
  const slow = await example.client(t);
  const other = await example.client(t);
  const data = Buffer.alloc(16 * 1024 * 1024);
  for (let i = 0; i < data.length; i += 4) data.writeUInt32LE(i, i);
  slow.pause();
  slow.end(data);
  for (let i = 0; i < 20; i += 1) {
    other.write('x');
    t.is((await read(other, 1)).toString(), 'x');
  }
  t.true(data.equals(await read(slow, data.length)));
});

test('docs/epoll.md shows both files as they are', (t) => {
  const page = readFileSync(new URL('docs/epoll.md', root), 'utf8');
  for (const name of ['epoll-echo.ts', 'epoll_echo.py']) {
    const text = readFileSync(new URL(`examples/${name}`, root), 'utf8').trimEnd();
    t.true(page.includes(text), name);
  }
});
