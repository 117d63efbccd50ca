// System calls that fail or are interrupted under a WASI program, by strace(1): what the program must
// not notice it does not, and what it must is its own connection's alone.

import test, { type ExecutionContext } from 'ava';
import { difference, pattern } from '../helpers/bytes.ts';
import { type Client, connect } from '../helpers/client.ts';
import { type Tracing, traced } from '../helpers/strace.ts';
import { compiledAssemblyScript, type Program, startWasi } from '../helpers/wasi-programs.ts';

const MiB = 1024 * 1024;
const CALLS = 'accept4,recvfrom,sendto,epoll_wait,epoll_pwait,ioctl';
// Compiled before the first test starts. It serves its clients side by side, non-blocking.
const module = compiledAssemblyScript();

interface Traced {
  readonly server: Program;
  readonly tracing: Tracing;
}

async function tracedServer(t: ExecutionContext, faults: string[]): Promise<Traced | null> {
  const tracing = traced(t, CALLS, faults);
  if (tracing === null) return null;
  return { server: await startWasi(t, module, [], { prefix: tracing.prefix }), tracing };
}

async function echoes(t: ExecutionContext, client: Client, bytes: Uint8Array): Promise<void> {
  const sent = client.send(bytes);
  client.end();
  t.is(difference(await client.readAll(), bytes), '');
  await sent;
}

test('under strace: interrupted calls are made again, and the program does not notice', async (t) => {
  const found = await tracedServer(t, [
    'epoll_wait,epoll_pwait:error=EINTR:when=1+2',
    'accept4:error=EINTR:when=1+2',
    'recvfrom:error=EINTR:when=1+2',
    'sendto:error=EINTR:when=1+2',
  ]);
  if (found === null) return t.pass();
  const { server, tracing } = found;
  for (const seed of [1, 2, 3]) {
    await echoes(t, await connect(server.address, { owner: t }), pattern(MiB, seed));
  }
  for (const call of [/^epoll_p?wait$/, /^accept4$/, /^recvfrom$/, /^sendto$/]) {
    t.true(tracing.injected(call) >= 3, `${call}: ${tracing.injected(call)}`);
  }
  server.process.kill('SIGTERM');
  t.deepEqual(await server.process.exited, { code: 143, signal: null });
});

test('under strace: what would block now and then, though epoll said otherwise, loses nothing', async (t) => {
  const found = await tracedServer(t, [
    'accept4:error=EAGAIN:when=1+2',
    'recvfrom:error=EAGAIN:when=1+3',
    'sendto:error=EAGAIN:when=1+2',
  ]);
  if (found === null) return t.pass();
  const { server, tracing } = found;
  await Promise.all(
    [1, 2, 3].map(async (seed) => {
      await echoes(t, await connect(server.address, { owner: t }), pattern(2 * MiB, seed));
    }),
  );
  t.true(tracing.injected(/^sendto$/) > 3);
  t.true(tracing.injected(/^recvfrom$/) > 3);
});

test('under strace: an error of the network ends the connection that it belongs to', async (t) => {
  for (const fault of ['recvfrom:error=ETIMEDOUT:when=2', 'sendto:error=EHOSTUNREACH:when=2']) {
    const found = await tracedServer(t, [fault]);
    if (found === null) return t.pass();
    const { server, tracing } = found;
    const witness = await connect(server.address, { owner: t });
    await witness.send('first');
    t.is(String(await witness.readExactly(5)), 'first');
    const unlucky = await connect(server.address, { owner: t });
    await unlucky.send('second');
    t.regex(await unlucky.closed, /^(end|ECONNRESET)$/);
    t.is(tracing.injected(/^(recvfrom|sendto)$/), 1);
    await witness.send('third');
    t.is(String(await witness.readExactly(5)), 'third');
  }
});

test('under strace: a client that is gone before it is accepted costs nobody anything', async (t) => {
  const found = await tracedServer(t, ['accept4:error=ECONNABORTED:when=1+2']);
  if (found === null) return t.pass();
  const { server, tracing } = found;
  for (const seed of [1, 2, 3, 4]) {
    await echoes(t, await connect(server.address, { owner: t }), pattern(1000, seed));
  }
  t.true(tracing.injected(/^accept4$/) >= 4);
});
