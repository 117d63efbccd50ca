// Connections to upstreams where engines begin and end: guests that connect before there is a client, answers that come as
// a server closes, threads that were there before the upstreams. In a process without others' descriptors.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Server, serve } from '../../host/index.ts';
import type { Native } from '../../host/kernel/native.ts';
import { native } from '../../host/kernel/native.ts';
import { ListenerTable } from '../../host/listen/peer/listener-table.ts';
import { Asks } from '../../host/memory/answers.ts';
import { COLUMNS, CONNECTING, FD, FLAGS, OPEN } from '../../host/memory/layout.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { makeCommon } from '../../host/threads/engine.ts';
import { SeatHoldings } from '../../host/threads/seat/holdings.ts';
import { Dialer } from '../../host/upstreams/dialer.ts';
import { connect } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { operating } from '../helpers/upstream-ground.ts';
import { upstreamPeer } from '../helpers/upstream-peer.ts';
import { leadsTo, type Outward, outward } from '../helpers/upstreams.ts';
import { call, drop, guest, i32 } from '../helpers/wasm.ts';

const connects = [i32(0), i32(1024), i32(2), i32(0), call('connect'), drop];

/** It connects to `db` in on_start. @param again and whenever a connection is over */
const eager = (again = false): Uint8Array =>
  guest({
    functions: { on_start: connects, on_connect: [], ...(again ? { on_close: connects } : {}) },
    data: [{ at: 1024, bytes: 'db' }],
  });

/** A Unix listener that accepts when it is asked to. @returns how the one who came first is doing */
function quietly(t: ExecutionContext): { address: string; came: () => 'gone' | 'there' | 'none' } {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-edges-'));
  const name = path.join(folder, 'a.sock');
  const listener = native.listenUnix(name, 0o600, 8);
  t.teardown(() => {
    native.close(listener);
    rmSync(folder, { recursive: true });
  });
  const came = () => {
    const fd = native.accept(listener);
    if (fd < 0) return 'none';
    const received = native.recv(fd, new Uint8Array(8), 0, 8);
    native.close(fd);
    return received === -native.constants.EAGAIN ? 'there' : 'gone';
  };
  return { address: `unix:${name}`, came };
}

test.serial(
  'an answer that comes as a server closes leaves no descriptor and no count',
  async (t) => {
    const { address, came } = quietly(t);
    let closed: Promise<void> | null = null;
    // The connection is there in the next microtask; it closes in the one after that, before its thread has turned.
    const resolve = () => {
      const end = (): void => {
        t.deepEqual(server.outcomes, ['connected']);
        closed = server.close();
      };
      queueMicrotask(() => queueMicrotask(end));
      return leadsTo(address);
    };
    const server: Outward = await outward(t, compiledGuest('scripted'), [{ name: 'db', resolve }]);
    const client = await connect(server.address, { owner: t });
    await client.send('u .,0,db;');
    await server.until(() => closed !== null);
    await closed;
    t.is(came(), 'gone');
    t.is(server.counts.all, 0);
  },
);

test.serial(
  'what a guest has connected on its own is closed when the server cannot begin',
  async (t) => {
    const { address, came } = quietly(t);
    const server = await outward(t, eager(), [{ name: 'db', resolve: () => leadsTo(address) }]);
    await server.until(() => server.outcomes.length === 1);
    await new Promise(setImmediate);
    await server.engine.close();
    // Once is enough.
    Object.assign(server.engine, { abort: () => undefined, close: async () => undefined });
    t.is(came(), 'gone');
    t.is(server.counts.all, 0);
  },
);

test.serial(
  'a guest that connects whenever a connection is over has none when the server cannot begin',
  async (t) => {
    const { address, came } = quietly(t);
    const db = { name: 'db', resolve: () => leadsTo(address) };
    const server = await outward(t, eager(true), [db]);
    await server.until(() => server.outcomes.length === 1);
    await new Promise(setImmediate);
    await server.engine.close();
    Object.assign(server.engine, { abort: () => undefined, close: async () => undefined });
    for (let turns = 0; turns < 3; turns += 1) await new Promise(setImmediate);
    t.deepEqual([came(), came()], ['gone', 'none']);
    t.deepEqual(server.outcomes, ['connected']);
    t.is(server.counts.all, 0);
  },
);

