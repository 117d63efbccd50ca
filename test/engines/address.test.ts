// What --store and --topics may say, and that no message repeats a password.

import test from 'ava';
import fc from 'fast-check';
import { nameOf, parseStore, parseTopics, type ServerAddress } from '../../host/engines/address.ts';

const plain = { tls: false, user: '', password: '', database: 0, service: 'wasmpoll', files: {} };

test('addresses of servers have defaults for all but the host', (t) => {
  t.deepEqual(parseStore('redis://cache', '--store'), {
    ...{ kind: 'redis', servers: [{ host: 'cache', port: 6379 }] },
    ...plain,
  });
  t.deepEqual(parseTopics('nats://127.0.0.1', '--topics'), {
    ...{ kind: 'nats', servers: [{ host: '127.0.0.1', port: 4222 }] },
    ...plain,
  });
});

test('user, password, database, service and TLS are told apart', (t) => {
  t.deepEqual(parseStore('rediss://a%20b:p%40ss%23@[::1]:7000/3?service=my-chat', 'store'), {
    ...{ kind: 'redis', servers: [{ host: '::1', port: 7000 }], tls: true },
    ...{ user: 'a b', password: 'p@ss#', database: 3, service: 'my-chat', files: {} },
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
  t.is(nameOf(parseTopics('nats://u:p@h,[::1]:1', 'topics')), 'nats://h:4222,[::1]:1');
});

test('a cluster has several servers, with one user', (t) => {
  const { servers, user, password, service } = parseTopics(
    'nats://a%2Cb:c%40d@one,two:7000,[::1]:1?service=chat',
    'topics',
  );
  t.deepEqual(servers, [
    { host: 'one', port: 4222 },
    { host: 'two', port: 7000 },
    { host: '::1', port: 1 },
  ]);
  t.deepEqual([user, password, service], ['a,b', 'c@d', 'chat']);
  for (const text of ['nats://a,', 'nats://,a', 'nats://a,b:port', 'nats://u:secret@a,/b']) {
    const message = /^topics: (this is not nats:|nats:\/\/ has no path)/;
    t.throws(() => parseTopics(text, 'topics'), { message });
  }
});

test('files that are named belong to TLS, or to NATS', (t) => {
  const { files, service } = parseStore(
    'rediss://h?ca=/etc/a%20b.pem&cert=c.pem&key=k.pem&service=s',
    'store',
  ) as ServerAddress;
  t.deepEqual(files, { ca: '/etc/a b.pem', cert: 'c.pem', key: 'k.pem' });
  t.is(service, 's');
  t.deepEqual(parseTopics('nats://h?creds=user.creds', 'topics').files, { creds: 'user.creds' });
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
  ['redis://h?password=secret', /^--store: parameters of redis:\/\/ are service$/],
  ['redis://h?ca=secret', /^--store: parameters of redis:\/\/ are service$/],
  ['rediss://h?creds=secret', /^--store: parameters of rediss:\/\/ are service, ca, cert, key$/],
  ['rediss://h?ca=', /^--store: ca takes one path$/],
  ['rediss://h?ca=secret&ca=b', /^--store: ca takes one path$/],
  ['rediss://h?cert=secret', /^--store: cert and key go together$/],
  ['redis://h,secret', /^--store: redis:\/\/ has one server$/],
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
