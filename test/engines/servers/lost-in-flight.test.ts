// An engine that is lost with tens of thousands of requests in flight: all are answered, and the event loop turns
// meanwhile.

import test, { type ExecutionContext } from 'ava';
import { STATUS_UNKNOWN } from '../../../assembly/abi.ts';
import { openStore } from '../../../host/engines/open.ts';
import { Requests } from '../../../host/engines/requests.ts';
import { loopTimers } from '../../../host/engines/timers.ts';
import type { SharedRecord } from '../../../host/shared/member/drafts.ts';
import { OP_ADD } from '../../../host/shared/records.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { Lines } from '../../helpers/engine-watch.ts';
import { has } from '../../helpers/installed.ts';
import { type Turns, turnsUntil } from '../../helpers/longest-turn.ts';

const REQUESTS = 54_000;
const NOTHING = new Uint8Array();
const bounds = {
  ...{ requestTimeoutMs: 120_000, storeBytes: 1 << 20 },
  ...{ queueBytes: 1 << 28, maxPending: REQUESTS },
};

/** So often; garbage collection, which other work on the machine holds up, may make any one turn long. */
const ATTEMPTS = 4;

async function lose(t: ExecutionContext, connections: number): Promise<Turns> {
  const server = await EngineServer.redis(t);
  const url = `redis://127.0.0.1:${server.port}`;
  const { engine } = await openStore(url, bounds, new Lines());
  t.teardown(() => engine.close());
  await engine.start();
  const replies = new Map<number, number>();
  const reply = (_seat: number, handle: number, tag: number, status: number): void => {
    const next = replies.get(handle) ?? 0;
    if (status !== STATUS_UNKNOWN || tag !== next) t.fail(`${handle}: ${tag} is ${status}`);
    replies.set(handle, next + 1);
  };
  const requests = new Requests(engine, reply, bounds, loopTimers);
  server.stop();
  for (let count = 0; count < REQUESTS; count += 1) {
    const [handle, tag] = [1 + (count % connections), Math.floor(count / connections)];
    const first = Buffer.from(`key ${count}`);
    const record: SharedRecord = {
      ...{ op: OP_ADD, handle, tag, flags: 0, first, second: NOTHING, ttlMs: 0, seat: 1 },
      ...{ expected: NOTHING, delta: 1 },
    };
    requests.ask(record);
  }
  t.is(requests.counts.pending, REQUESTS);
  // They are written first, which is none of this.
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  const measured = turnsUntil(requests.idle());
  await server.kill();
  const turns = await measured;
  t.log(turns);
  t.is(requests.counts.unknown, REQUESTS);
  t.deepEqual(new Set(replies.values()), new Set([REQUESTS / connections]));
  return turns;
}

for (const connections of [1, 1000]) {
  test.serial(
    `the event loop turns while ${connections} connections lose what they asked`,
    async (t) => {
      if (!has(t, 'redis-server')) return;
      // In one turn it would be all of it.
      for (let attempt = 1; attempt < ATTEMPTS; attempt += 1) {
        const { longest, total } = await lose(t, connections);
        if (longest * 2 < total) return;
      }
      const { longest, total } = await lose(t, connections);
      t.true(longest * 2 < total);
    },
  );
}
