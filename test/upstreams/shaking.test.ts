// Handshakes of one call, by a clock that the test turns: which of them are held against their targets.

import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
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
  return { clock, told, handshakes: new Shaking(calls, request) };
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

test.serial('where nothing has won, none is overtaken', (t) => {
  const { clock, told, handshakes } = shaking(t);
  handshakes.begin(5, at(1));
  clock.now += 5000;
  t.is(handshakes.won(-1), 0);
  t.deepEqual(told, []);
});
