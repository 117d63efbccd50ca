// A seat and its thread, without a server around them.

import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { ListenerTable } from '../../host/listen/peer/listener-table.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { makeCommon } from '../../host/threads/engine.ts';
import { SeatHoldings } from '../../host/threads/seat/holdings.ts';
import { Seat } from '../../host/threads/seat/seat.ts';
import { SpareThread } from '../../host/threads/spare-thread.ts';
import { echoModule } from '../helpers/guests.ts';

const policy = resolvePolicy({ maxConnections: 16, drainQuietMs: 0, lingerMs: 0 });

/** A seat whose thread serves, and what it tells: `heard` resolves with the next message of a kind. */
async function seated(t: ExecutionContext): Promise<[Seat, (kind: string) => Promise<void>]> {
  const waiting = new Map<string, () => void>();
  const threads = new SpareThread(native);
  const module = await loadModule(await echoModule(), policy);
  const listeners = ListenerTable.make(SharedArrayBuffer);
  const common = makeCommon(native, policy, {
    listeners,
    peers: 0,
    routed: false,
    histograms: false,
  });
  const holdings = new SeatHoldings(common, policy);
  const seat = new Seat(0, holdings, threads, module, {
    message: (_, { kind }) => waiting.get(kind)?.(),
    died: (_, { why }) => t.fail(why),
    starving: () => t.fail(),
  });
  t.teardown(async () => {
    await seat.close();
    common.shared.release();
    await threads.close();
  });
  await seat.start();
  return [seat, (kind) => new Promise((resolve) => waiting.set(kind, resolve))];
}

test('a seat that drains tells that it is quiet again after a late descriptor', async (t) => {
  const [seat, heard] = await seated(t);
  const quiet = heard('quiet');
  seat.draining = true;
  seat.post({ kind: 'drain' });
  await quiet;
  const again = heard('quiet');
  const [client, served] = native.socketpair() as [number, number];
  t.teardown(() => native.close(client));
  t.true(seat.holdings.hand(served, 0));
  t.is(seat.holdings.load, 1);
  await again;
  t.is(seat.holdings.load, 0);
});
