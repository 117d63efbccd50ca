// Acceptor: errors of accept4(2) that pass, those that want a pause, and those that end a listener.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  type ConstantName,
  type Native,
  native,
  type SystemError,
} from '../../host/kernel/native.ts';
import { Acceptor } from '../../host/listen/acceptor.ts';
import { Listener } from '../../host/listen/listener.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { type Client, connect } from '../helpers/client.ts';
import { type Running, runCli, startCli, temporary, works } from '../helpers/process.ts';

const { constants } = native;
const listen = ['--listen', '127.0.0.1:0'];

/** An acceptor whose accept4(2) fails like this, call by call, before it is the real one. */
function accepting(t: ExecutionContext, script: ConstantName[], acceptsPerTurn = 64) {
  const accepted: number[] = [];
  const failures: SystemError[] = [];
  const calls = { accept: 0 };
  let look = (): void => undefined;
  const faulty: Native = {
    ...native,
    accept: (fd) => {
      calls.accept += 1;
      const name = script.shift();
      return name === undefined ? native.accept(fd) : -constants[name];
    },
  };
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const listener = new Listener(native, address, resolvePolicy());
  const acceptor = new Acceptor({
    native: faulty,
    acceptsPerTurn,
    accepted: (fd) => {
      accepted.push(fd);
      look();
    },
    failed: (error) => {
      failures.push(error);
      look();
    },
  });
  acceptor.add(0, listener);
  let open = true;
  const close = (): void => {
    if (open) acceptor.close();
    open = false;
  };
  t.teardown(() => {
    close();
    for (const fd of accepted) native.close(fd);
  });
  const until = (done: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (done()) resolve();
      };
      look();
    });
  return { address: listener.address, accepted, failures, calls, close, until };
}

const PASSING: ConstantName[] = [
  ...(['ECONNABORTED', 'EPROTO', 'EPERM', 'ENETDOWN', 'ENOPROTOOPT', 'EHOSTDOWN'] as const),
  ...(['EHOSTUNREACH', 'EOPNOTSUPP', 'ENETUNREACH', 'ETIMEDOUT'] as const),
];

test('an error that belongs to one connection is passed over in silence', async (t) => {
  const { address, accepted, failures, calls, until } = accepting(t, [...PASSING]);
  await connect(address, { owner: t });
  await until(() => accepted.length === 1);
  t.deepEqual(failures, []);
  t.true(calls.accept > PASSING.length);
});

for (const name of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'] as const) {
  test(`after ${name} it pauses, says so once, and accepts when it can`, async (t) => {
    const { address, accepted, failures, calls, until } = accepting(t, [name, name, name]);
    await connect(address, { owner: t });
    await until(() => accepted.length === 1);
    t.deepEqual(
      failures.map(({ code, syscall }) => [code, syscall]),
      [[name, 'accept']],
    );
    t.true(failures[0]!.message.endsWith(address), failures[0]!.message);
    // Three that failed, one that succeeded, and the one that finds the queue empty.
    t.true(calls.accept <= 5, `${calls.accept}`);
  });
}

test('a shortage after it has accepted again is told again', async (t) => {
  const script: ConstantName[] = ['EMFILE'];
  const { address, accepted, failures, until } = accepting(t, script);
  await connect(address, { owner: t });
  await until(() => accepted.length === 1);
  script.push('EMFILE');
  await connect(address, { owner: t });
  await until(() => accepted.length === 2);
  t.is(failures.length, 2);
});

test('any other error is the end of the listener, and is told', async (t) => {
  const { address, accepted, failures, calls, until } = accepting(t, ['EINVAL']);
  await connect(address, { owner: t });
  await until(() => failures.length === 1);
  await connect(address, { owner: t });
  // Longer than a pause: nothing must come of it.
  await wait(600);
  t.is(failures[0]!.code, 'EINVAL');
  t.is(calls.accept, 1);
  t.is(accepted.length, 0);
});

test('those who wait in the queue when it closes are accepted, not reset', async (t) => {
  const { address, accepted, close } = accepting(t, ['ECONNABORTED']);
  const clients = await Promise.all(
    Array.from({ length: 5 }, () => connect(address, { owner: t })),
  );
  const before = accepted.length;
  close();
  t.is(accepted.length, clients.length, `${before} before`);
  await t.throwsAsync(connect(address), { code: 'ECONNREFUSED' });
});

test('a pause ends with the acceptor', async (t) => {
  const { address, failures, calls, until, close } = accepting(t, ['EMFILE', 'EMFILE']);
  await connect(address, { owner: t });
  await until(() => failures.length === 1);
  close();
  const { accept } = calls;
  await wait(600);
  t.is(calls.accept, accept);
});

