// The PROXY header that upstreams are sent says what listeners of this server would read.

import test from 'ava';
import { parseProxyHeader } from '../../host/listen/peer/proxy-header.ts';
import { clientNamed, preamble } from '../../host/upstreams/preamble.ts';

const ends: [peer: string, local: string, source: string, destination: string][] = [
  ['192.0.2.1:4242', '192.0.2.9:80', '192.0.2.1:4242', '192.0.2.9:80'],
  ['[2001:db8::1]:1', '[2001:db8::2]:65535', '[2001:db8::1]:1', '[2001:db8::2]:65535'],
  ['[fe80::1%eth0]:1', '[fe80::2%eth0]:2', '[fe80::1]:1', '[fe80::2]:2'],
  // An IPv4 client beside an IPv6 address is written as IPv6, and read as what it is.
  ['192.0.2.1:4242', '[2001:db8::2]:80', '192.0.2.1:4242', '[2001:db8::2]:80'],
];

for (const version of [1, 2] as const) {
  test(`version ${version} tells the upstream of the client`, (t) => {
    for (const [peer, local, source, destination] of ends) {
      const bytes = preamble(version, peer, local);
      const header = parseProxyHeader(bytes, 1024);
      if (typeof header === 'string') return t.fail(header);
      t.deepEqual(
        [header.length, header.source, header.destination],
        [...[bytes.length, source, destination]],
      );
    }
    return undefined;
  });

  test(`version ${version} says that nobody else is spoken for if there is no address`, (t) => {
    for (const [peer, local] of [
      ['', ''],
      ['unix:', 'unix:/run/a.sock'],
      ['192.0.2.1:1', 'unix:/run/a.sock'],
      ['', '192.0.2.1:1'],
    ] as const) {
      const bytes = preamble(version, peer, local);
      const header = parseProxyHeader(bytes, 1024);
      if (typeof header === 'string') return t.fail(header);
      t.deepEqual([header.length, header.source], [bytes.length, null]);
    }
    return undefined;
  });
}

test('headers are written as the protocol has them', (t) => {
  const text = (peer: string, local: string) => String(Buffer.from(preamble(1, peer, local)));
  t.is(text('192.0.2.1:1', '192.0.2.2:2'), 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n');
  t.is(text('192.0.2.1:1', '[::1]:2'), 'PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n');
  t.is(text('', ''), 'PROXY UNKNOWN\r\n');
  t.is(
    Buffer.from(preamble(2, '192.0.2.1:258', '192.0.2.2:2')).toString('hex'),
    '0d0a0d0a000d0a515549540a2111000cc0000201c000020201020002',
  );
  t.is(Buffer.from(preamble(2, '', '')).toString('hex'), '0d0a0d0a000d0a515549540a20000000');
});

test('clients are told apart by their addresses, and those of IPv6 by their networks', (t) => {
  const local = '192.0.2.1:80';
  const one = clientNamed('192.0.2.7:1', local);
  t.is(one, clientNamed('192.0.2.7:2', local));
  t.not(one, clientNamed('192.0.2.8:1', local));
  const network = clientNamed('[2001:db8::1]:1', local);
  t.is(network, clientNamed('[2001:db8::2:1]:1', local));
  t.not(network, clientNamed('[2001:db8:0:1::1]:1', local));
  for (const nobody of ['', 'unix:/a']) t.is(clientNamed(nobody, local), '');
  t.is(clientNamed('192.0.2.7:1', ''), '', 'the header is LOCAL then');
});
