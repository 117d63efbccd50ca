// Names of the operator: looked up again before they are old, and known as long as nobody says otherwise.

import test from 'ava';
import { ipText } from '../../host/listen/peer/ip.ts';
import { TargetNames } from '../../host/upstreams/names/target-names.ts';
import { absence } from '../helpers/upstream-ground.ts';

const AGAIN = Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' });

/** A look-up that answers when it is told to, and a patience that ends when it is told to. */
function scripted() {
  const asked: string[] = [];
  const answers: ((addresses: readonly string[] | Error) => void)[] = [];
  const pauses: (() => void)[] = [];
  const clock = { now: 0 };
  const names = new TargetNames(
    (name) => {
      asked.push(name);
      return new Promise((resolve, reject) => {
        answers.push((found) => (found instanceof Error ? reject(found) : resolve(found)));
      });
    },
    () => clock.now,
    (ms) => new Promise((resolve) => pauses.push(() => ms === 250 && resolve())),
  );
  const known = async (...addresses: string[]): Promise<void> => {
    const found = names.resolve('a');
    answers.at(-1)!(addresses);
    await found;
  };
  return { asked, answers, pauses, clock, names, known };
}

const texts = (addresses: readonly Uint8Array[] | undefined): string[] | undefined =>
  addresses?.map(ipText);
const settled = (): Promise<void> => new Promise(setImmediate);

test('a name is looked up once for all who ask at a time', async (t) => {
  const { asked, answers, names } = scripted();
  const found = Promise.all([names.resolve('a'), names.resolve('a')]);
  t.deepEqual(asked, ['a']);
  answers[0]!(['192.0.2.1', '192.0.2.2']);
  t.deepEqual((await found).map(texts), Array(2).fill(['192.0.2.1', '192.0.2.2']));
});

test('after 20 s a name is looked up again, and who comes meanwhile does not wait', async (t) => {
  const { asked, answers, clock, names, known } = scripted();
  await known('192.0.2.1');
  clock.now = 19_999;
  t.deepEqual(texts(names.kept('a')), ['192.0.2.1']);
  t.is(asked.length, 1);
  clock.now = 20_000;
  t.deepEqual(texts(names.kept('a')), ['192.0.2.1']);
  t.deepEqual(texts(await names.resolve('a')), ['192.0.2.1']);
  t.is(asked.length, 2, 'once');
  answers[1]!(['192.0.2.2']);
  await settled();
  t.deepEqual(texts(names.kept('a')), ['192.0.2.2']);
  clock.now = 39_999;
  t.deepEqual(texts(names.kept('a')), ['192.0.2.2']);
  t.is(asked.length, 2);
});

test('what nobody has asked for in 30 s is looked up before it is used', async (t) => {
  const { asked, answers, clock, names, known } = scripted();
  await known('192.0.2.1');
  clock.now = 30_000;
  t.is(names.kept('a'), undefined);
  const found = names.resolve('a');
  t.is(asked.length, 2);
  answers[1]!(['192.0.2.9']);
  t.deepEqual(texts(await found), ['192.0.2.9']);
});

test('if nobody answers, the old addresses go on, and only the first one waits for a moment', async (t) => {
  const { asked, answers, pauses, clock, names, known } = scripted();
  await known('192.0.2.1');
  clock.now = 60_000;
  const found = names.resolve('a');
  t.is(pauses.length, 1);
  pauses[0]!();
  t.deepEqual(texts(await found), ['192.0.2.1']);
  for (clock.now = 61_000; clock.now < 3_600_000; clock.now += 60_000) {
    t.deepEqual(texts(names.kept('a')), ['192.0.2.1']);
  }
  t.is(asked.length, 2, 'it is on its way still');
  answers[1]!(['192.0.2.2']);
  await settled();
  t.deepEqual(texts(names.kept('a')), ['192.0.2.2']);
});

test('if the look-up fails, the old addresses go on, and it is tried again each second', async (t) => {
  const { asked, answers, clock, names, known } = scripted();
  await known('192.0.2.1');
  clock.now = 60_000;
  const found = names.resolve('a');
  answers[1]!(AGAIN);
  t.deepEqual(texts(await found), ['192.0.2.1']);
  clock.now = 60_999;
  t.deepEqual(texts(names.kept('a')), ['192.0.2.1']);
  t.is(asked.length, 2);
  clock.now = 61_000;
  t.deepEqual(texts(names.kept('a')), ['192.0.2.1']);
  t.is(asked.length, 3);
});

test('a name that is gone has no addresses any more', async (t) => {
  const { answers, clock, names, known } = scripted();
  await known('192.0.2.1');
  clock.now = 25_000;
  t.deepEqual(texts(names.kept('a')), ['192.0.2.1']);
  answers[1]!(absence('a'));
  await settled();
  t.deepEqual(names.kept('a'), []);
});

test('without any answer for an hour a name has no addresses any more', async (t) => {
  const { answers, clock, names, known } = scripted();
  await known('192.0.2.1');
  clock.now = 60_000;
  const found = names.resolve('a');
  answers[1]!(AGAIN);
  t.deepEqual(texts(await found), ['192.0.2.1']);
  clock.now = 3_600_000;
  t.is(names.kept('a'), undefined);
  const later = names.resolve('a');
  answers[2]!(AGAIN);
  t.deepEqual(await later, []);
});

for (const failure of [AGAIN, absence('a')]) {
  test(`a name that was never there is asked for again after a second: ${failure.message}`, async (t) => {
    const { asked, answers, clock, names } = scripted();
    for (const [at, now] of [0, 1000, 2000].entries()) {
      clock.now = now;
      const found = names.resolve('a');
      t.is(asked.length, at + 1);
      answers[at]!(failure);
      t.deepEqual(await found, []);
      clock.now = now + 999;
      t.deepEqual(await names.resolve('a'), []);
      t.is(asked.length, at + 1);
    }
  });
}

test('names that no upstream has any more are forgotten', async (t) => {
  const { names, known } = scripted();
  await known('192.0.2.1');
  names.keepOnly(new Set(['a']));
  t.deepEqual(texts(names.kept('a')), ['192.0.2.1']);
  names.keepOnly(new Set(['b']));
  t.is(names.kept('a'), undefined);
});
