// A program's own side of topics, over the twin: subscriptions, publishing, sending to one connection, and what
// is routed to it. The store is in requests.test.ts.

import test from 'ava';
import fc from 'fast-check';
import { countsOf } from '../../host/shared/counts.ts';
import { FLAG_PATTERN, FLAG_RETAIN, OP_GET, OP_PUBLISH } from '../../host/shared/records.ts';
import { OwnSide, WORKER } from '../helpers/own-side.ts';
import { direct, get, join, publish } from '../helpers/shared-seats.ts';

test('a subscription gets what is published from then on, by guests and by the program', (t) => {
  const side = new OwnSide();
  side.member.publish('news', 'before');
  const heard = side.listen('news');
  side.member.publish('news', 'one');
  side.worker.commit([publish(7, 'news', 'two')]);
  side.member.publish('other', 'three');
  side.member.publish('news', new Uint8Array([0xc3, 0xa9]));
  side.settle();
  t.deepEqual(heard, ['news one', 'news two', 'news é']);
});

test('nothing is heard before a turn, and each turn calls 256 handlers at most', (t) => {
  const side = new OwnSide();
  const heard = side.listen('news');
  for (let count = 0; count < 300; count += 1) side.member.publish('news', String(count));
  t.deepEqual(heard, []);
  t.true(side.member.turn());
  t.is(heard.length, 256);
  t.false(side.member.turn());
  t.is(heard.length, 300);
});

test('one message to 300 subscriptions takes two turns, and reaches each once', (t) => {
  const side = new OwnSide();
  const heard = Array.from({ length: 300 }, () => side.listen('news'));
  side.member.publish('news', 'x');
  t.true(side.member.turn());
  t.is(heard.filter((one) => one.length === 1).length, 256);
  side.settle();
  t.true(heard.every((one) => one.length === 1));
});

test('each handler gets bytes of its own', (t) => {
  const side = new OwnSide();
  const kept: Uint8Array[] = [];
  for (let count = 0; count < 2; count += 1) {
    side.member.subscribe('news', (data) => {
      kept.push(data.slice());
      data.fill(0);
    });
  }
  side.member.publish('news', 'abc');
  side.settle();
  t.deepEqual(kept.map(String), ['97,98,99', '97,98,99']);
});

test('a pattern hears all topics that match, and without `pattern` it is a name', (t) => {
  const side = new OwnSide();
  const all = side.listen('orders/#', { pattern: true });
  const level = side.listen('orders/+', { pattern: true });
  const literal = side.listen('orders/+');
  for (const topic of ['orders', 'orders/1', 'orders/1/paid']) side.member.publish(topic, 'x');
  side.settle();
  t.deepEqual(all, ['orders x', 'orders/1 x', 'orders/1/paid x']);
  t.deepEqual(level, ['orders/1 x']);
  t.deepEqual(literal, []);
});

test('what is retained comes to those who subscribe later, until it is published without data', (t) => {
  const side = new OwnSide();
  side.member.publish('lamp/1', 'on', { retain: true });
  side.worker.commit([publish(0, 'lamp/2', 'off', FLAG_RETAIN)]);
  const first = side.listen('lamp/+', { pattern: true });
  side.settle();
  t.deepEqual(first, ['*lamp/1 on', '*lamp/2 off']);
  side.member.publish('lamp/1', '', { retain: true });
  const second = side.listen('lamp/+', { pattern: true });
  side.settle();
  t.deepEqual(second, ['*lamp/2 off']);
  t.deepEqual(first.slice(2), ['lamp/1 ']);
});

test('a subscription that was stopped gets nothing, not even what waits or is being handed out', (t) => {
  const side = new OwnSide();
  const heard: string[] = [];
  const stops: (() => void)[] = [];
  for (const name of ['a', 'b', 'c']) {
    stops.push(
      side.member.subscribe('news', () => {
        heard.push(name);
        stops[1]!();
      }),
    );
  }
  side.member.publish('news', 'x');
  side.settle();
  t.deepEqual(heard, ['a', 'c']);
  side.member.publish('news', 'x');
  stops[0]!();
  stops[0]!();
  side.settle();
  t.deepEqual(heard, ['a', 'c', 'c']);
  t.is(countsOf(side.twin).members, 1);
});

