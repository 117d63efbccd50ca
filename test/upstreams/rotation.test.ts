// Targets in turn: who is next, who rests, and how long.

import test from 'ava';
import fc from 'fast-check';
import { Rotation } from '../../host/upstreams/rotation.ts';

function rotating(targets: number, random = () => 0) {
  const clock = { now: 0 };
  return { clock, rotation: new Rotation(targets, () => clock.now, random) };
}

test('targets are taken in turn', (t) => {
  const { rotation } = rotating(3);
  const orders = Array.from({ length: 4 }, () => rotation.order().join(''));
  t.deepEqual(orders, ['012', '120', '201', '012']);
});

test('a target that fails rests 1 s, then 2 s, and 30 s at most', (t) => {
  const { clock, rotation } = rotating(2);
  for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
    rotation.failed(0);
    clock.now += seconds * 1000 - 1;
    t.true(rotation.rests(0), String(seconds));
    clock.now += 1;
    t.false(rotation.rests(0), String(seconds));
  }
  rotation.succeeded(0);
  rotation.failed(0);
  clock.now += 1000;
  t.false(rotation.rests(0));
});

test('attempts that were on their way when a target began to rest count as one failure', (t) => {
  const { clock, rotation } = rotating(1);
  for (let times = 0; times < 5; times += 1) rotation.failed(0);
  clock.now = 1000;
  t.false(rotation.rests(0));
});

test('the others take the place of one that rests, and it is the last to be tried', (t) => {
  const { clock, rotation } = rotating(3);
  rotation.failed(1);
  const orders = Array.from({ length: 4 }, () => rotation.order().join(''));
  t.deepEqual(orders, ['021', '201', '021', '201']);
  clock.now = 1000;
  t.is(rotation.order().join(''), '012');
  t.is(rotation.order().join(''), '120');
});

test('if all rest, the one that is ready soonest is tried', (t) => {
  const { clock, rotation } = rotating(3);
  for (const target of [2, 0, 1]) {
    rotation.failed(target);
    clock.now += 100;
  }
  t.is(rotation.order().join(''), '201');
});

test('a rest is at most half a rest shorter by chance', (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (chance) => {
      const { clock, rotation } = rotating(1, () => chance);
      rotation.failed(0);
      clock.now = 499;
      const half = rotation.rests(0);
      clock.now = 1000;
      return half && !rotation.rests(0);
    }),
  );
  t.pass();
});

// What anybody may do to a rotation.
const step = fc.oneof(
  fc.record({ kind: fc.constantFrom('failed', 'succeeded'), target: fc.nat(4) }),
  fc.record({ kind: fc.constant('order'), target: fc.constant(0) }),
  fc.record({ kind: fc.constant('wait'), target: fc.integer({ min: 1, max: 40_000 }) }),
);

test('whatever fails, every order has each target once, and those in service first', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(step),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (targets, steps, chances) => {
        const clock = { now: 0 };
        const rotation = new Rotation(
          targets,
          () => clock.now,
          () => chances.next().value!,
        );
        for (const { kind, target } of steps) {
          if (kind === 'wait') clock.now += target;
          else if (kind === 'failed') rotation.failed(target % targets);
          else if (kind === 'succeeded') rotation.succeeded(target % targets);
          else {
            const order = rotation.order();
            t.deepEqual(
              [...order].sort(),
              Array.from({ length: targets }, (_, at) => at),
            );
            const resting = order.map((at) => rotation.rests(at));
            t.deepEqual(
              resting,
              [...resting].sort((a, b) => Number(a) - Number(b)),
            );
          }
        }
        // Nobody rests longer than 30 s.
        clock.now += 30_000;
        for (let target = 0; target < targets; target += 1) t.false(rotation.rests(target));
      },
    ),
    { numRuns: 200 },
  );
});

test('targets in service have their turn equally often', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 20 }),
      (targets, rounds) => {
        const { rotation } = rotating(targets);
        const turns = new Array<number>(targets).fill(0);
        for (let at = 0; at < targets * rounds; at += 1) turns[rotation.order()[0]!]! += 1;
        return turns.every((count) => count === rounds);
      },
    ),
  );
  t.pass();
});

test('a target that has failed a client comes last for that one, for 10 s, and keeps its turn for others', (t) => {
  const { clock, rotation } = rotating(3);
  rotation.failedClient(1, 'a');
  rotation.succeeded(1);
  const orders = ['a', 'a', 'b', '', 'a'].map((client) => rotation.order(client).join(''));
  t.deepEqual(orders, ['021', '201', '012', '120', '201']);
  rotation.failed(2);
  t.is(rotation.order('a').join(''), '012');
  const { rotation: none } = rotating(1);
  none.failedClient(0, 'a');
  t.deepEqual(none.order('a'), [0]);
  clock.now = 10_000;
  t.is(rotation.order('a').join(''), '120');
});

test('of those whom a target has failed the last 256 are known', (t) => {
  const { rotation } = rotating(2);
  rotation.failedClient(0, 'b');
  for (let client = 0; client < 256; client += 1) {
    rotation.failedClient(0, 'a');
    rotation.failedClient(0, `${client}`);
  }
  // Each takes a turn.
  const first = (client: string) => [rotation.order(client)[0], rotation.order(client)[0]];
  t.deepEqual(first('a'), [1, 1]);
  t.deepEqual(first('255'), [1, 1]);
  t.deepEqual(first('b'), [0, 1]);
});

test('one that fails a client whom it knows counts as failed when it fails several, and none comes through', (t) => {
  const rotation = new Rotation(
    2,
    () => 0,
    () => 0,
  );
  t.deepEqual(
    ['a', 'b', 'a', 'b'].map((client) => rotation.failedClient(0, client)),
    [false, false, false, false],
  );
  t.false(rotation.failedClient(1, 'c'));
  rotation.succeeded(0);
  t.deepEqual(
    ['c', 'd', 'e', 'f'].map((client) => rotation.failedClient(0, client)),
    [false, false, true, false],
  );
  const next = new Rotation(
    1,
    () => 0,
    () => 0,
    { rotation, places: [0] },
  );
  t.deepEqual(
    ['g', 'h'].map((client) => next.failedClient(0, client)),
    [false, true],
  );
});
