// Names that guests choose, and their addresses: what is kept, how long, how much of it, and in which order addresses
// are tried.

import test from 'ava';
import fc from 'fast-check';
import { ipText, isV4 } from '../../host/listen/peer/ip.ts';
import { interleaved, type LookUp } from '../../host/upstreams/names/addresses.ts';
import { GuestNames } from '../../host/upstreams/names/guest-names.ts';
import { Turns } from '../../host/upstreams/names/turns.ts';

const LATER = 1e9;

function namesBy(lookUp: LookUp, now: () => number) {
  const names = new GuestNames(new Turns(lookUp, 1, now), now);
  return {
    kept: (name: string) => names.kept(name),
    resolve: (name: string) => names.resolve(name, 'one', LATER),
  };
}

/** A resolver of the test's own: it answers when it is told to. */
function scripted() {
  const asked: string[] = [];
  const answers: ((addresses: readonly string[] | Error) => void)[] = [];
  const clock = { now: 0 };
  const lookUp = (name: string): Promise<readonly string[]> => {
    asked.push(name);
    return new Promise((resolve, reject) => {
      answers.push((found) => (found instanceof Error ? reject(found) : resolve(found)));
    });
  };
  return { asked, answers, clock, resolver: namesBy(lookUp, () => clock.now) };
}

const texts = (addresses: readonly Uint8Array[]): string[] => addresses.map(ipText);

test('a name is looked up once for all who ask at a time, and again after 30 s', async (t) => {
  const { asked, answers, clock, resolver } = scripted();
  const found = Promise.all([resolver.resolve('a'), resolver.resolve('a')]);
  t.deepEqual(asked, ['a']);
  answers[0]!(['192.0.2.1', '192.0.2.2']);
  t.deepEqual(
    (await found).map((addresses) => texts(addresses!)),
    Array(2).fill(['192.0.2.1', '192.0.2.2']),
  );
  clock.now = 29_999;
  t.deepEqual(texts(resolver.kept('a')!), ['192.0.2.1', '192.0.2.2']);
  t.deepEqual(texts((await resolver.resolve('a'))!), ['192.0.2.1', '192.0.2.2']);
  t.is(asked.length, 1);
  clock.now = 30_000;
  t.is(resolver.kept('a'), undefined);
  const again = resolver.resolve('a');
  t.is(asked.length, 2);
  answers[1]!(['192.0.2.3']);
  t.deepEqual(texts((await again)!), ['192.0.2.3']);
});

test('a name that is not there is asked for again after a second', async (t) => {
  const { asked, answers, clock, resolver } = scripted();
  const found = resolver.resolve('a');
  answers[0]!(new Error('ENOTFOUND'));
  t.deepEqual(await found, []);
  clock.now = 999;
  t.deepEqual(await resolver.resolve('a'), []);
  t.is(asked.length, 1);
  clock.now = 1000;
  void resolver.resolve('a');
  t.is(asked.length, 2);
});

test('what is no plain address is left out', async (t) => {
  const { answers, resolver } = scripted();
  const found = resolver.resolve('a');
  answers[0]!(['fe80::1%eth0', '127.1', 'x', '192.0.2.1', '']);
  t.deepEqual(texts((await found)!), ['192.0.2.1']);
});

test('at most 1,024 names are kept, and the oldest go first', async (t) => {
  const asked: string[] = [];
  const resolver = namesBy(
    async (name) => {
      asked.push(name);
      return ['192.0.2.1'];
    },
    () => 0,
  );
  for (let at = 0; at <= 1024; at += 1) await resolver.resolve(`n${at}`);
  t.is(resolver.kept('n0'), undefined);
  t.not(resolver.kept('n1'), undefined);
  t.not(resolver.kept('n1024'), undefined);
  t.is(asked.length, 1025);
});

test('a name that was not looked up is no answer, and nothing is kept of it', async (t) => {
  const names = new GuestNames(
    new Turns(
      async () => ['192.0.2.1'],
      0,
      () => 0,
    ),
    () => 0,
  );
  t.is(await names.resolve('a', 'one', LATER), null);
  t.is(names.kept('a'), undefined);
});

test('askers of two servers are told apart', async (t) => {
  const asked: string[] = [];
  const turns = new Turns(
    (name) => {
      asked.push(name);
      return new Promise((resolve) => setImmediate(resolve, []));
    },
    1,
    () => 0,
  );
  const [one, other] = [new GuestNames(turns, () => 0), new GuestNames(turns, () => 0)];
  const flood = ['a', 'b', 'c'].map((name) => one.resolve(name, '1/0', LATER));
  await other.resolve('mine', '1/0', LATER);
  t.deepEqual(asked.slice(0, 3), ['a', 'b', 'mine']);
  await Promise.all(flood);
});

test('families take turns, beginning with that of the first address', async (t) => {
  const { answers, resolver } = scripted();
  const found = resolver.resolve('a');
  answers[0]!(['2001:db8::1', '2001:db8::2', '192.0.2.1', '2001:db8::1', '192.0.2.2', '192.0.2.3']);
  t.deepEqual(texts((await found)!), [
    '2001:db8::1',
    '192.0.2.1',
    '2001:db8::2',
    '192.0.2.2',
    '192.0.2.3',
  ]);
});

test('each address is tried once, and its family keeps its order', (t) => {
  const address = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 20 })).map(([v4, last]) => {
    const bytes = new Uint8Array(16);
    if (v4) bytes.fill(255, 10, 12);
    else bytes[0] = 0x20;
    bytes[15] = last;
    return bytes;
  });
  fc.assert(
    fc.property(fc.array(address, { maxLength: 16 }), (addresses) => {
      const order = interleaved(addresses);
      const once = [...new Set(addresses.map(ipText))];
      t.deepEqual([...texts(order)].sort(), [...once].sort());
      t.deepEqual(order[0], addresses[0]);
      for (const family of [true, false]) {
        const wanted = once.filter((text) => !text.includes(':') === family);
        t.deepEqual(texts(order.filter((bytes) => isV4(bytes) === family)), wanted);
      }
    }),
    { numRuns: 300 },
  );
});

test('of a name with very many addresses sixteen are tried', (t) => {
  const many = Array.from({ length: 100 }, (_, at) => {
    const bytes = new Uint8Array(16).fill(255, 10, 12);
    bytes[15] = at;
    return bytes;
  });
  t.is(interleaved(many).length, 16);
});