test('a handler that throws or rejects is told of, and the others are called', async (t) => {
  const side = new OwnSide();
  side.member.subscribe('news', () => {
    throw new Error('thrown');
  });
  side.member.subscribe('news', async () => {
    throw new Error('rejected');
  });
  const heard = side.listen('news');
  side.member.publish('news', '1');
  side.member.publish('news', '2');
  side.settle();
  await new Promise(setImmediate);
  t.deepEqual(heard, ['news 1', 'news 2']);
  t.deepEqual(side.failed.map((error) => (error as Error).message).sort(), [
    'rejected',
    'rejected',
    'thrown',
    'thrown',
  ]);
});

test('a handler may publish, subscribe and stop itself', (t) => {
  const side = new OwnSide();
  const heard: string[] = [];
  const stop = side.member.subscribe('ping', (data) => {
    stop();
    side.member.subscribe('pong', (data) => heard.push(Buffer.from(data).toString()));
    side.member.publish('pong', data);
  });
  side.member.publish('ping', '1');
  side.member.publish('ping', '2');
  side.settle();
  t.deepEqual(heard, ['1']);
});

test('two handlers that answer each other for ever leave the event loop its turns', (t) => {
  const side = new OwnSide();
  let count = 0;
  side.member.subscribe('ball', (data) => {
    count += 1;
    side.member.publish('ball', data);
  });
  side.member.publish('ball', '');
  t.true(side.member.turn());
  t.is(count, 256);
});

test('a queue that is full leaves messages out and says which subscriptions miss them, before the next one', (t) => {
  const side = new OwnSide({ queueBytes: 4096 });
  const events: string[] = [];
  side.member.subscribe('news', (data) => events.push(Buffer.from(data.subarray(0, 1)).toString()));
  side.listen('other');
  const big = 'x'.repeat(1000);
  for (let count = 0; count < 9; count += 1) side.worker.commit([publish(1, 'news', count + big)]);
  while (side.woken) {
    side.woken = side.member.turn();
    if (side.missed.length > 0 && !events.includes('missed')) events.push('missed');
  }
  side.worker.commit([publish(1, 'news', 'later')]);
  side.settle();
  t.deepEqual(events, ['0', '1', '2', 'missed', 'l']);
  t.deepEqual(side.missed, [{ topic: 'news', pattern: false }]);
});

test('a message goes to one connection, while its seat is there and has room', (t) => {
  const side = new OwnSide({ queueBytes: 4096 });
  const place = { seat: WORKER, handle: 77 };
  t.true(side.member.send(place, 'kick', 'now'));
  t.deepEqual(side.worker.takeAll(), [
    { kind: 'message', topic: 'kick', data: 'now', flags: 2, to: [[77, 0]] },
  ]);
  t.false(side.member.send(null, 'kick', 'now'));
  t.false(side.member.send({ seat: 9, handle: 77 }, 'kick', 'now'));
  t.false(side.member.send(place, 'kick', 'x'.repeat(5000)));
  side.twin.close(WORKER);
  t.false(side.member.send(place, 'kick', 'now'));
});

const wrong: readonly [string, (side: OwnSide) => unknown, RegExp][] = [
  ['no topic', ({ member }) => member.publish('', 'x'), /^publish: the topic is empty$/],
  [
    'a topic of another type',
    ({ member }) => member.publish(7 as never, 'x'),
    /^publish: the topic must be a string, got number$/,
  ],
  [
    'a topic that is too long',
    ({ member }) => member.subscribe('é'.repeat(513), () => undefined),
    /^subscribe: the topic takes at most 1024 bytes \(maxTopicBytes\), and this has 1026$/,
  ],
  [
    'a topic with a wildcard',
    ({ member }) => member.publish('a/+', 'x'),
    /^publish: 'a\/\+' is a pattern/,
  ],
  [
    'a pattern that is none',
    ({ member }) => member.subscribe('a#', () => undefined, { pattern: true }),
    /^subscribe: 'a#' is no pattern/,
  ],
  [
    'data of another type',
    ({ member }) => member.publish('a', { b: 1 } as never),
    /^publish: the data must be a string or a Uint8Array, got object$/,
  ],
  [
    'data that is too long',
    ({ member }) => member.send(null, 'a', 'x'.repeat(65_537)),
    /^send: the data takes at most 65536 bytes \(maxMessageBytes\), and this has 65537$/,
  ],
  [
    'no handler',
    ({ member }) => member.subscribe('a', undefined as never),
    /^subscribe: the handler must be a function, got undefined$/,
  ],
  [
    'another `pattern`',
    ({ member }) => member.subscribe('a', () => undefined, { pattern: 1 as never }),
    /^subscribe: pattern must be true or false, got number$/,
  ],
];

