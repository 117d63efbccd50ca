// Where connections of an upstream go next, and what is known of it.

import test from 'ava';
import type { Endpoint, Resolved } from '../../host/upstreams/contract.ts';
import { parseUpstreams } from '../../host/upstreams/spec/read.ts';
import { operating, showEndpoint } from '../helpers/upstream-ground.ts';

const shown = (resolved: Resolved): readonly string[] | string =>
  typeof resolved === 'string' ? resolved : resolved.map(showEndpoint);

test('numeric targets need no look-up, and stand as the operator has written them', (t) => {
  const targets = ['192.0.2.1:1', '[fe80::1%eth0]:2', 'unix:@three', '127.0.0.1:4'];
  const { operator, asked } = operating({ db: { targets } });
  const expected = ['192.0.2.1 1', 'fe80::1%eth0 2', 'unix:@three', '127.0.0.1 4'];
  t.deepEqual(shown(operator.resolve(0, '', '') as Resolved), expected);
  t.deepEqual(shown(operator.resolve(0, '', '') as Resolved), [...expected.slice(1), expected[0]]);
  t.deepEqual(asked, []);
});

test('a target with a name is looked up once, and then known', async (t) => {
  const { operator, asked } = operating({ db: 'db.x:5432' }, { 'db.x': ['10.0.0.1', '10.0.0.2'] });
  const expected = ['10.0.0.1 5432', '10.0.0.2 5432'];
  t.deepEqual(shown(await operator.resolve(0, '', '')), expected);
  t.deepEqual(shown(operator.resolve(0, '', '') as Resolved), expected);
  t.deepEqual(asked, ['db.x']);
});

test('while one target is looked up, the others are tried', async (t) => {
  const { operator } = operating({ db: 'db.x:1,192.0.2.1:2' }, { 'db.x': ['192.0.2.2'] });
  t.deepEqual(shown(operator.resolve(0, '', '') as Resolved), ['192.0.2.1 2']);
  await new Promise(setImmediate);
  t.deepEqual(shown(operator.resolve(0, '', '') as Resolved), ['192.0.2.1 2', '192.0.2.2 1']);
});

test('a connection to a target that is taken away while it is made is none, in clear as well', (t) => {
  const { operator } = operating({ db: '192.0.2.1:1', any: '*.x.org:443' });
  const [old] = operator.resolve(0, '', '') as readonly Endpoint[];
  t.is(operator.secure(0, '', old!, -1), null);
  operator.setUpstreams(operator.numbered(parseUpstreams({ db: '192.0.2.2:1' }, 'test')));
  t.is(operator.secure(0, '', old!, -1)?.step(), 'failed');
  const changed = operator.secure(1, 'www.x.org', old!, -1)!;
  t.deepEqual([changed.step(), changed.why], ['failed', '']);
  operator.tried(0, old!, 'refused');
  t.deepEqual(operator.stats.db!.targets, [{ address: '192.0.2.2:1', resting: false }]);
});

test('a target that has failed one client comes last for that one, where a header names it', (t) => {
  const targets = '192.0.2.1:1,192.0.2.2:1';
  const { operator } = operating({ plain: targets, told: `${targets}?proxy=v1` });
  const ends = { peer: '192.0.2.9:1', local: '192.0.2.10:2' };
  const request = { ...{ handle: 1, upstream: 1, parent: 0, added: '' }, ...ends };
  const [first] = operator.resolve(1, '', '') as readonly Endpoint[];
  operator.tried(1, first!, 'tls', { why: 'it has reset', failsAll: false, request });
  const firstFor = (upstream: number, client = ends) =>
    [1, 2].map(() => shown(operator.resolve(upstream, '', '', client) as Resolved)[0]);
  t.deepEqual(firstFor(1), ['192.0.2.2 1', '192.0.2.2 1']);
  t.deepEqual(firstFor(1, { ...ends, peer: '192.0.2.8:1' }), ['192.0.2.1 1', '192.0.2.2 1']);
  t.deepEqual(firstFor(0), ['192.0.2.1 1', '192.0.2.2 1']);
});

test('a target whose name has no address rests', async (t) => {
  const { operator, reports } = operating({ db: 'a.x:1,b.x:1' }, { 'b.x': ['192.0.2.2'] });
  t.deepEqual(shown(await operator.resolve(0, '', '')), ['192.0.2.2 1']);
  const [first, second] = operator.stats.db!.targets;
  t.deepEqual(
    [first, second],
    [
      { address: 'a.x:1', resting: true },
      { address: 'b.x:1', resting: false },
    ],
  );
  t.deepEqual(reports, [['db', 'a.x:1', 'unresolved']]);
});

test('an upstream none of whose names has an address is not resolved', async (t) => {
  const { operator } = operating({ db: 'a.x:1,b.x:1' });
  t.is(await operator.resolve(0, '', ''), 'unresolved');
});

test('a host that the guest adds is looked up, and the port is the pattern’s', async (t) => {
  const { operator, asked } = operating(
    { any: '*.x.org:443', open: '*:*' },
    { 'www.x.org': ['93.184.216.34', '2606:2800::1'] },
  );
  const expected = ['93.184.216.34 443', '2606:2800::1 443'];
  t.deepEqual(shown(await operator.resolve(0, 'WWW.x.org', '')), expected);
  t.deepEqual(shown(await operator.resolve(0, 'www.x.org', '')), expected);
  t.deepEqual(asked, ['www.x.org']);
  t.deepEqual(shown(operator.resolve(1, '[2606:2800::1]:8080', '') as Resolved), [
    '2606:2800::1 8080',
  ]);
  t.is(await operator.resolve(0, 'none.x.org', ''), 'unresolved');
  t.is(await operator.resolve(0, 'www.y.org', ''), 'denied');
});

