// Errors: every code that a caller can meet is provoked here at least once, and so is what no other
// file provokes: a wrong addon, too few descriptors, a kernel that refuses.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { REASON_ERROR, STATUS_UNAVAILABLE, STATUS_UNKNOWN } from '../assembly/abi.ts';
import { Epoll as EpollSet } from '../host/epoll/epoll.ts';
import { type Code, type ServeOptions, serve, WasmpollError } from '../host/index.ts';
import type { Addon } from '../host/kernel/addon.ts';
import type { Epoll, Kernel } from '../host/kernel/contract.ts';
import { Loopback } from '../host/kernel/loopback/loopback.ts';
import { loadNative, native } from '../host/kernel/native.ts';
import { toNative } from '../host/kernel/open-addon.ts';
import { BUFFERS, KIND_COPY, KIND_SEND, ROW } from '../host/kernel/rows.ts';
import { parseAddress } from '../host/listen/address.ts';
import { loadModule } from '../host/module/protocol-module.ts';
import { resolvePolicy } from '../host/policy.ts';
import type { Observer } from '../host/reactor/observer.ts';
import { Reactor } from '../host/reactor/reactor.ts';
import { readServices } from '../host/services/services-file.ts';
import { OWN_SEAT } from '../host/shared/seats.ts';
import { harness } from '../host/testing/harness.ts';
import { checkTls } from '../host/tls/options.ts';
import { runWasi } from '../host/wasi/run.ts';
import { connect } from './helpers/client.ts';
import { root } from './helpers/documents.ts';
import { echoModule } from './helpers/guests.ts';
import { OwnSide } from './helpers/own-side.ts';
import { runScript, works } from './helpers/process.ts';
import { command, hoards } from './helpers/wasi.ts';
import { guest } from './helpers/wasm.ts';

const UNREACHABLE = 0x00;

const provocations: Record<Code, () => unknown> = {
  ERR_ADDRESS: () => parseAddress('nowhere'),
  ERR_POLICY: () => resolvePolicy({ maxConnections: 0 }),
  ERR_TLS: () => checkTls({ cert: 'a.pem' }, 'a listener'),
  ERR_CONFIG: () => readServices('/nowhere/wasmpoll.toml'),
  ERR_OPTION: () => serve({ listen: '127.0.0.1:0' } as unknown as ServeOptions),
  ERR_MODULE: () => harness(new Uint8Array()),
  ERR_GUEST: () => harness(guest({ functions: { _initialize: [UNREACHABLE] } })),
  ERR_TRAP: async () => (await runWasi({ module: command([], [UNREACHABLE]) })).exited,
  ERR_HUNG: async () => {
    const policy = { graceMs: 0 };
    const run = await runWasi({ module: hoards(), listen: '127.0.0.1:0', policy });
    const client = await connect(run.addresses[0]!);
    await client.readExactly(1);
    await run.close().finally(() => client.destroy());
  },
  ERR_CLOSED: async () => {
    const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', workers: 0 });
    await server.close();
    await server.swap('echo');
  },
  ERR_LIMIT: () => new OwnSide({ groupBytes: 0 }).listen('topic'),
  ERR_CONFLICT: async () => {
    const side = new OwnSide();
    const put = side.member.store.put('key', 'value', { expected: new Uint8Array(8).fill(1) });
    side.settle();
    await put;
  },
  ERR_UNAVAILABLE: () => answered(STATUS_UNAVAILABLE),
  ERR_UNKNOWN: () => answered(STATUS_UNKNOWN),
  ERR_EPOLL_CLOSED: () => {
    const epoll = new EpollSet();
    epoll.close();
    epoll.fileno();
  },
  ERR_ADDON: () => loadNative('/nowhere'),
};

/** A request to a store that gives this answer. */
async function answered(status: number): Promise<void> {
  const side = new OwnSide();
  side.member.route(({ seat, handle, tag }) => {
    side.twin.reply(seat, handle, tag, status, new Uint8Array(0));
  });
  side.twin.routeStore(OWN_SEAT);
  const asked = side.member.store.get('key');
  side.settle();
  await asked;
}

test('every error code is known and can be met', async (t) => {
  const source = readFileSync(`${root}host/errors.ts`, 'utf8');
  const codes = [...source.matchAll(/^ {2}\| '(ERR_\w+)'/gm)].map(([, code]) => code!);
  t.deepEqual(codes.sort(), Object.keys(provocations).sort());
  for (const [code, provoke] of Object.entries(provocations)) {
    const error = await t.throwsAsync(async () => provoke(), { instanceOf: WasmpollError });
    t.is(error.code, code as Code);
    t.is(error.name, 'WasmpollError');
    t.notRegex(error.message, /\n/);
  }
});

test('an addon of another version is refused, with what differs', (t) => {
  const { EPOLLIN } = native.constants;
  const older = { layout: { ROW: ROW - 1, BUFFERS }, constants: { EPOLLIN } } as unknown as Addon;
  const error = t.throws(() => toNative(older, '/there/wasmpoll.node'), { code: 'ERR_ADDON' });
  t.regex(error.message, /^\S+wasmpoll\.node is of another version \(.*\bROW\b.* differ\): build /);
  t.regex(error.message, /\bEPOLLOUT\b/);
  t.notRegex(error.message, /\b(?:BUFFERS|EPOLLIN)\b/);
});

test.serial('a platform without epoll is refused by name', (t) => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
  t.teardown(() => Object.defineProperty(process, 'platform', platform));
  Object.defineProperty(process, 'platform', { ...platform, value: 'plan9' });
  t.throws(() => loadNative(root), { code: 'ERR_ADDON', message: /needs Linux.*this is plan9$/ });
});

