// Whatever happens to the engines of harnesses: each request is replied to once, in order, and no sum is out of
// what that allows; each member of two harnesses is given a subsequence, and told of every gap.

import test from 'ava';
import fc from 'fast-check';
import { type Harness, TestBus, TestStore } from '../../host/testing/harness.ts';
import { logged } from '../helpers/guests.ts';
import { sharing } from '../helpers/sharing.ts';

/** So many harnesses are made that their memory matters. */
const SMALL = { maxStagedBytes: 128 * 1024, maxConnections: 8 };

const side = fc.constantFrom(0 as const, 1 as const);

const storeStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('add' as const), side, peer: fc.nat({ max: 1 }) }),
  },
  fc.record({ kind: fc.constant('hold' as const), answers: fc.boolean() }),
  fc.record({ kind: fc.constant('release' as const), count: fc.option(fc.nat({ max: 3 })) }),
  fc.constant({ kind: 'lose' as const }),
  fc.record({ kind: fc.constant('disconnect' as const), side: fc.option(side) }),
  fc.record({ kind: fc.constant('connect' as const), side: fc.option(side) }),
  fc.record({ kind: fc.constant('advance' as const), side, ms: fc.constantFrom(1, 400, 1000) }),
);

const asking = { kind: 'add', side: 0, peer: 0 } as const;

/** Each status comes at least once, whatever chance has in store. */
const eachStatus = [
  asking,
  { kind: 'hold', answers: false } as const,
  asking,
  { kind: 'lose' } as const,
  { kind: 'disconnect', side: null } as const,
  asking,
];

test('whatever happens to a store, each request is replied to once, in order, and each is done at most once', async (t) => {
  const statuses = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(storeStep, { maxLength: 60 }), async (steps) => {
      const store = new TestStore();
      const policy = { ...SMALL, requestTimeoutMs: 1000 };
      const servers = [await sharing({ store, policy }), await sharing({ store, policy })] as const;
      const peers = servers.map((server) => [server.connect(), server.connect()]);
      const replied = [0, 0, 0, 0];
      const asked = [0, 0, 0, 0];
      const counts = { done: 0, unknown: 0 };
      const look = (): void => {
        for (const [at, server] of servers.entries()) {
          for (const line of logged(server)) {
            const [kind, index, tag, status] = line.split(' ') as [string, string, string, string];
            if (kind !== 'reply') continue;
            const who = at * 2 + Number(index);
            t.is(Number(tag), replied[who]!, line);
            replied[who]! += 1;
            statuses.set(status, (statuses.get(status) ?? 0) + 1);
            if (status === '0') counts.done += 1;
            if (status === '-8') counts.unknown += 1;
          }
        }
      };
      for (const step of steps) {
        const one = 'side' in step && step.side !== null ? servers[step.side] : undefined;
        if (step.kind === 'add') {
          const who = step.side * 2 + step.peer;
          peers[step.side]![step.peer]!.send(`a . ${asked[who]} 0 1 n;`);
          asked[who]! += 1;
        } else if (step.kind === 'hold') store.hold(step.answers ? 'answers' : 'requests');
        else if (step.kind === 'release') store.release(step.count ?? undefined);
        else if (step.kind === 'advance') one!.advance(step.ms);
        else if (step.kind === 'lose') store.lose();
        else store[step.kind](one);
        look();
      }
      store.release();
      store.connect();
      look();
      t.deepEqual(replied, asked);
      const sum = await servers[0].store.add('n', 0);
      t.true(sum >= counts.done && sum <= counts.done + counts.unknown, `${sum} of ${counts.done}`);
    }),
    { numRuns: 30, examples: [[eachStatus]] },
  );
  t.deepEqual([...statuses.keys()].sort(), ['-7', '-8', '0']);
});

const busStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('publish' as const), side }) },
  fc.constant({ kind: 'hold' as const }),
  fc.record({ kind: fc.constant('release' as const), count: fc.option(fc.nat({ max: 3 })) }),
  fc.constant({ kind: 'lose' as const }),
  fc.record({ kind: fc.constant('disconnect' as const), side: fc.option(side) }),
  fc.record({ kind: fc.constant('connect' as const), side: fc.option(side) }),
);

interface Heard {
  /** Of each harness, the number of the last message that came from there. */
  readonly last: [number, number];
  /** It was told of a loss since that message. */
  readonly told: [boolean, boolean];
  lost: number;
}

test('whatever happens to a bus, members in both harnesses are told before the next message', async (t) => {
  const total = { given: 0, lost: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(busStep, { maxLength: 60 }), async (steps) => {
      const bus = new TestBus();
      const servers = [
        await sharing({ topics: bus, policy: SMALL }),
        await sharing({ topics: bus, policy: SMALL }),
      ] as const;
      for (const server of servers) {
        server.connect().send('j . 0 0 room;');
        logged(server);
      }
      const heard = servers.map((): Heard => ({ last: [0, 0], told: [false, false], lost: 0 }));
      const published: [number, number] = [0, 0];
      const hear = (server: Harness, one: Heard): void => {
        for (const line of logged(server)) {
          if (line.startsWith('missed')) one.told.fill(true);
          const [, from, number] =
            /^message 0 0 0 room (\d) (\d+)$/.exec(line.replace('-', ' ')) ?? [];
          if (number === undefined) continue;
          const at = Number(from) as 0 | 1;
          const gap = Number(number) - one.last[at] - 1;
          t.true(gap >= 0, `${line} after ${one.last[at]}`);
          if (gap > 0) t.true(one.told[at], `${line}: ${gap} were missed without a word`);
          one.last[at] = Number(number);
          one.told[at] = false;
          one.lost += gap;
          total.given += 1;
        }
      };
      for (const step of steps) {
        const one = 'side' in step && step.side !== null ? servers[step.side] : undefined;
        if (step.kind === 'publish') {
          published[step.side] += 1;
          one!.publish('room', `${step.side}-${published[step.side]}`);
        } else if (step.kind === 'release') bus.release(step.count ?? undefined);
        else if (step.kind === 'hold') bus.hold();
        else if (step.kind === 'lose') bus.lose();
        else bus[step.kind](one);
        for (const [at, server] of servers.entries()) hear(server, heard[at]!);
      }
      bus.release();
      bus.connect();
      // What is lost on its way is told after a second at the latest.
      for (const server of servers) server.advance(2000);
      for (const [at, server] of servers.entries()) {
        const one = heard[at]!;
        hear(server, one);
        t.is(one.last[at as 0 | 1], published[at as 0 | 1], 'what is said here stays here');
        const other = (1 - at) as 0 | 1;
        const missed = published[other] - one.last[other];
        if (missed > 0) t.true(one.told[other], `${missed} at the end were missed without a word`);
        total.lost += one.lost + missed;
      }
    }),
    { numRuns: 30 },
  );
  t.log(total);
  t.true(total.given > 0 && total.lost > 0);
});
