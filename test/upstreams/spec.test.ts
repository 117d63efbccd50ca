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
  [{ a: { targets: Array(65).fill('h:1') } }, /^upstreams\.a\.targets: has more than 64$/],
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
