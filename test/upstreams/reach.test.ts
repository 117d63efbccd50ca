// Which addresses a guest's host may lead to: the registries of special addresses, row by row, and each IPv4 address in
// every IPv6 address that carries it.

import test from 'ava';
import fc from 'fast-check';
import { ipText, parseIp } from '../../host/listen/peer/ip.ts';
import { NETWORK_BYTES, parseNetworks } from '../../host/listen/peer/networks.ts';
import { isAllowed, type Place, placeOf } from '../../host/upstreams/reach.ts';

const NONE = new Uint8Array(0);
const bytesOf = (text: string): Uint8Array => parseIp(text)!;

// The first and the last address of each block, and its neighbours where those are public.
const places: Readonly<Record<Place, readonly string[]>> = {
  public: [
    ...['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
    ...['128.0.0.0', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0'],
    ...['192.0.1.0', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0'],
    ...['203.0.112.255', '203.0.114.0', '223.255.255.255', '168.63.129.15', '168.63.129.17'],
    ...['2001:200::', '2001:4860:4860::8888', '2003::', '2606:4700::1111', '3ffe::'],
    ...['2002:808:808::1', '64:ff9b::8.8.8.8', '::ffff:8.8.8.8'],
  ],
  loopback: ['127.0.0.0', '127.0.0.1', '127.255.255.255', '::1'],
  private: [
    ...['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0'],
    ...['192.168.255.255', '100.64.0.0', '100.127.255.255', 'fc00::', 'fdff:ffff::1', 'fec0::1'],
    '2001:4860::5efe:a00:1',
  ],
  'link-local': ['169.254.0.0', '169.254.255.255', 'fe80::', 'febf::1'],
  own: [],
  metadata: [
    ...['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
    ...['169.254.170.23', '169.254.42.42', 'fd00:42::42', '169.254.0.23'],
    ...['fd00:ec2::254', 'fd20:ce::254', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe'],
    ...['2002:a9fe:a9fe::1', 'fe80::a9fe:a9fe', 'fd00:c1::a9fe:a9fe', 'fd00:a9fe:a9fe::1'],
  ],
  multicast: ['224.0.0.0', '239.255.255.255', 'ff00::', 'ff02::1'],
  reserved: [
    ...['0.0.0.0', '0.255.255.255', '192.0.0.0', '192.0.2.1', '192.88.99.1', '198.18.0.0'],
    ...['198.19.255.255', '198.51.100.1', '203.0.113.1', '240.0.0.0', '255.255.255.255', '::'],
    // Documentation, Teredo, discarding, the local NAT64, segments, and what nobody was given.
    ...['2001:db8::1', '3fff::1', '2001::1', '2001:2::1', '100::1', '64:ff9b:1:1::1', '5f00::1'],
    ...['4000::1', '1::1', '::8.8.8.8', '::ffff:0:8.8.8.8'],
  ],
};

for (const [place, addresses] of Object.entries(places)) {
  test(`an address is known for what it stands for: ${place}`, (t) => {
    t.deepEqual(
      addresses.map((text) => [text, placeOf(bytesOf(text))]),
      addresses.map((text) => [text, place as Place]),
    );
  });
}

test('without allowPrivate only public addresses are let in', (t) => {
  for (const [place, addresses] of Object.entries(places)) {
    for (const text of addresses) {
      const allowed = isAllowed(bytesOf(text), { allowPrivate: false }, NONE);
      t.is(allowed, place === 'public', text);
    }
  }
});

test('allowPrivate lets in what is private, and neither metadata nor what no connection can go to', (t) => {
  const open: readonly string[] = ['public', 'loopback', 'private', 'link-local'];
  for (const [place, addresses] of Object.entries(places)) {
    for (const text of addresses) {
      const allowed = isAllowed(bytesOf(text), { allowPrivate: true }, NONE);
      t.is(allowed, open.includes(place), text);
    }
  }
});

test('networks that are named are let in, and no others', (t) => {
  const allowPrivate = parseNetworks(['10.1.0.0/16', '169.254.169.254', 'fd00:1::/32'], '');
  const allowed = (text: string) => isAllowed(bytesOf(text), { allowPrivate }, NONE);
  for (const text of [
    '10.1.0.0',
    '10.1.255.255',
    '::ffff:10.1.2.3',
    '169.254.169.254',
    'fd00:1::5',
  ])
    t.true(allowed(text), text);
  for (const text of ['10.2.0.0', '127.0.0.1', '64:ff9b::10.1.0.1', '169.254.169.253', 'fd00:2::5'])
    t.false(allowed(text), text);
  t.true(allowed('8.8.8.8'));
});

test("this machine's own addresses are private, whatever they are", (t) => {
  const own = parseNetworks(['8.8.4.4', '2606:4700::5'], '');
  t.is(own.length, 2 * NETWORK_BYTES);
  for (const text of ['8.8.4.4', '64:ff9b::8.8.4.4', '2002:808:404::', '2606:4700::5']) {
    t.is(placeOf(bytesOf(text), own), 'own', text);
    t.false(isAllowed(bytesOf(text), { allowPrivate: false }, own), text);
    t.true(isAllowed(bytesOf(text), { allowPrivate: true }, own), text);
  }
});

test('an IPv4 address is no more public for being inside an IPv6 address', (t) => {
  const carriers: readonly ((a: number, b: number, c: number, d: number) => string)[] = [
    (a, b, c, d) => `::ffff:${a}.${b}.${c}.${d}`,
    (a, b, c, d) => `::${a}.${b}.${c}.${d}`,
    (a, b, c, d) => `::ffff:0:${a}.${b}.${c}.${d}`,
    (a, b, c, d) => `64:ff9b::${a}.${b}.${c}.${d}`,
    (a, b, c, d) => `64:ff9b:1::${a}.${b}.${c}.${d}`,
    (a, b, c, d) => `2002:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}::1`,
    (a, b, c, d) => `2606:4700::5efe:${a}.${b}.${c}.${d}`,
    (a, b, c, d) => `2606:4700::200:5efe:${a}.${b}.${c}.${d}`,
  ];
  const byte = fc.integer({ min: 0, max: 255 });
  // Half of them from the blocks that matter.
  const address = fc.oneof(
    fc.tuple(byte, byte, byte, byte),
    fc.tuple(fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 203, 224, 255), byte, byte, byte),
  );
  fc.assert(
    fc.property(address, fc.constantFrom(...carriers), (parts, carrier) => {
      const inner = isAllowed(bytesOf(parts.join('.')), { allowPrivate: false }, NONE);
      const outer = bytesOf(carrier(...(parts as [number, number, number, number])));
      return inner || !isAllowed(outer, { allowPrivate: false }, NONE);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('of all IPv6 addresses only those that are given out are let in', (t) => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(bytes, (address) => {
      const allowed = isAllowed(address, { allowPrivate: false }, NONE);
      // 2000::/3, an IPv4 address, or NAT64.
      const text = ipText(address);
      return !allowed || (address[0]! & 0xe0) === 0x20 || !text.includes(':');
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