test('a turn accepts only so many, and the next turn goes on', async (t) => {
  const { address, accepted, until } = accepting(t, [], 2);
  await Promise.all(Array.from({ length: 9 }, () => connect(address, { owner: t })));
  await until(() => accepted.length === 9);
  t.is(new Set(accepted).size, 9);
});

async function echoes(client: Client): Promise<boolean> {
  try {
    await client.send('x');
    await client.readExactly(1);
    return true;
  } catch {
    return false;
  }
}

const many = (t: ExecutionContext, server: Running, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => connect(server.address, { owner: t })));

const withPrlimit = works('prlimit', '--version');

test('at a low descriptor limit 200 clients are served or closed, and none waits', async (t) => {
  if (!withPrlimit) {
    t.log('skipped: there is no prlimit(1)');
    return t.pass();
  }
  const server = await startCli(t, listen, { prefix: ['prlimit', '--nofile=80'] });
  const clients = await many(t, server, 200);
  const served = await Promise.all(clients.map(echoes));
  // The process itself has half of them, and keeps some of the others.
  t.true(served.filter(Boolean).length >= 12, `${served.filter(Boolean).length} are served`);
  const holders = clients.filter((_, index) => served[index]);
  t.true((await Promise.all(holders.map(echoes))).every(Boolean));
  for (const client of clients) client.destroy();
  // The server learns of the resets in its own time.
  let next = await connect(server.address, { owner: t });
  while (!(await echoes(next))) next = await connect(server.address, { owner: t });
  t.is(server.stderr, '');
});

test('a limit that leaves no descriptors for connections is refused', async (t) => {
  if (!withPrlimit) {
    t.log('skipped: there is no prlimit(1)');
    return t.pass();
  }
  const outcome = await runCli(listen, { prefix: ['prlimit', '--nofile=40'] });
  t.is(outcome.code, 1);
  t.is(outcome.stdout, '');
  t.regex(outcome.stderr, /^wasmpoll: .*(descriptors|EMFILE)[^\n]*\n$/);
});

test('without descriptors it keeps serving, costs nothing, and goes on when there are some', async (t) => {
  if (!withPrlimit) {
    t.log('skipped: there is no prlimit(1)');
    return t.pass();
  }
  const server = await startCli(t, listen);
  const most = readdirSync(`/proc/${server.pid}/fd`).length + 10;
  execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${most}:`]);
  const clients = await many(t, server, 200);
  const answers = clients.map(echoes);
  await server.written('stderr', /"code":"EMFILE".*accept EMFILE/);
  t.true(await answers[0]);
  const before = server.processorMs;
  // Not to wait for anything: a server that spins would use all of it.
  await wait(1500);
  t.true(server.processorMs - before < 500, `${server.processorMs - before} ms`);
  t.true(await echoes(clients[0]!));
  t.is(server.stderr.split('\n').length, 2, server.stderr);
  for (const client of clients.slice(0, 150)) client.destroy();
  execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${most + 100}:`]);
  t.true((await Promise.all(answers.slice(150))).every(Boolean));
});

/** The command line, with accept4(2) failing as `inject` says; null where that cannot be. */
async function traced(t: ExecutionContext, ...inject: string[]) {
  const file = path.join(temporary(t), 'trace');
  if (!works('strace', '-D', '-f', '-o', file, 'true')) {
    t.log('skipped: strace(1) is not there, or must not trace');
    return null;
  }
  const options = ['-D', '-f', '-qq', '-o', file, '-e', 'trace=accept4'];
  const prefix = ['strace', ...options, ...inject.flatMap((what) => ['-e', `inject=${what}`])];
  const server = await startCli(t, listen, { prefix });
  return { server, trace: () => readFileSync(file, 'utf8') };
}

test('under strace: an aborted connection in the queue costs nobody anything', async (t) => {
  const found = await traced(t, 'accept4:error=ECONNABORTED:when=1');
  if (found === null) return t.pass();
  const { server, trace } = found;
  t.true(await echoes(await connect(server.address, { owner: t })));
  t.regex(trace(), /ECONNABORTED.*INJECTED/);
  t.is(server.stderr, '');
});

for (const name of ['ENFILE', 'EMFILE', 'ENOBUFS', 'ENOMEM']) {
  test(`under strace: ${name} for a while delays clients and loses none`, async (t) => {
    const found = await traced(t, `accept4:error=${name}:when=1..3`);
    if (found === null) return t.pass();
    const { server, trace } = found;
    const clients = await many(t, server, 5);
    t.true((await Promise.all(clients.map(echoes))).every(Boolean));
    t.is(trace().match(new RegExp(`${name}.*INJECTED`, 'g'))?.length, 3);
    t.is(server.stderr.match(new RegExp(`accept ${name}`, 'g'))?.length, 1);
  });
}
