// What operators say of upstreams: objects and text say the same, and each mistake is told where it stands.

import test from 'ava';
import { WasmpollError } from '../../host/errors.ts';
import { parseNetworks } from '../../host/listen/peer/networks.ts';
import { parseUpstreams, readUpstreams } from '../../host/upstreams/spec/read.ts';
import type { Upstreams } from '../../host/upstreams/spec/spec.ts';

const parse = (upstreams: Upstreams) => parseUpstreams(upstreams, 'upstreams');

/** All that is wrong, as a file would have it behind its line. */
function mistakes(upstreams: unknown): string[] {
  const found: string[] = [];
  readUpstreams(upstreams, ['upstreams'], (where, message) => {
    found.push(`${where.join('.')}: ${message}`);
  });
  return found;
}

const DEFAULTS = {
  ...{ targets: [], patterns: [], allowPrivate: false, connectTimeoutMs: 5000 },
  ...{ max: null, proxy: null, tls: null },
};

test('an upstream is a target, and the rest has defaults', (t) => {
  t.deepEqual(parse({ db: '10.0.0.5:5432' }), [
    { ...DEFAULTS, name: 'db', targets: [{ kind: 'tcp', host: '10.0.0.5', port: 5432 }] },
  ]);
});

test('text says what an object says', (t) => {
  const text =
    'db.internal:5432,[2001:db8::1]:5432,unix:/run/db.sock?connectTimeout=250ms&max=100&proxy=v%32';
  const options = {
    targets: ['db.internal:5432', '[2001:db8::1]:5432', 'unix:/run/db.sock'],
    ...{ connectTimeout: 250, max: 100, proxy: 'v2' as const },
  };
  t.deepEqual(parse({ db: text }), parse({ db: options }));
  t.deepEqual(parse({ db: text }), [
    {
      ...{ ...DEFAULTS, name: 'db', connectTimeoutMs: 250, max: 100, proxy: 2 },
      targets: [
        { kind: 'tcp', host: 'db.internal', port: 5432 },
        { kind: 'tcp', host: '2001:db8::1', port: 5432 },
        { kind: 'unix', path: '/run/db.sock' },
      ],
    },
  ]);

  t.deepEqual(
    parse({ any: '*.example.com:443,*.Example.NET:*?allowPrivate=10.0.0.0/8,fd00::/8' }),
    parse({
      any: {
        pattern: ['*.example.com:443', '*.example.net:*'],
        allowPrivate: ['10.0.0.0/8', 'fd00::/8'],
      },
    }),
  );
  t.deepEqual(parse({ any: '*:443?allowPrivate=true' })[0]!.allowPrivate, true);
  t.deepEqual(
    parse({ any: { pattern: '*:1', allowPrivate: ['10.0.0.0/8'] } })[0]!.allowPrivate,
    parseNetworks(['10.0.0.0/8'], ''),
  );
});

