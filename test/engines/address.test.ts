// What --store and --topics may say, and that no message repeats a password.

import test from 'ava';
import fc from 'fast-check';
import { nameOf, parseStore, parseTopics } from '../../host/engines/address.ts';

const plain = { tls: false, user: '', password: '', database: 0, service: 'wasmpoll' };

test('addresses of servers have defaults for all but the host', (t) => {
  t.deepEqual(parseStore('redis://cache', '--store'), {
    ...{ kind: 'redis', host: 'cache', port: 6379 },
    ...plain,
  });
  t.deepEqual(parseTopics('nats://127.0.0.1', '--topics'), {
    ...{ kind: 'nats', host: '127.0.0.1', port: 4222 },
    ...plain,
  });
});

test('user, password, database, service and TLS are told apart', (t) => {
  t.deepEqual(parseStore('rediss://a%20b:p%40ss%23@[::1]:7000/3?service=my-chat', 'store'), {
    ...{ kind: 'redis', host: '::1', port: 7000, tls: true },
    ...{ user: 'a b', password: 'p@ss#', database: 3, service: 'my-chat' },
  });
  const token = parseTopics('nats://token@h:1', 'topics');
  t.deepEqual([token.user, token.password], ['token', '']);
});

test('a path is all that follows sqlite:', (t) => {
  t.deepEqual(parseStore('sqlite:/var/lib/a b?.db', 'store'), {
    kind: 'sqlite',
    path: '/var/lib/a b?.db',
  });
});

test('the name in logs has neither user nor password', (t) => {
  t.is(nameOf(parseStore('rediss://u:p@[::1]:1/2', 'store')), 'rediss://[::1]:1');
  t.is(nameOf(parseTopics('nats://token@h', 'topics')), 'nats://h:4222');
  t.is(nameOf(parseStore('sqlite:keys.db', 'store')), 'sqlite:keys.db');
});

for (const [text, message] of [
  ['', '--store must be redis://HOST:PORT, rediss://HOST:PORT or sqlite:PATH'],
  ['nats://h', /^--store must be redis:.*, got one with nats:$/],
  ['http://u:secret@h', /^--store must be redis:.*, got one with http:$/],
  ['secret', /^--store must be [^,]*, [^,]*$/],
  ['redis:secret', /^--store must be redis:.*, got one with redis:$/],
  ['redis://', /^--store: this is not redis:\/\/\[USER:PASSWORD@\]HOST\[:PORT\]$/],
  ['redis://u:secret@h:port', /^--store: this is not redis:/],
  ['redis://u:se#cret@h', /^--store: this is not redis:/],
  ['redis://h:1#secret', /^--store: a # in a password must be written %23$/],
  ['redis://u:secret%@h', /^--store: a % in user or password must be written %25$/],
  ['redis://h/secret', /^--store: the path must be the database's number$/],
  ['redis://h?password=secret', /^--store: the only parameter is service=NAME$/],
  ['redis://h?service=a.b', /^--store: service must be one name of letters/],
  ['redis://h?service=a&service=b', /^--store: service must be one name of letters/],
  ['sqlite:', /^--store: sqlite: takes a path$/],
] as const) {
  test(`'${text}' is refused in one line`, (t) => {
    const error = t.throws(() => parseStore(text, '--store'), { code: 'ERR_OPTION', message });
    t.notRegex(error!.message, /secret|\n/);
  });
}

test('a path of nats:// means nothing', (t) => {
  t.throws(() => parseTopics('nats://h/chat', 'topics'), {
    message: 'topics: nats:// has no path',
  });
});

test('whatever is written, it is an address or one line without what was written', (t) => {
  const texts = fc.tuple(
    fc.constantFrom('redis://', 'rediss://', 'nats://', 'sqlite:', '', 'redis:/', 'NATS://'),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(texts, fc.boolean(), ([scheme, rest], store) => {
      const text = `${scheme}u:Pa55word@${rest}`;
      try {
        if (store) parseStore(text, 'o');
        else parseTopics(text, 'o');
      } catch (error) {
        t.is((error as { code: string }).code, 'ERR_OPTION');
        t.false((error as Error).message.includes('Pa55word'));
      }
    }),
  );
});