test('names that guests add do not crowd out those of targets', async (t) => {
  const names = Object.fromEntries(
    Array.from({ length: 2000 }, (_, at) => [`n${at}.x.org`, ['93.184.216.34']] as const),
  );
  const { operator, asked } = operating(
    { db: 'db.x:1', any: '*.x.org:443' },
    { ...names, 'db.x': ['192.0.2.1'] },
  );
  await operator.resolve(0, '', '');
  for (const name of Object.keys(names)) await operator.resolve(1, name, '');
  t.deepEqual(shown(operator.resolve(0, '', '') as Resolved), ['192.0.2.1 1']);
  t.is(asked.filter((name) => name === 'db.x').length, 1);
});

test('a guest’s name that is never answered delays no target', async (t) => {
  const never = new Promise<never>(() => undefined);
  const { operator, clock } = operating(
    { db: 'db.x:1', any: '*.x.org:443' },
    { 'db.x': ['192.0.2.1'], 'hangs.x.org': () => never as never },
  );
  const hangs = operator.resolve(1, 'hangs.x.org', '1/7');
  t.true(hangs instanceof Promise);
  for (let at = 0; at < 100; at += 1) void operator.resolve(1, `n${at}.x.org`, '1/7');
  t.deepEqual(shown(await operator.resolve(0, '', '1/7')), ['192.0.2.1 1']);
  clock.now = 60_000;
  t.deepEqual(shown(await operator.resolve(0, '', '1/7')), ['192.0.2.1 1']);
});

test('names beyond those that may wait are a shortage of this machine', async (t) => {
  const never = new Promise<never>(() => undefined);
  const { operator } = operating({ any: '*.x.org:443' }, { 'hangs.x.org': () => never as never });
  void operator.resolve(0, 'hangs.x.org', '1/7');
  for (let at = 0; at < 1024; at += 1) void operator.resolve(0, `n${at}.x.org`, '1/7');
  t.is(await operator.resolve(0, 'more.x.org', '1/7'), 'resources');
});

test('a target that fails is told of once, rests, and is told of when it works again', (t) => {
  const { operator, clock, reports } = operating({ db: '192.0.2.1:1,192.0.2.2:1' });
  const [first] = operator.resolve(0, '', '') as Exclude<Resolved, string>;
  operator.tried(0, first!, 'refused');
  operator.tried(0, first!, 'timeout');
  t.deepEqual(reports, [['db', '192.0.2.1:1', 'refused']]);
  t.deepEqual(
    operator.stats.db!.targets.map(({ resting }) => resting),
    [true, false],
  );
  clock.now = 1000;
  operator.tried(0, first!, 'refused');
  operator.tried(0, first!, null);
  operator.tried(0, first!, null);
  t.deepEqual(reports, [
    ['db', '192.0.2.1:1', 'refused'],
    ['db', '192.0.2.1:1', null],
  ]);
});

test('a shortage on this machine is not held against a target', (t) => {
  const { operator, reports } = operating({ db: '192.0.2.1:1' });
  const [first] = operator.resolve(0, '', '') as Exclude<Resolved, string>;
  operator.tried(0, first!, 'resources');
  t.false(operator.stats.db!.targets[0]!.resting);
  t.deepEqual(reports, []);
});

test('what became of requests is counted by kind', (t) => {
  const { operator } = operating({ db: '192.0.2.1:1?max=7&connectTimeout=2s', any: '*:1' });
  for (const outcome of ['connected', 'connected', 'refused', 'timeout', 'cancelled'] as const) {
    operator.dialing(0);
    t.is(operator.stats.db!.connecting, 1);
    operator.dialed(0, outcome);
  }
  t.deepEqual(operator.stats.db, {
    ...{ open: 0, connecting: 0, connected: 2, cancelled: 1, failed: { refused: 1, timeout: 1 } },
    ...{ bytesIn: 0, bytesOut: 0, targets: [{ address: '192.0.2.1:1', resting: false }] },
  });
  t.deepEqual(operator.stats.any!.targets, []);
  t.is(operator.connectTimeoutMs(0), 2000);
  t.deepEqual(operator.share.upstreams[0], {
    ...{ name: 'db', isGone: false, patterns: [], max: 7, proxied: false },
  });
  t.deepEqual(operator.share.upstreams[1]!.patterns, [{ suffix: '', port: 1 }]);
});

test('a PROXY header is for those who have asked for one', (t) => {
  const { operator } = operating({ a: '192.0.2.1:1', b: '192.0.2.1:1?proxy=v1' });
  const request = {
    handle: 1,
    upstream: 0,
    added: '',
    parent: 0,
    peer: '192.0.2.7:9',
    local: '192.0.2.8:80',
  };
  const [to] = operator.resolve(1, '', '') as readonly Endpoint[];
  t.is(operator.header(0, request, to!), null);
  const header = operator.header(1, request, to!)!;
  t.is(String(Buffer.from(header)), 'PROXY TCP4 192.0.2.7 192.0.2.8 9 80\r\n');
  // Nothing is said to whom the operator has taken away.
  operator.setUpstreams(operator.numbered([]));
  t.is(operator.header(1, request, to!), null);
});