const wrong: [upstreams: unknown, ...lines: RegExp[]][] = [
  [7, /^upstreams: must have an upstream for each name, got 7$/],
  [['h:1'], /^upstreams: must have an upstream for each name, got a list$/],
  [{ 'A b': 'h:1' }, /^upstreams\.A b: an upstream has a name of small letters, /],
  [{ a: 7 }, /^upstreams\.a: must be a table or text, got 7$/],
  [{ a: '' }, /^upstreams\.a: the target is missing: HOST:PORT$/],
  [{ a: {} }, /^upstreams\.a: targets are missing: HOST:PORT, or several; or a pattern such as /],
  [{ a: { targets: [] } }, /^upstreams\.a\.targets: is empty/],
  [{ a: { targets: ['h:1', 7] } }, /^upstreams\.a\.targets\.1: must be text, got 7$/],
  [{ a: { targets: ['h:1', 'h'] } }, /^upstreams\.a\.targets\.1: address 'h': must be HOST:PORT/],
  [{ a: 'h:0' }, /^upstreams\.a\.targets: address 'h:0': the port must be .* from 1 to 65535$/],
  [
    { a: { targets: '*.x.y:1' } },
    /^upstreams\.a\.targets: '\*\.x\.y:1' is a pattern: write pattern/,
  ],
  [
    { a: { targets: Array.from({ length: 65 }, (_, at) => `h:${at + 1}`) } },
    /^upstreams\.a\.targets: has more than 64$/,
  ],
  [
    { a: { targets: ['h:1', 'i:1', 'h:01'] } },
    /^upstreams\.a\.targets\.2: 'h:01' is named twice: leave it out here$/,
  ],
  [{ a: 'h:1,h:1' }, /^upstreams\.a\.targets\.1: 'h:1' is named twice/],
  [{ a: { targets: 'h:1', pattern: '*:1' } }, /^upstreams\.a\.pattern: targets are given as well/],
  [{ a: { pattern: 'x.y:1' } }, /^upstreams\.a\.pattern: 'x\.y:1': must be \*\.DOMAIN:PORT, /],
  [{ a: { pattern: '*.x.y' } }, /^upstreams\.a\.pattern: '\*\.x\.y': must be \*\.DOMAIN:PORT, /],
  [{ a: { pattern: '*x.y:1' } }, /^upstreams\.a\.pattern: '\*x\.y:1': must be \*\.DOMAIN:PORT, /],
  [
    { a: { pattern: '*.x.y:0' } },
    /^upstreams\.a\.pattern: '\*\.x\.y:0': the port must be a number/,
  ],
  [
    { a: { pattern: '*.0.0.1:1' } },
    /^upstreams\.a\.pattern: .*: '0\.0\.1' must be a domain such as/,
  ],
  [{ a: { pattern: '*.x.y.:1' } }, /^upstreams\.a\.pattern: .*: 'x\.y\.' must be a domain such as/],
  [{ a: { targets: 'h:1', allowPrivate: true } }, /^upstreams\.a\.allowPrivate: is for a pattern/],
  [
    { a: '*:1?allowPrivate=10.0.0.1/8' },
    /^upstreams\.a\.allowPrivate: networks: .*10\.0\.0\.0\/8$/,
  ],
  [
    { a: { pattern: '*:1', allowPrivate: 7 } },
    /^upstreams\.a\.allowPrivate: must be true, false or/,
  ],
  [{ a: 'h:1?connectTimeout=5' }, /^upstreams\.a\.connectTimeout: must be a time .*, got '5'$/],
  [
    { a: 'h:1?connectTimeout=11m' },
    /^upstreams\.a\.connectTimeout: .* from 1ms to 10m, got '11m'$/,
  ],
  [{ a: { targets: 'h:1', connectTimeout: 0 } }, /^upstreams\.a\.connectTimeout: .*, got 0$/],
  [{ a: 'h:1?max=0' }, /^upstreams\.a\.max: must be a whole number from 1 to 1048576, got 0$/],
  [{ a: 'h:1?max=x' }, /^upstreams\.a\.max: .*, got 'x'$/],
  [{ a: 'h:1?proxy=v3' }, /^upstreams\.a\.proxy: must be v1 or v2, got 'v3'$/],
  [{ a: 'h:1?prox=v2' }, /^upstreams\.a: there is no option 'prox'; proxy is one$/],
  [{ a: 'h:1?max=1&max=2' }, /^upstreams\.a: max is given twice; a list has commas$/],
  [{ a: 'h:1?max' }, /^upstreams\.a: 'max' must be KEY=VALUE$/],
  [
    { a: 'h:1?proxy=%' },
    /^upstreams\.a: '%' has a % that is followed by no two digits; %25 stands/,
  ],
  [{ a: { target: 'h:1' } }, /^upstreams\.a\.target: .*; targets is one$/, /targets are missing/],
  [{ a: 'h:0', b: 'h:1', c: 'h' }, /^upstreams\.a\.targets: /, /^upstreams\.c\.targets: /],
];

for (const [index, [upstreams, ...lines]] of wrong.entries()) {
  test(`a mistake is told where it stands: ${index} ${JSON.stringify(upstreams).slice(0, 60)}`, (t) => {
    const found = mistakes(upstreams);
    t.is(found.length, lines.length, found.join('\n'));
    for (const [at, line] of lines.entries()) t.regex(found[at]!, line);
  });
}

test('a program is told of the first mistake', (t) => {
  const error = t.throws(() => parse({ a: 'h:0', b: 'h' }), { instanceOf: WasmpollError });
  t.is(error.code, 'ERR_OPTION');
  t.regex(error.message, /^upstreams\.a\.targets: address 'h:0'/);
  t.deepEqual(parseUpstreams(undefined, 'upstreams'), []);
});

