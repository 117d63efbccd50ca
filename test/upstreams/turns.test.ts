// Names that guests choose: whose turn it is to have one looked up, and what becomes of the others.

import test from 'ava';
import { Turns } from '../../host/upstreams/names/turns.ts';

const LATER = 1e9;

function scripted(places = 1) {
  const asked: string[] = [];
  const answers = new Map<string, (found: readonly string[] | Error) => void>();
  const clock = { now: 0 };
  const turns = new Turns(
    (name) => {
      asked.push(name);
      return new Promise((resolve, reject) => {
        answers.set(name, (found) => (found instanceof Error ? reject(found) : resolve(found)));
      });
    },
    places,
    () => clock.now,
  );
  const answer = async (name: string, found: readonly string[] | Error = [name]): Promise<void> => {
    answers.get(name)!(found);
    await new Promise(setImmediate);
  };
  return { asked, answer, clock, turns };
}

test('one name is looked up at a time', async (t) => {
  const { asked, answer, turns } = scripted();
  const found = ['a', 'b', 'c'].map((name) => turns.lookUp(name, name, LATER));
  t.deepEqual(asked, ['a']);
  await answer('a');
  t.deepEqual(asked, ['a', 'b']);
  await answer('b', new Error('none'));
  await answer('c');
  t.deepEqual(await Promise.allSettled(found), [
    { status: 'fulfilled', value: ['a'] },
    { status: 'rejected', reason: new Error('none') },
    { status: 'fulfilled', value: ['c'] },
  ]);
});

test('askers take turns: who asks for many does not hold up who asks for one', async (t) => {
  const { asked, answer, turns } = scripted();
  for (let at = 0; at < 100; at += 1) void turns.lookUp(`flood${at}`, 'one', LATER);
  const found = turns.lookUp('mine', 'other', LATER);
  await answer('flood0');
  await answer('flood1');
  t.deepEqual(asked, ['flood0', 'flood1', 'mine']);
  await answer('mine');
  t.deepEqual(await found, ['mine']);
  t.is(asked.at(-1), 'flood2');
});

test('a name that several wait for is looked up once', async (t) => {
  const { asked, answer, turns } = scripted();
  const found = ['one', 'two', 'one'].map((asker) => turns.lookUp('a', asker, LATER));
  await answer('a');
  t.deepEqual(await Promise.all(found), Array(3).fill(['a']));
  t.deepEqual(asked, ['a']);
});

test('with two places two are looked up at a time, and with none nobody is', async (t) => {
  const two = scripted(2);
  for (const name of ['a', 'b', 'c']) void two.turns.lookUp(name, name, LATER);
  t.deepEqual(two.asked, ['a', 'b']);
  const none = scripted(0);
  t.is(await none.turns.lookUp('a', 'one', LATER), null);
  t.deepEqual(none.asked, []);
});

test('when 1,024 wait, the last of whoever waits for the most gives way', async (t) => {
  const { asked, answer, turns } = scripted();
  void turns.lookUp('now', 'one', LATER);
  const flood = Array.from({ length: 1024 }, (_, at) => turns.lookUp(`f${at}`, 'one', LATER));
  t.is(await turns.lookUp('more', 'one', LATER), null, 'it has the most itself');
  const other = turns.lookUp('mine', 'other', LATER);
  t.is(await flood.at(-1), null);
  await answer('now');
  await answer('f0');
  t.is(asked.at(-1), 'mine');
  await answer('mine');
  t.deepEqual(await other, ['mine']);
});

test('a name that nobody waits for any longer is not looked up, and gives its place away', async (t) => {
  const { asked, answer, clock, turns } = scripted();
  void turns.lookUp('now', 'one', LATER);
  const late = Array.from({ length: 1024 }, (_, at) => turns.lookUp(`f${at}`, 'one', 5000));
  clock.now = 4999;
  t.is(await turns.lookUp('more', 'one', LATER), null);
  clock.now = 5000;
  const found = turns.lookUp('more', 'one', LATER);
  t.deepEqual(await Promise.all(late), Array(1024).fill(null));
  const soon = turns.lookUp('soon', 'other', 6000);
  clock.now = 6000;
  await answer('now');
  await answer('more');
  t.deepEqual(await found, ['more']);
  t.is(await soon, null);
  t.deepEqual(asked, ['now', 'more']);
});

test('a look-up that never ends costs its place, and the others go on in theirs', async (t) => {
  const { asked, answer, turns } = scripted(2);
  void turns.lookUp('hangs', 'one', LATER);
  const found = ['a', 'b', 'c'].map((name) => turns.lookUp(name, 'two', LATER));
  for (const name of ['a', 'b', 'c']) await answer(name);
  t.deepEqual(await Promise.all(found), [['a'], ['b'], ['c']]);
  t.deepEqual(asked, ['hangs', 'a', 'b', 'c']);
});