for (const workers of [0, 1]) {
  test.serial(
    `${workers} workers: a guest that connects whenever a connection is over keeps no server from its end`,
    async (t) => {
      const db = await upstreamPeer(t);
      const upstream = { name: 'db', resolve: () => leadsTo(db.address) };
      const server = await outward(t, eager(true), [upstream], { workers });
      await db.came(1);
      await server.until(() => server.engine.snapshot().connections.open === 1);
      await server.close();
      t.is(server.counts.all, 0);
      t.deepEqual(server.outcomes, ['connected']);
      t.deepEqual(server.restarts, []);
    },
  );

  test.serial(`${workers} workers: a guest connects in on_start`, async (t) => {
    const db = await upstreamPeer(t);
    const upstream = { name: 'db', resolve: () => leadsTo(db.address) };
    const server = await outward(t, eager(), [upstream], { workers });
    await db.came(1);
    t.deepEqual(server.restarts, []);
    t.deepEqual(server.outcomes, ['connected']);
  });
}

/** Whether a new client is greeted by the upstream behind the proxy. */
async function greeted(t: ExecutionContext, server: Server): Promise<boolean> {
  try {
    const client = await connect(server.addresses[0]!, { owner: t });
    return (await client.readExactly(1)).length === 1;
  } catch {
    // It may be let go before it knows that it is connected.
    return false;
  }
}

const PATIENCE_MS = 30_000;

/** Workers hear of a change in a moment, which may be long. */
async function soon(condition: () => Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) if (await condition()) return true;
  return false;
}

async function proxying(t: ExecutionContext) {
  const db = await upstreamPeer(t, (socket) => void socket.write('a'));
  const server = await serve({
    ...{ protocol: 'proxy', listen: '127.0.0.1:0', config: 'upstream=db', workers: 1 },
    policy: { graceMs: 100 },
  });
  t.teardown(() => server.close());
  return { db, server };
}

test.serial(
  'a thread that was there before the first upstream asks by memory as others do',
  async (t) => {
    const { each } = Asks.prototype;
    let taken = 0;
    Asks.prototype.each = function (this: Asks, tell) {
      each.call(this, (request) => {
        taken += 1;
        tell(request);
      });
    };
    t.teardown(() => {
      Asks.prototype.each = each;
    });
    const { db, server } = await proxying(t);
    t.false(await greeted(t, server));
    server.setUpstreams({ db: db.address });
    t.true(await soon(() => greeted(t, server)));
    t.is(taken, 1);
  },
);

test.serial('workers that start while the upstreams change know the new ones', async (t) => {
  const { db, server } = await proxying(t);
  const lent = Object.getOwnPropertyDescriptor(SeatHoldings.prototype, 'lent')!;
  let times = 0;
  Object.defineProperty(SeatHoldings.prototype, 'lent', {
    configurable: true,
    get(this: SeatHoldings) {
      times += 1;
      queueMicrotask(() => server.setUpstreams({ db: db.address }));
      return lent.get!.call(this) as unknown;
    },
  });
  t.teardown(() => Object.defineProperty(SeatHoldings.prototype, 'lent', lent));
  // One of another layout, which cannot take over: there are new workers.
  await server.swap(compiledGuest('scripted'), { drain: true });
  t.is(times, 1);
  const client = await connect(server.addresses[0]!, { owner: t });
  t.true(
    await soon(async () => {
      await client.send('u .,0,db;');
      await new Promise(setImmediate);
      return db.sockets.length > 0;
    }),
  );
});