test('there is room for 256 upstreams', (t) => {
  const named = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`u${at}`, 'h:1']));
  t.deepEqual(mistakes(named(256)), []);
  t.deepEqual(mistakes(named(257)), ['upstreams: has more than 256 upstreams']);
});

test('TLS is true, or options; in text it is tls, and they stand beside it', (t) => {
  const tlsOf = (db: string | object) => parse({ db })[0]!.tls;
  t.deepEqual(tlsOf('db.internal.:5432?tls'), { host: 'db.internal' });
  t.deepEqual(tlsOf({ targets: '10.0.0.5:5432', tls: true }), { host: '10.0.0.5' });
  t.deepEqual(tlsOf({ targets: '[FE80::1%eth0]:5432', tls: true }), { host: 'fe80::1' });
  t.is(tlsOf({ targets: '10.0.0.5:5432', tls: false }), null);
  t.deepEqual(tlsOf({ pattern: '*.example.com:443', tls: true }), { host: '' });
  t.deepEqual(tlsOf('a:1,b:1?tls=true'), { host: '' });
  const options = {
    ...{ serverName: 'DB.example', ca: 'a b.pem', cert: 'c.pem', key: 'k.pem', min: '1.3' },
    ...{ alpn: ['x', 'y'], tickets: false, end: 'lenient', starttls: true },
  };
  const text =
    'a:1?tls&serverName=DB.example&ca=a%20b.pem&cert=c.pem&key=k.pem&min=1.3&alpn=x,y&tickets=false&end=lenient&starttls=true';
  t.deepEqual(tlsOf(text), { ...options, host: 'db.example' } as never);
  t.deepEqual(tlsOf(text), tlsOf({ targets: 'a:1', tls: options }));
  t.deepEqual(tlsOf({ targets: 'a:1', tls: { alpn: 'x' } })!.alpn, ['x']);
});

test('what is wrong with TLS is told where it stands', (t) => {
  const complaints = (tls: unknown, targets: string | string[] = 'a:1'): string[] => {
    const all: string[] = [];
    readUpstreams({ db: { targets, tls } }, [], (where, why) => {
      all.push(`${where.join('.')}: ${why}`);
    });
    return all;
  };
  const one = (tls: unknown, expected: RegExp, targets?: string | string[]): void => {
    const all = complaints(tls, targets);
    t.is(all.length, 1, all.join('; '));
    t.regex(all[0]!, expected);
  };
  one('yes', /^db\.tls: must be true or a table, got 'yes'/);
  one({ name: 'a' }, /^db\.tls\.name: there is no such key/);
  one({ ca: '' }, /^db\.tls\.ca: must be a path or a PEM text/);
  one({ cert: 'c' }, /^db\.tls\.cert: key is missing/);
  one({ key: 'k' }, /^db\.tls\.key: cert is missing/);
  one({ min: '1.1' }, /^db\.tls\.min: must be one of 1\.2, 1\.3/);
  one({ end: 'soft' }, /^db\.tls\.end: must be one of strict, lenient/);
  one({ verify: 'no' }, /^db\.tls\.verify: must be true or false/);
  one({ verify: false, ca: 'c' }, /^db\.tls\.ca: is for judging servers/);
  one({ alpn: [] }, /^db\.tls\.alpn: must be a list/);
  one({ alpn: Array.from({ length: 600 }, () => 'protocol') }, /alpn: has too many names/);
  one({ serverName: 'a b' }, /^db\.tls\.serverName: must be a host name or an address/);
  one(true, /^db\.tls\.serverName: is missing: a Unix socket/, 'unix:/run/db');
  one({ starttls: true }, /^db\.tls\.serverName: is missing: with starttls/, ['a:1', 'b:1']);
  t.deepEqual(complaints({ starttls: true }, ['a:1', 'a:2']), []);
  for (const [text, expected] of [
    ['a:1?ca=x', /ca is for TLS, which begins with \?tls or &tls/],
    ['a:1?tls&tls', /tls is given twice/],
    ['a:1?tls&ca=x&ca=y', /ca is given twice/],
    ['a:1?tls&sreverName=x', /there is no option 'sreverName'; serverName is one/],
  ] as const) {
    t.throws(() => parse({ db: text }), { code: 'ERR_OPTION', message: expected });
  }
});
