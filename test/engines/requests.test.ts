// Requests that are handed to an engine: each is answered once, in the order its connection asked, whatever the
// engine does.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  STATUS_ABSENT,
  STATUS_CONFLICT,
  STATUS_LIMIT,
  STATUS_OK,
  STATUS_UNAVAILABLE,
  STATUS_UNKNOWN,
} from '../../assembly/abi.ts';
import { EngineError } from '../../host/engines/contract.ts';
import { RoutedSide } from '../helpers/routed-side.ts';
import { ScriptedStore } from '../helpers/scripted-engines.ts';
import { add, get, put, remove } from '../helpers/shared-seats.ts';

interface Setting {
  readonly engine: ScriptedStore;
  readonly process: RoutedSide;
}

function setting(
  t: ExecutionContext,
  options: { limitMs?: number; mostBytes?: number; maxPending?: number } = {},
): Setting {
  const engine = new ScriptedStore();
  const { limitMs = 60_000, mostBytes = 1 << 24, maxPending = 1000 } = options;
  const bounds = { requestTimeoutMs: limitMs, queueBytes: mostBytes, maxPending };
  return { engine, process: new RoutedSide(t, { store: engine, ...bounds }) };
}

/** The bytes as a reply has them: a version as a number. */
const versionOf = (bytes: unknown): bigint => Buffer.from(bytes as Uint8Array).readBigUInt64LE();

test('an engine is asked for what the guest asked for', (t) => {
  const { engine, process } = setting(t);
  process.commit(
    ...[get(1, 1, 'k'), put(1, 2, 'k', 'v', { ttl: 5 }), put(1, 3, 'k', 'v', { expected: 7n })],
    ...[remove(1, 4, 'k'), remove(1, 5, 'k', 0n), add(1, 6, 'k', -1.5, 9)],
  );
  const [found, plain, expecting, removed, absent, added] = engine.calls;
  t.deepEqual([found?.op, found?.key, found?.args], ['get', 'k', []]);
  const [value, version, none, ttl] = plain!.args;
  t.is(Buffer.from(value as Uint8Array).toString(), 'v');
  t.is((version as Uint8Array).length, 8);
  t.deepEqual([none, ttl], [null, 5]);
  t.is(versionOf(expecting?.args[2]), 7n);
  t.deepEqual(removed?.args, [null]);
  t.is(versionOf(absent?.args[0]), 0n);
  t.deepEqual([added?.args[0], added?.args[2]], [-1.5, 9]);
  for (const call of engine.calls) call.resolve(null);
});

test('answers have the form that they have in process', async (t) => {
  const { engine, process } = setting(t);
  const version = Buffer.alloc(8, 3);
  process.commit(
    ...[get(1, 1, 'k'), get(1, 2, 'none'), put(1, 3, 'k', 'v'), add(1, 4, 'k', 1)],
    ...[remove(1, 5, 'k'), remove(1, 6, 'k')],
  );
  const [found, none, stored, added, removed, conflict] = engine.calls;
  found!.resolve({ version, value: Buffer.from('value') });
  none!.resolve(null);
  stored!.resolve(undefined);
  added!.resolve(1.5e-7);
  removed!.resolve(undefined);
  conflict!.reject(new EngineError(STATUS_CONFLICT, ''));
  t.deepEqual(await process.replies(6), [
    { handle: 1, tag: 1, status: STATUS_OK, version: versionOf(version), value: 'value' },
    { handle: 1, tag: 2, status: STATUS_ABSENT },
    { handle: 1, tag: 3, status: STATUS_OK, version: versionOf(stored!.args[1]), value: '' },
    { handle: 1, tag: 4, status: STATUS_OK, version: versionOf(added!.args[1]), value: '1.5e-7' },
    { handle: 1, tag: 5, status: STATUS_OK },
    { handle: 1, tag: 6, status: STATUS_CONFLICT },
  ]);
});

test('UNKNOWN tells the version that the value has if it happened', async (t) => {
  const { engine, process } = setting(t);
  process.commit(put(1, 1, 'k', 'v'), add(1, 2, 'k', 1), remove(1, 3, 'k'));
  const versions = engine.calls.slice(0, 2).map(({ args }) => versionOf(args[1]));
  t.not(versions[0], versions[1]);
  for (const call of engine.calls) call.reject(new EngineError(STATUS_UNKNOWN, ''));
  t.deepEqual(await process.replies(3), [
    { handle: 1, tag: 1, status: STATUS_UNKNOWN, version: versions[0]!, value: '' },
    { handle: 1, tag: 2, status: STATUS_UNKNOWN, version: versions[1]!, value: '' },
    { handle: 1, tag: 3, status: STATUS_UNKNOWN },
  ]);
  const { pending, unknown, unavailable } = process.router.stats.store!;
  t.deepEqual({ pending, unknown, unavailable }, { pending: 0, unknown: 3, unavailable: 0 });
});