for (const [what, call, message] of wrong) {
  test(`${what} is refused, with what is taken`, (t) => {
    t.throws(() => call(new OwnSide()), { code: 'ERR_OPTION', message });
  });
}

test('what is over groupBytes is refused, and leaves nothing', (t) => {
  const side = new OwnSide({ groupBytes: 1000 });
  const heard = side.listen('news');
  const code = 'ERR_LIMIT';
  t.throws(() => side.member.subscribe('x'.repeat(900), () => undefined), { code });
  t.throws(() => side.member.publish('news', 'x'.repeat(900), { retain: true }), { code });
  side.member.publish('news', 'still there');
  side.settle();
  t.deepEqual(heard, ['news still there']);
});

test('after the close nobody is called, every call is refused, and stopping is no error', (t) => {
  const side = new OwnSide();
  const heard: string[] = [];
  const stop = side.member.subscribe('news', () => heard.push('x'));
  side.member.publish('news', 'x');
  side.member.close();
  side.member.close();
  side.settle();
  stop();
  t.deepEqual(heard, []);
  const code = 'ERR_CLOSED';
  t.throws(() => side.member.subscribe('news', () => undefined), { code });
  t.throws(() => side.member.publish('news', 'x'), { code });
  t.throws(() => side.member.send(null, 'news', 'x'), { code });
  side.member.gap();
  t.false(side.member.inbound(new Uint8Array([97]), new Uint8Array(0), false, 0));
});

test('a handler that closes the member is the last one', (t) => {
  const side = new OwnSide();
  let calls = 0;
  for (let count = 0; count < 3; count += 1) {
    side.member.subscribe('news', () => {
      calls += 1;
      side.member.close();
    });
  }
  side.member.publish('news', 'x');
  side.settle();
  t.is(calls, 1);
});

test('a router sees what all seats publish, but not what came from elsewhere', (t) => {
  const side = new OwnSide();
  const routed: string[] = [];
  side.member.route(({ op, seat, flags, first, second }) => {
    t.is(op, OP_PUBLISH);
    routed.push(`${seat} ${flags} ${Buffer.from(first)} ${Buffer.from(second)}`);
  });
  side.twin.routePublishes(0);
  const heard = side.listen('a');
  side.worker.commit([publish(5, 'a', 'from a guest'), publish(5, 'b', '', FLAG_RETAIN)]);
  side.member.publish('a', 'from the program');
  const bytes = (text: string) => new Uint8Array(Buffer.from(text));
  t.true(side.member.inbound(bytes('a'), bytes('from elsewhere'), false, 0));
  side.settle();
  t.deepEqual(routed, ['1 0 a from a guest', '1 1 b ', '0 0 a from the program']);
  t.deepEqual(heard, ['a from a guest', 'a from the program', 'a from elsewhere']);
});

test('one turn routes a thousand records or little more, and then the event loop has its own', (t) => {
  const side = new OwnSide();
  let routed = 0;
  side.member.route(() => {
    routed += 1;
  });
  side.twin.routePublishes(0);
  for (let count = 0; count < 200; count += 1) {
    side.worker.commit(Array.from({ length: 100 }, () => publish(5, 'a', 'x')));
  }
  t.true(side.member.turn());
  t.true(routed >= 1024 && routed < 1280, `${routed}`);
  side.settle();
  t.is(routed, 20_000);
});

test('what is retained for a time is not given to those who subscribe after it', (t) => {
  const side = new OwnSide();
  side.now = 100;
  side.member.publish('mine', 'x', { retain: true, ttlMs: 50 });
  t.true(side.member.inbound(new Uint8Array([0x6f]), new Uint8Array([0x79]), true, 60));
  side.now = 149;
  t.deepEqual(heardBy(side), ['*mine x', '*o y']);
  side.now = 150;
  t.deepEqual(heardBy(side), ['*o y']);
  side.now = 160;
  t.deepEqual(heardBy(side), []);
  const wrong = { retain: true, ttlMs: -1 };
  t.throws(() => side.member.publish('mine', 'x', wrong), { code: 'ERR_OPTION', message: /ttlMs/ });
});

function heardBy(side: OwnSide): string[] {
  const heard = side.listen('+', { pattern: true });
  side.settle();
  return heard;
}