test('a limit of descriptors that leaves none for connections is told', async (t) => {
  if (!works('prlimit', '--version')) {
    t.log('skipped: prlimit(1) is not there');
    t.pass();
    return;
  }
  // Lowered when all is loaded: Node does not even start with so few.
  const { stdout, stderr } = await runScript(`
    import { execFileSync } from 'node:child_process';
    import { serve } from ${JSON.stringify(new URL('../host/index.js', import.meta.url).href)};
    execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=32']);
    await serve({ protocol: 'echo', listen: '127.0.0.1:0' }).catch((error) => {
      console.log(error.code, error.message);
    });`);
  t.is(
    stdout.replace(/^ERR_\w+ /, ''),
    'the limit of 32 file descriptors is too low; raise it (ulimit -n)\n',
    stderr,
  );
});

test('a signal that is none is refused', async (t) => {
  const options = { protocol: 'echo', listen: '127.0.0.1:0', signal: {} };
  const message = /signal must be an AbortSignal/;
  await t.throwsAsync(serve(options as ServeOptions), { code: 'ERR_OPTION', message });
});

/** A reactor on a kernel that is the real one but for a few calls, and how its connections ended. */
async function reactorOn(kernel: Kernel, module: Uint8Array = echoModule()) {
  const policy = resolvePolicy({ maxConnections: 8, poolBytes: 16 * 1024 * 1024, drainQuietMs: 0 });
  const reasons: number[] = [];
  const observer: Observer = {
    open: null,
    data: null,
    close: ({ reason }) => reasons.push(reason),
    restart: () => undefined,
    failure: () => undefined,
    fault: () => true,
    log: () => true,
  };
  const reactor = new Reactor({
    kernel,
    module: await loadModule(module, policy),
    policy,
    observer,
    now: () => 1,
    buffer: ArrayBuffer,
  });
  return { reactor, reasons };
}

const { ENOSPC, ENOTCONN, EBADF } = native.constants;

/** Epoll sets with one call replaced. */
const withEpoll = (change: Partial<Epoll>): Kernel => ({
  ...native,
  epoll: () => {
    const real = native.epoll();
    return {
      fd: real.fd,
      add: (...args) => real.add(...args),
      modify: (...args) => real.modify(...args),
      remove: (fd) => real.remove(fd),
      wait: (events, timeoutMs) => real.wait(events, timeoutMs),
      close: () => real.close(),
      ...change,
    };
  },
});

function pair(t: { teardown(end: () => void): void }): [number, number] {
  const made = native.socketpair();
  if (typeof made === 'number') throw native.systemError('socketpair', made);
  t.teardown(() => native.close(made[0]));
  return made;
}

test('a connection that epoll cannot take is closed and counted, and the rest goes on', async (t) => {
  let full = false;
  const real = native.epoll();
  t.teardown(() => real.close());
  const kernel = withEpoll({
    add: (...args) => (full ? -ENOSPC : real.add(...args)),
    wait: (events, timeoutMs) => real.wait(events, timeoutMs),
    remove: (fd) => real.remove(fd),
    modify: (...args) => real.modify(...args),
  });
  const { reactor } = await reactorOn(kernel);
  const [served, one] = pair(t);
  const [refusedPeer, other] = pair(t);
  reactor.open(one);
  full = true;
  reactor.open(other);
  t.like(reactor.snapshot(), {
    connections: { open: 1, total: 1, refused: 1 },
    errors: { ENOSPC: 1 },
  });
  const bytes = new Uint8Array([1, 2, 3]);
  t.is(native.recv(refusedPeer, bytes, 0, 3), 0);
  native.send(served, bytes, 0, 3);
  reactor.turn();
  t.is(native.recv(served, bytes, 0, 3), 3);
  reactor.abort(REASON_ERROR);
  reactor.close();
});

test('a connection whose shutdown fails is aborted, with the reason ERROR', async (t) => {
  const kernel = { ...native, shutdown: () => -ENOTCONN };
  const { reactor, reasons } = await reactorOn(kernel);
  reactor.open(pair(t)[1]);
  reactor.drain();
  while (reactor.connections > 0) reactor.turn();
  t.deepEqual(reasons, [REASON_ERROR]);
  t.deepEqual(reactor.snapshot().errors, { ENOTCONN: 1 });
  reactor.close();
});

test('a wait that fails is an error with the name of the call', async (t) => {
  const { reactor } = await reactorOn(withEpoll({ wait: () => -EBADF }));
  t.teardown(() => reactor.close());
  t.throws(() => reactor.turn(), { message: 'epoll_wait: EBADF' });
});

test('the kernel in memory checks buffers and ranges as the addon does', (t) => {
  for (const kernel of [native, new Loopback()]) {
    const rows = new Int32Array(ROW);
    const io = kernel.io(rows);
    t.throws(() => io.bind(BUFFERS, new Uint8Array(8)), { instanceOf: RangeError });
    io.bind(0, new Uint8Array(8));
    for (const row of [
      [KIND_COPY, 0, 1, 0, 1, 0, 0, 0],
      [KIND_COPY, 0, 0, 4, 5, 0, 0, 0],
      [KIND_COPY, 0, 0, 0, 5, 0, 0, 4],
      [KIND_SEND, 0, 0, -1, 1, 0, 0, 0],
    ]) {
      rows.set(row);
      t.throws(() => io.run(0, 1), { instanceOf: RangeError }, row.join());
    }
  }
});
