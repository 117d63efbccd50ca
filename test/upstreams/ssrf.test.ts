// A hostile guest and a hostile resolver: whatever the guest adds, and whatever its names lead to, no endpoint is an
// address that is denied. What sockets make of it is tested where they are made.

import test from 'ava';
import fc from 'fast-check';
import { ipText, parseIp } from '../../host/listen/peer/ip.ts';
import type { Resolved } from '../../host/upstreams/contract.ts';
import { placeOf } from '../../host/upstreams/reach.ts';
import { operating, showEndpoint } from '../helpers/upstream-ground.ts';

const PUBLIC = '93.184.216.34';

/** What may be connected to, for each way in which a guest may write a host. */
async function endpoints(
  added: string,
  pattern: string,
  found: readonly string[] = ['127.0.0.1'],
): Promise<Resolved> {
  // Every name leads there.
  const names = new Proxy({}, { get: () => found });
  return operating({ any: pattern }, names).operator.resolve(0, added, '');
}

const HOSTS = [
  // IPv4 in all its forms: dotted, decimal, octal, hexadecimal, short, long, mixed.
  ...['127.0.0.1', '2130706433', '017700000001', '0x7f000001', '0x7f.0.0.1', '0177.0.0.1', '127.1'],
  ...[
    '127.0.1',
    '127.0.0.1.',
    '00127.0.0.1',
    '127.0.0.01',
    '127.0.0.1%00',
    '127.0.0.1 ',
    ' 127.0.0.1',
  ],
  ...[
    '0',
    '0.0.0.0',
    '00.0.0.0',
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
  ],
  ...['10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '198.61.0.7', '255.255.255.255'],
  ...['224.0.0.1', '168.63.129.16', '100.100.100.200'],
  // IPv6, and IPv4 inside it.
  ...['::1', '[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[::127.0.0.1]', '[::ffff:127.0.0.1]'],
  ...['[::ffff:7f00:1]', '[::ffff:0:127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]'],
  ...['[64:ff9b:1::7f00:1]', '[2002:7f00:1::]', '[2001::80ff:fffe]', '[fe80::1]', '[fe80::1%eth0]'],
  ...['[fe80::1%25lo]', '[fc00::1]', '[fd00:ec2::254]', '[ff02::1]', '[fec0::1]', '[::1%lo]'],
  ...['[::ffff:169.254.169.254]', '[2606:4700::5efe:7f00:1]', '[::ffff:198.61.0.7]'],
  // Names that lead there, and their disguises.
  ...['localhost', 'LOCALHOST', 'localhost.', 'localhost.localdomain', 'metadata.google.internal'],
  ...['internal.example.com', 'internal.example.com.', 'INTERNAL.EXAMPLE.COM', 'a.b.example.com'],
  ...['xn--lcalhost-54a.example.com', '127.0.0.1.example.com', '0x7f000001.example.com'],
  ...[
    'l\u043ecalhost',
    '\u2460\u2461\u2466.0.0.1',
    '\uff11\uff12\uff17.0.0.1',
    '127\u30020\u30020\u30021',
  ],
  // What a reader may take for the end of the host, or for another one.
  ...[
    'example.com@127.0.0.1',
    '127.0.0.1@example.com',
    '127.0.0.1#.example.com',
    '127.0.0.1/.example.com',
  ],
  ...[
    '127.0.0.1?.example.com',
    '127.0.0.1\\.example.com',
    '127.0.0.1\0.example.com',
    '127.0.0.1%2e',
  ],
  ...[
    '127.0.0.1\r\n.example.com',
    '127.0.0.1\t',
    '127.0.0.1,example.com',
    '*.example.com',
    '',
    '.',
    '..',
  ],
];

const PATTERNS = ['*:443', '*:*', '*.example.com:443', '*.example.com:*'];

for (const pattern of PATTERNS) {
  test(`no form of a host reaches a denied address by ${pattern}`, async (t) => {
    for (const host of HOSTS) {
      for (const added of [host, `${host}:443`, `${host}:22`, `${host}:0`, `[${host}]`]) {
        const resolved = await endpoints(added, pattern);
        t.is(resolved, 'denied', added);
      }
    }
  });
}

test('what is denied is never asked for', async (t) => {
  const { operator, asked } = operating({ any: '*.example.com:443' });
  for (const host of ['127.0.0.1', 'localhost', 'example.com', 'a.example.com.', 'a.example.org']) {
    t.is(await operator.resolve(0, host, ''), 'denied', host);
  }
  t.deepEqual(asked, []);
});

test('of the addresses of a name those that are denied are left out', async (t) => {
  const found = ['10.0.0.1', PUBLIC, '::1', '::ffff:127.0.0.1', 'fe80::1%eth0', '2606:4700::1'];
  const resolved = await endpoints('a.example.com', '*.example.com:443', found);
  t.deepEqual((resolved as Exclude<Resolved, string>).map(showEndpoint), [
    ...[`${PUBLIC} 443`, '2606:4700::1 443'],
  ]);
  t.is(await endpoints('a.example.com', '*:443', ['10.0.0.1', '::1']), 'denied');
  t.is(await endpoints('a.example.com', '*:443', ['fe80::1%eth0']), 'unresolved');
});

test('a name that leads elsewhere at the next look-up is judged anew, and never looked up again to connect', async (t) => {
  let looks = 0;
  const { operator, clock, asked } = operating(
    { any: '*.example.com:443' },
    { 'a.example.com': () => (looks++ % 2 === 0 ? [PUBLIC] : ['127.0.0.1']) },
  );
  const first = await operator.resolve(0, 'a.example.com', '');
  // An endpoint is numbers: nobody resolves anything between the check and the connection.
  t.deepEqual(first, [{ target: 0, address: PUBLIC, port: 443, isElsewhere: true }]);
  t.deepEqual(operator.resolve(0, 'a.example.com', ''), first as never);
  t.is(asked.length, 1);
  clock.now = 30_000;
  t.is(await operator.resolve(0, 'a.example.com', ''), 'denied');
  t.is(operator.resolve(0, 'a.example.com', ''), 'denied');
  clock.now = 60_000;
  t.deepEqual(await operator.resolve(0, 'a.example.com', ''), first);
});

test('allowPrivate opens its own upstream, and no other', async (t) => {
  const { operator } = operating({
    ...{ shut: '*:443', open: '*:443?allowPrivate=true', some: '*:443?allowPrivate=10.1.0.0/16' },
  });
  const reach = (upstream: number, host: string) => operator.resolve(upstream, host, '');
  t.is(reach(0, '10.1.2.3'), 'denied');
  const elsewhere = [0, 1, 2].map((upstream) => (reach(upstream, PUBLIC) as never)[0]);
  t.like(elsewhere, [{ isElsewhere: true }, { isElsewhere: false }, { isElsewhere: true }]);
  t.is(showEndpoint((reach(1, '10.1.2.3') as never)[0]), '10.1.2.3 443');
  t.is(showEndpoint((reach(2, '10.1.2.3') as never)[0]), '10.1.2.3 443');
  t.is(reach(2, '10.2.2.3'), 'denied');
  t.is(reach(1, '169.254.169.254'), 'denied');
  t.is(showEndpoint((reach(1, '127.0.0.1') as never)[0]), '127.0.0.1 443');
  t.is(reach(2, '127.0.0.1'), 'denied');
});

test('whatever is added, and whatever it leads to, every endpoint is a public address', async (t) => {
  const byte = fc.integer({ min: 0, max: 255 });
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3 }),
    fc.constantFrom(...HOSTS),
    fc.constantFrom('.', ':', '[', ']', '0x', '.example.com', ':443', '::ffff:'),
  );
  const address = fc.oneof(
    fc.tuple(byte, byte, byte, byte).map((parts) => parts.join('.')),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipText),
    fc.constantFrom(...HOSTS),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 4 }).map((parts) => parts.join('')),
      fc.array(address, { maxLength: 4 }),
      fc.constantFrom(...PATTERNS),
      async (added, found, pattern) => {
        const resolved = await endpoints(added, pattern, found);
        if (typeof resolved === 'string') return true;
        return resolved.every((endpoint) => {
          const bytes = 'address' in endpoint ? parseIp(endpoint.address) : null;
          return bytes !== null && placeOf(bytes) === 'public';
        });
      },
    ),
    { numRuns: 1000 },
  );
  t.pass();
});