test('a message from elsewhere is retained if there is room, and delivered in any case', (t) => {
  const side = new OwnSide({ groupBytes: 1000 });
  const heard = side.listen('a');
  const [topic, long] = [new Uint8Array([97]), new Uint8Array(900).fill(98)];
  t.true(side.member.inbound(topic, new Uint8Array([98]), true, 0));
  t.true(side.member.inbound(topic, long, true, 0));
  t.false(side.member.inbound(new Uint8Array(2000), long, true, 0));
  t.false(side.member.inbound(topic, new Uint8Array(70_000), true, 0));
  side.settle();
  t.deepEqual(heard, ['a b', `a ${'b'.repeat(900)}`]);
});

test('a gap is told to all members of all seats', (t) => {
  const side = new OwnSide();
  side.listen('a');
  side.listen('b/#', { pattern: true });
  side.worker.commit([join(5, 1, 'a'), join(6, 1, '#', FLAG_PATTERN)]);
  side.member.gap();
  side.settle();
  t.deepEqual(side.missed, [
    { topic: 'a', pattern: false },
    { topic: 'b/#', pattern: true },
  ]);
  t.deepEqual(side.worker.takeAll(), [
    {
      kind: 'missed',
      to: [
        [5, 0],
        [6, 0],
      ],
    },
  ]);
});

test('requests of guests that are routed come as they were asked', (t) => {
  const side = new OwnSide();
  const asked: unknown[] = [];
  side.member.route(({ op, seat, handle, tag, first }) => {
    asked.push([op, seat, handle, tag, Buffer.from(first).toString()]);
    side.twin.reply(seat, handle, tag, 0, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 120]));
  });
  side.twin.routeStore(0);
  side.worker.commit([get(5, 1, 'a'), get(6, 2, 'bc')]);
  side.settle();
  t.deepEqual(asked, [
    [OP_GET, WORKER, 5, 1, 'a'],
    [OP_GET, WORKER, 6, 2, 'bc'],
  ]);
  const replies = [
    { handle: 5, tag: 1, status: 0, version: 1n, value: 'x' },
    { handle: 6, tag: 2, status: 0, version: 1n, value: 'x' },
  ];
  t.deepEqual(side.worker.takeAll(), [{ kind: 'replies', replies }]);
});

test('a direct message for a connection of the program is nobody’s', (t) => {
  const side = new OwnSide();
  const heard = side.listen('a');
  side.worker.commit([direct(0, 12_345, 'a', 'x')]);
  side.settle();
  t.deepEqual(heard, []);
  t.deepEqual(side.failed, []);
});

type Step =
  | { readonly do: 'subscribe' | 'publish'; readonly topic: string }
  | { readonly do: 'stop'; readonly which: number }
  | { readonly do: 'turn' };

const topic = fc.constantFrom('a', 'b', 'c');
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('subscribe' as const), topic }),
    fc.record({ do: fc.constant('publish' as const), topic }),
    fc.record({ do: fc.constant('stop' as const), which: fc.nat(9) }),
    fc.record({ do: fc.constant('turn' as const) }),
  ),
  { maxLength: 60 },
);

test('whatever is subscribed, published and stopped, each hears what a plain list says', (t) => {
  fc.assert(
    fc.property(steps, (program: readonly Step[]) => {
      const side = new OwnSide();
      const heard: string[][] = [];
      /** What waits, and who has it. */
      const expected: string[][] = [];
      const active = new Map<number, { topic: string; stop: () => void; waits: string[] }>();
      const turn = (): void => {
        side.settle();
        for (const [id, { waits }] of active) expected[id]!.push(...waits.splice(0));
      };
      for (const [number, step] of program.entries()) {
        if (step.do === 'turn') turn();
        else if (step.do === 'subscribe') {
          const mine: string[] = [];
          const stop = side.member.subscribe(step.topic, (data) => {
            mine.push(Buffer.from(data).toString());
          });
          active.set(heard.push(mine) - 1, { topic: step.topic, stop, waits: [] });
          expected.push([]);
        } else if (step.do === 'publish') {
          side.member.publish(step.topic, String(number));
          for (const one of active.values()) {
            if (one.topic === step.topic) one.waits.push(String(number));
          }
        } else if (step.do === 'stop') {
          active.get(step.which)?.stop();
          active.delete(step.which);
        }
      }
      turn();
      t.deepEqual(heard, expected);
    }),
    { numRuns: 200 },
  );
});
