// Names of topics, and patterns.

import test from 'ava';
import { isPattern, isTopic, matches } from '../../host/shared/names.ts';
import { bytesOf } from '../helpers/shared-seats.ts';

/** The name in the middle of other bytes, that would spoil it. */
const within = (rule: typeof isTopic, name: string) => rule(bytesOf(`a#${name}+a`), 2, name.length);

for (const name of ['a', '/', 'a/b', '//', '$SYS/a', '\0\xff']) {
  test(`one may publish to ${JSON.stringify(name)}`, (t) => t.true(within(isTopic, name)));
}
for (const name of ['', '+', '#', 'a/+', 'a#']) {
  test(`one may not publish to '${name}'`, (t) => t.false(within(isTopic, name)));
}
for (const name of ['a', '#', '+', '/#', '+/+', '+/a/#', '/+', '+/']) {
  test(`'${name}' is a pattern`, (t) => t.true(within(isPattern, name)));
}
for (const name of ['', 'a#', '#/b', '##', 'a+', '+a', '/+a/', 'a/b#', '#/', '#+', '+#']) {
  test(`'${name}' is no pattern`, (t) => t.false(within(isPattern, name)));
}

const cases: readonly (readonly [
  pattern: string,
  yes: readonly string[],
  no: readonly string[],
])[] = [
  ['a/b', ['a/b'], ['a', 'a/b/', 'a/b/c', '/a/b']],
  ['+', ['a', ''], ['a/b', '/', '$', '$SYS']],
  ['a/+', ['a/b', 'a/'], ['a', 'a/b/c']],
  ['a/#', ['a', 'a/', 'a/b/c'], ['ab', 'b/a']],
  ['#', ['a', '/', 'a/$b'], ['$', '$SYS/a']],
  ['+/#', ['a', 'a/b/c', '/'], ['$SYS/a']],
  ['$SYS/+', ['$SYS/a'], ['$SYS', '$SYS/a/b']],
  ['/+', ['/a', '/$a'], ['a', 'a/b']],
];

for (const [pattern, yes, no] of cases) {
  test(`what ${pattern} matches`, (t) => {
    t.deepEqual(
      yes.filter((topic) => !matches(pattern, topic)),
      [],
    );
    t.deepEqual(
      no.filter((topic) => matches(pattern, topic)),
      [],
    );
  });
}
