// Addresses as bytes, and networks: compared with Node's own.

import { BlockList, isIP } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { endpointText, ipText, isV4, parseIp } from '../../host/listen/peer/ip.ts';
import { contains, NETWORK_BYTES, parseNetworks } from '../../host/listen/peer/networks.ts';

const shown = (text: string): string => ipText(parseIp(text)!);

test('an address is shown as RFC 5952 has it, and IPv4 as IPv4', (t) => {
  for (const [written, canonical = written] of [
    ['192.0.2.1'],
    ['::'],
    ['::1'],
    ['2001:db8::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:0:3:0:4:0', '1:0:2:0:3:0:4:0'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ] as const) {
    t.is(shown(written), canonical);
  }
  t.is(endpointText(parseIp('::ffff:10.0.0.1')!, 80), '10.0.0.1:80');
  t.is(endpointText(parseIp('fd00::1')!, 65_535), '[fd00::1]:65535');
});

test('what Node takes for an address, and nothing else, is one', (t) => {
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:.') }),
    fc.stringMatching(/^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){0,8}(\.[0-9]{1,3}){0,4}$/),
  );
  fc.assert(
    fc.property(text, (any) => {
      const bytes = parseIp(any);
      if ((bytes !== null) !== isIP(any) > 0) return false;
      return (
        bytes === null ||
        (Buffer.compare(bytes, parseIp(ipText(bytes))!) === 0 && isIP(any) !== 4) ||
        isV4(bytes!)
      );
    }),
    { numRuns: 3000 },
  );
  t.pass();
});

test('a network contains what Node says it does', (t) => {
  const v4 = fc
    .tuple(fc.ipV4(), fc.nat(32))
    .map(([host, bits]) => ({ host, bits, family: 'ipv4' as const }));
  const v6 = fc
    .tuple(fc.ipV6(), fc.nat(128))
    .map(([host, bits]) => ({ host, bits, family: 'ipv6' as const }));
  const near = (host: string, flip: number): Uint8Array => {
    const bytes = parseIp(host)!.slice();
    bytes[flip >> 3]! ^= 1 << (flip & 7);
    return bytes;
  };
  fc.assert(
    fc.property(fc.oneof(v4, v6), fc.nat(127), ({ host, bits, family }, flip) => {
      const all = family === 'ipv4' ? 32 : 128;
      // The network in which the address lies.
      const network = parseIp(host)!.slice();
      for (let bit = bits; bit < all; bit += 1) {
        const at = 128 - all + bit;
        network[at >> 3]! &= ~(128 >> (at & 7));
      }
      const text = `${ipText(network)}/${bits}`;
      // As an IPv6 network its IPv4 addresses would be written otherwise.
      if (family === 'ipv6' && isV4(network)) return true;
      const list = parseNetworks([text], 'allow');
      const block = new BlockList();
      block.addSubnet(ipText(network), bits, family);
      const other = near(host, flip);
      const inside = contains(list, other);
      if (isV4(other) !== (family === 'ipv4')) return family === 'ipv6' || !inside;
      return contains(list, parseIp(host)!) && inside === block.check(ipText(other), family);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('a list has addresses and networks of both families, and v4-mapped ones are IPv4', (t) => {
  const list = parseNetworks(
    ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::ffff:172.16.0.0/108'],
    'allow',
  );
  t.is(list.length, 4 * NETWORK_BYTES);
  for (const inside of ['10.1.2.3', '192.0.2.7', 'fdff::1', '172.16.255.255', '::ffff:10.0.0.1']) {
    t.true(contains(list, parseIp(inside)!), inside);
  }
  for (const outside of ['11.0.0.0', '192.0.2.8', 'fe80::1', '172.32.0.1', '::1']) {
    t.false(contains(list, parseIp(outside)!), outside);
  }
  t.true(contains(parseNetworks(['0.0.0.0/0'], 'x'), parseIp('203.0.113.9')!));
  t.false(contains(parseNetworks(['0.0.0.0/0'], 'x'), parseIp('2001:db8::1')!));
  t.false(contains(new Uint8Array(0), parseIp('1.2.3.4')!));
});

test('what is no network is refused with what to write', (t) => {
  for (const [text, message] of [
    ['10.0.0.1/8', "allow: '10.0.0.1/8': has bits behind its prefix; write 10.0.0.0/8"],
    ['fd00::1/64', "allow: 'fd00::1/64': has bits behind its prefix; write fd00::/64"],
    ['10.0.0.0/33', "allow: '10.0.0.0/33': the prefix must be at most 32"],
    ['fd00::/129', "allow: 'fd00::/129': the prefix must be at most 128"],
    ...['', 'example.org', '10.0.0', '10.0.0.0/', '10.0.0.0/a', 'fe80::1%eth0', ' 10.0.0.0/8'].map(
      (wrong) => [
        wrong,
        `allow: '${wrong}': must be an address or a network such as 10.0.0.0/8 or fd00::/8`,
      ],
    ),
  ] as const) {
    t.throws(() => parseNetworks([text!], 'allow'), { code: 'ERR_ADDRESS', message: message! });
  }
});