test('an engine that fails in its own way leaves it UNKNOWN', async (t) => {
  const { engine, process } = setting(t);
  process.commit(put(1, 1, 'k', 'v'));
  engine.calls[0]!.reject(new TypeError('a bug'));
  t.is((await process.replies(1))[0]!.status, STATUS_UNKNOWN);
});

test('connections do not wait for each other', async (t) => {
  const { engine, process } = setting(t);
  process.commit(get(1, 1, 'a'), get(2, 2, 'b'), get(1, 3, 'c'));
  engine.calls[2]!.resolve(null);
  engine.calls[1]!.resolve(null);
  t.deepEqual(
    (await process.replies(1)).map(({ tag }) => tag),
    [2],
  );
  engine.calls[0]!.resolve(null);
  t.deepEqual(
    (await process.replies(3)).map(({ tag }) => tag),
    [2, 1, 3],
  );
});

test('in whatever order an engine settles, each connection is answered in its own', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer()), { maxLength: 40 }),
      async (asked) => {
        const { engine, process } = setting(t);
        process.commit(...asked.map(([handle], tag) => get(handle, tag, 'k')));
        const order = engine.calls
          .map((call, at) => ({ call, rank: asked[at]![1] }))
          .sort((a, b) => a.rank - b.rank);
        for (const { call, rank } of order) {
          if (rank % 3 === 0) call.reject(new EngineError(STATUS_UNAVAILABLE, ''));
          else call.resolve(null);
          if (rank % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        const waited = asked.filter(([handle]) => handle !== 0).length;
        const replies = await process.replies(waited);
        for (const handle of [1, 2, 3]) {
          const tags = replies.filter((reply) => reply.handle === handle).map(({ tag }) => tag);
          const expected = asked.flatMap(([one], tag) => (one === handle ? [tag] : []));
          t.deepEqual(tags, expected);
        }
        t.is(replies.length, waited);
        t.is(process.router.stats.store!.pending, 0);
      },
    ),
    { numRuns: 50 },
  );
});

test('an engine that never answers makes nobody wait for ever, and its late answer is nothing', async (t) => {
  const { engine, process } = setting(t, { limitMs: 1 });
  process.commit(put(1, 1, 'k', 'v'), get(1, 2, 'k'), put(1, 3, 'k', 'v'));
  engine.calls[2]!.resolve(undefined);
  const replies = await process.replies(3);
  t.deepEqual(
    replies.map(({ status }) => status),
    [STATUS_UNKNOWN, STATUS_UNAVAILABLE, STATUS_OK],
  );
  engine.calls[0]!.resolve(undefined);
  process.commit(get(1, 4, 'k'));
  engine.calls[3]!.resolve(null);
  const tags = (await process.replies(4)).map(({ tag }) => tag);
  t.deepEqual(tags, [1, 2, 3, 4]);
});

test('more bytes on their way than the bound are LIMIT at once', async (t) => {
  const { engine, process } = setting(t, { mostBytes: 100 });
  process.commit(put(1, 1, 'k', 'x'.repeat(90)), put(1, 2, 'k', 'x'.repeat(20)), get(2, 3, 'key'));
  t.is(engine.calls.length, 2);
  engine.calls[0]!.resolve(undefined);
  engine.calls[1]!.resolve(null);
  const replies = await process.replies(3);
  t.deepEqual(
    replies.filter(({ handle }) => handle === 1).map(({ status }) => status),
    [STATUS_OK, STATUS_LIMIT],
  );
});

test('closing waits for what was asked, also for what nobody waits for', async (t) => {
  const { engine, process } = setting(t);
  process.commit(put(0, 1, 'last', 'will'));
  const closed = process.router.close(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.false(engine.closed);
  engine.calls[0]!.resolve(undefined);
  await closed;
  t.true(engine.closed);
  t.deepEqual(process.take(), []);
});

test('an engine that does not answer keeps nobody from closing, and what it leaves is UNKNOWN', async (t) => {
  const { engine, process } = setting(t);
  process.commit(put(1, 1, 'k', 'v'));
  const [call] = engine.calls;
  engine.onClose = () => call!.reject(new EngineError(STATUS_UNKNOWN, 'closed'));
  t.false(await process.router.close(1));
  t.true(engine.closed);
  t.is((await process.replies(1))[0]!.status, STATUS_UNKNOWN);
});

test('the failure of an engine has no stack, since thousands fail at once, and other errors keep theirs', (t) => {
  t.false(new EngineError(STATUS_UNKNOWN, 'lost').stack?.includes('\n'));
  t.true(new Error('other').stack?.includes('\n'));
});

test('beyond maxPending what nobody waits for is dropped, and connections are served', (t) => {
  const { engine, process } = setting(t, { maxPending: 10 });
  for (let count = 0; count < 20; count += 1) process.commit(add(0, 0, `nobody ${count}`, 1));
  process.commit(get(5, 1, 'somebody'));
  t.is(engine.calls.length, 11);
  t.is(engine.calls.at(-1)?.key, 'somebody');
  t.is(process.router.stats.store?.pending, 11);
  for (const call of engine.calls) call.reject(new EngineError(STATUS_UNKNOWN, 'the test ends'));
});
