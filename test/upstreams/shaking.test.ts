// Handshakes of one call, by a clock that the test turns: which of them are held against their targets, and give way.

import test, { type ExecutionContext } from 'ava';
import { type Native, native } from '../../host/kernel/native.ts';
import { Call } from '../../host/upstreams/call.ts';
import type { DialFailure, Endpoint } from '../../host/upstreams/contract.ts';
import { Shaking } from '../../host/upstreams/shaking.ts';
import { operating } from '../helpers/upstream-ground.ts';

const at = (target: number): Endpoint => ({ target, path: `/${target}` });

/** One whose clock stands. It notes what targets are told of. */
function shaking(t: ExecutionContext) {
  const clock = { now: 1000 };
  const { now } = performance;
  performance.now = () => clock.now;
  t.teardown(() => {
    performance.now = now;
  });
  const { operator } = operating({ db: 'unix:/0' });
  const told: [target: number, failure: DialFailure | null][] = [];
  operator.tried = (_, { target }, failure) => void told.push([target, failure]);
  operator.secure = (_, __, { target }) => ({
    ...{ session: target, why: '', failsAll: false, step: () => 'reads', drop: () => undefined },
  });
  const calls = {
    ...{ native, upstreams: operator, keepaliveMs: 0, beside: 0, hasRoom: () => true },
    ...{ watch: () => 0, expect: () => undefined, unwatch: () => undefined },
  };
  const request = { handle: 1, upstream: 0, parent: 0, added: '', peer: '', local: '' };
  return { clock, told, calls, request, handshakes: new Shaking(calls, request) };
}

test.serial('an older handshake that wins is not held against one that began later', (t) => {
  const { clock, told, handshakes } = shaking(t);
  handshakes.begin(5, at(1));
  clock.now += 1000;
  handshakes.begin(6, at(2));
  clock.now += 950;
  t.is(handshakes.won(5), 1);
  t.deepEqual(told, []);
  t.deepEqual(
    [5, 6].map((fd) => handshakes.has(fd)),
    [false, true],
  );
});

test.serial('one that began a second before the one that wins is late', (t) => {
  const { clock, told, handshakes } = shaking(t);
  handshakes.begin(5, at(1));
  handshakes.begin(6, at(2));
  clock.now += 1000;
  handshakes.begin(7, at(1));
  clock.now += 10;
  t.is(handshakes.won(7), 1);
  // Another address of the same target has won.
  t.deepEqual(told, [[2, 'timeout']]);
});

/** Timers of the same clock. @returns what runs those that are due within so many milliseconds */
function timing(t: ExecutionContext, clock: { now: number }): (ms: number) => void {
  const timers = new Map<object, { at: number; run: () => void }>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  t.teardown(() => Object.assign(globalThis, { setTimeout: set, clearTimeout: clear }));
  Object.assign(globalThis, {
    setTimeout: (run: () => void, ms: number) => {
      const timer = {};
      timers.set(timer, { at: clock.now + ms, run });
      return timer;
    },
    clearTimeout: (timer: object) => timers.delete(timer),
  });
  return (ms) => {
    const until = clock.now + ms;
    for (;;) {
      const due = [...timers]
        .filter(([, { at }]) => at <= until)
        .sort(([, a], [, b]) => a.at - b.at);
      const [timer, next] = due[0] ?? [];
      if (timer === undefined || next === undefined) break;
      timers.delete(timer);
      clock.now = next.at;
      next.run();
    }
    clock.now = until;
  };
}

test.serial('no handshake gives way to a target whose queue is full, until that has room', (t) => {
  const { clock, told, calls, request } = shaking(t);
  const advance = timing(t, clock);
  const [reset, room] = [[] as number[], { isThere: false }];
  const played: Native = Object.create(native, {
    connectUnix: {
      value: (name: string) =>
        name === '/3' && !room.isThere ? -native.constants.EAGAIN : Number(name.slice(1)) + 100,
    },
    connected: { value: () => -native.constants.EAGAIN },
    getOption: { value: () => 0 },
    reset: { value: (fd: number) => reset.push(fd) },
  });
  calls.upstreams.resolve = () => [at(1), at(2), at(3)];
  calls.upstreams.connectTimeoutMs = () => 60_000;
  const call = new Call({ ...calls, native: played }, 1, request, () => t.fail());
  call.start();
  call.told(101);
  advance(1001);
  call.told(102);
  advance(5000);
  t.deepEqual([reset, told], [[], []]);
  room.isThere = true;
  advance(100);
  t.deepEqual([reset, told], [[101], [[1, 'timeout']]]);
  call.cancel();
  t.deepEqual(reset, [101, 102, 103]);
});

test.serial('where nothing has won, none is overtaken', (t) => {
  const { clock, told, handshakes } = shaking(t);
  handshakes.begin(5, at(1));
  clock.now += 5000;
  t.is(handshakes.won(-1), 0);
  t.deepEqual(told, []);
});