test.serial('a seat that gives up counts those that are being made', (t) => {
  const policy = resolvePolicy({ maxConnections: 4 });
  const listeners = ListenerTable.make(SharedArrayBuffer);
  const shares = { listeners, peers: 0, routed: false, histograms: false };
  const common = makeCommon(native, policy, shares);
  const holdings = new SeatHoldings(common, policy);
  t.teardown(() => {
    holdings.close();
    common.shared.release();
  });
  holdings.segment = new SharedArrayBuffer(4 * COLUMNS * Int32Array.BYTES_PER_ELEMENT);
  const table = new Int32Array(holdings.segment);
  table.fill(-1, FD, FD + 1);
  table[FLAGS] = OPEN | CONNECTING;
  const [client, served] = native.socketpair() as [number, number];
  t.teardown(() => native.close(client));
  t.true(holdings.hand(served, 0));
  holdings.giveUp(Infinity);
  t.is(holdings.load, 1);
});

test.serial('a dialer whose bell cannot be watched gives back what it had, and says so', (t) => {
  const closed: number[] = [];
  const full: Native = Object.create(native, {
    epoll: {
      value: () => ({
        ...{ fd: -1, add: () => -native.constants.ENOSPC },
        close: () => void closed.push(-1),
      }),
    },
    close: {
      value: (fd: number) => {
        closed.push(fd);
        return native.close(fd);
      },
    },
  });
  const dialer = new Dialer(full, operating({}).operator, 0);
  t.throws(() => dialer.open(), { code: 'ENOSPC' });
  t.is(dialer.bell, -1);
  t.is(closed.length, 2);
  t.is(closed[0], -1);
  dialer.close();
  t.is(closed.length, 2);
});

/** A dialer over the operator's own side, and one seat. */
async function dialing(t: ExecutionContext, { tls = false, proxy = '' } = {}) {
  const db = await upstreamPeer(t);
  const { operator } = operating({ db: `${db.address}?connectTimeout=60s${proxy}` });
  const steps: number[] = [];
  const step = (): 'reads' => {
    steps.push(1);
    const until = performance.now() + 1;
    while (performance.now() < until);
    return 'reads';
  };
  if (tls) {
    const handshake = { session: 0, why: '', failsAll: false, drop: () => undefined, step };
    operator.secure = () => handshake;
  }
  const dialer = new Dialer(native, operator, 0);
  const answers: number[] = [];
  const seat = dialer.seat({
    give: (_, fd) => answers.push(fd) > 0,
    waits: () => true,
    asked: () => undefined,
    seen: () => undefined,
  });
  t.teardown(() => {
    for (const fd of answers) if (fd >= 0) native.reset(fd);
    dialer.close();
  });
  const dial = (handle: number): void =>
    seat.dial({ handle, upstream: 0, parent: 0, added: '', peer: '', local: '' });
  return { db, operator, steps, answers, dial };
}

test.serial(
  'a connection that is there at once is none if its target was taken away meanwhile, and hears of no client',
  async (t) => {
    const { db, operator, answers, dial } = await dialing(t, { proxy: '&proxy=v1' });
    let heard = 0;
    const gone = new Promise((resolve) =>
      db.server.on('connection', (socket) => {
        socket.once('close', resolve);
        socket.on('data', ({ length }) => {
          heard += length;
        });
      }),
    );
    dial(1);
    operator.setUpstreams(operator.numbered([]));
    while (answers.length === 0) await new Promise(setImmediate);
    t.deepEqual(answers, [-1]);
    await gone;
    t.is(heard, 0);
  },
);

test.serial('first steps of many handshakes do not keep others from the thread', async (t) => {
  const { steps, dial } = await dialing(t, { tls: true });
  for (let handle = 1; handle <= 32; handle += 1) dial(handle);
  await Promise.resolve();
  await Promise.resolve();
  t.is(steps.length, 0);
  // Each turn of the event loop takes a few.
  let most = 0;
  for (let before = 0; steps.length < 32; before = steps.length) {
    await new Promise(setImmediate);
    most = Math.max(most, steps.length - before);
  }
  t.true(most <= 3, `${most}`);
});
