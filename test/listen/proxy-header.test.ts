// PROXY headers: what balancers send, in both versions, whole, in part, and wrong.

import test from 'ava';
import fc from 'fast-check';
import { crc32c } from '../../host/listen/peer/crc32c.ts';
import {
  INCOMPLETE,
  type ProxyHeader,
  ProxyRefusal,
  parseProxyHeader as parse,
} from '../../host/listen/peer/proxy-header.ts';

const MOST_BYTES = 1024;
const parseProxyHeader = (bytes: Uint8Array) => parse(bytes, MOST_BYTES);

const text = (line: string): Uint8Array => new TextEncoder().encode(line);
const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];

/** A header of version 2. */
function header(command: number, family: number, body: readonly number[]): Uint8Array {
  const front = [...SIGNATURE, 0x20 | command, family, body.length >> 8, body.length & 255];
  return Uint8Array.from([...front, ...body]);
}
const field = (type: number, value: readonly number[]): number[] => [
  type,
  value.length >> 8,
  value.length & 255,
  ...value,
];
const TCP4 = [192, 0, 2, 1, 198, 51, 100, 7, 0x30, 0x39, 0x01, 0xbb];

function whole(bytes: Uint8Array): ProxyHeader {
  const parsed = parseProxyHeader(bytes);
  if (parsed === INCOMPLETE) throw new Error('incomplete');
  return parsed;
}

const v1 = text('PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\n');
const v2 = header(1, 0x11, [...TCP4, ...field(0x02, [...text('example.org')])]);
const v6 = text('PROXY TCP6 2001:db8:0:0::1 ::1 1 65535\r\n');
const unix = header(1, 0x31, [
  ...text('/run/a.sock'.padEnd(108, '\0')),
  ...text('/run/b.sock'.padEnd(108, '\0')),
]);

test('both versions name client and server', (t) => {
  for (const bytes of [v1, v2]) {
    const { length, source, destination } = whole(bytes);
    t.deepEqual(
      [length, source, destination],
      [bytes.length, '192.0.2.1:12345', '198.51.100.7:443'],
    );
  }
  t.is(whole(v6).source, '[2001:db8::1]:1');
  t.is(whole(unix).source, 'unix:/run/a.sock');
  const six = header(1, 0x21, [
    ...[0x20, 1, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1, ...Array<number>(15).fill(0), 1],
    ...[0x00, 0x01, 0xff, 0xff],
  ]);
  t.deepEqual([whole(six).source, whole(six).destination], ['[2001:db8::1]:1', '[::1]:65535']);
});

test('a header that comes byte by byte is incomplete until its last byte', (t) => {
  for (const bytes of [v1, v2, v6, unix]) {
    for (let end = 0; end < bytes.length; end += 1) {
      t.is(parseProxyHeader(bytes.subarray(0, end)), INCOMPLETE);
    }
    const more = Uint8Array.from([...bytes, ...text('hello')]);
    t.deepEqual(parseProxyHeader(more), parseProxyHeader(bytes));
  }
});

test('a balancer that speaks for itself names nobody', (t) => {
  const unknown = [text('PROXY UNKNOWN\r\n'), text('PROXY UNKNOWN ::1 ::1 1 2\r\n')];
  for (const bytes of [
    ...unknown,
    header(0, 0x11, TCP4),
    header(0, 0, []),
    header(1, 0, []),
    header(0, 0x11, []),
    header(0, 0xff, [1, 2]),
    header(1, 0x12, TCP4),
  ]) {
    const { length, source, destination } = whole(bytes);
    t.deepEqual([length, source, destination], [bytes.length, null, null]);
  }
});

test('what is no header is refused as soon as that is certain', (t) => {
  const refused = [
    text('GET / HTTP/1.1\r\n'),
    text('proxy TCP4'),
    text('PROXY TCP4 192.0.2.1 198.51.100.7 12345\r\n'),
    text('PROXY TCP4 192.0.2.1 198.51.100.7 12345 65536\r\n'),
    text('PROXY TCP4 192.0.2.1 198.51.100.7 012 1\r\n'),
    text('PROXY TCP6 192.0.2.1 198.51.100.7 1 1\r\n'),
    text('PROXY TCP4 192.0.2.1 198.51.100.7 1 1\n'),
    text('PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n'),
    text('proxy tcp6 ::1 ::1 1 1\r\n'),
    text(`PROXY UNKNOWN ${'x'.repeat(107)}`),
    text(`PROXY UNKNOWN ${'x'.repeat(100)}\r\n`),
    Uint8Array.from([...SIGNATURE, 0x11, 0x11, 0, 12]),
    Uint8Array.from([...SIGNATURE, 0x22, 0x11, 0, 12]),
    Uint8Array.from([...SIGNATURE, 0x21, 0x11, 0xff, 0xff]),
    header(1, 0x11, TCP4.slice(1)),
    header(1, 0x11, [...TCP4, 1]),
    header(1, 0x41, TCP4),
    header(1, 0x13, TCP4),
    header(1, 0x11, [...TCP4, ...field(0x03, [1, 2])]),
    Uint8Array.from([...SIGNATURE, 0x21, 0x11, (MOST_BYTES - 15) >> 8, (MOST_BYTES - 15) & 255]),
    header(1, 0x11, [...TCP4, ...field(0x02, [1, 2, 3]).slice(0, 5)]),
    header(1, 0x11, [...TCP4, ...field(0x20, [1, 0, 0])]),
  ];
  for (const bytes of refused) {
    t.throws(() => parseProxyHeader(bytes), { instanceOf: ProxyRefusal }, String(bytes));
  }
});

test('fields become facts, those of TLS one by one', (t) => {
  const ssl = [0x07, 0, 0, 0, 0, ...field(0x21, [...text('TLSv1.3')]), ...field(0x22, [99])];
  const fields = [...field(0x04, [0, 0]), ...field(0x20, ssl), ...field(0xea, [1, 2])];
  const { facts } = whole(header(1, 0x11, [...TCP4, ...fields]));
  const shown = [...facts].map(([name, value]) => [name, new TextDecoder('latin1').decode(value)]);
  t.deepEqual(shown, [
    ['proxy.ssl', '1'],
    ['proxy.ssl.verified', '1'],
    ['proxy.ssl.version', 'TLSv1.3'],
    ['proxy.ssl.tlv.21', 'TLSv1.3'],
    ['proxy.ssl.cn', 'c'],
    ['proxy.ssl.tlv.22', 'c'],
    ['proxy.tlv.20', new TextDecoder('latin1').decode(Uint8Array.from(ssl))],
    ['proxy.tlv.ea', '\x01\x02'],
  ]);
  const unverified = header(1, 0x11, [...TCP4, ...field(0x20, [0x07, 0, 0, 0, 1])]);
  t.deepEqual(whole(unverified).facts.get('proxy.ssl.verified'), text('0'));
  const noCertificate = header(1, 0x11, [...TCP4, ...field(0x20, [0x01, 0, 0, 0, 0])]);
  t.deepEqual(whole(noCertificate).facts.get('proxy.ssl.verified'), text('0'));
});

test('of several fields of one type the first counts, by name and by number', (t) => {
  const fields = [...field(0x02, [...text('one')]), ...field(0x02, [...text('two')])];
  const { facts } = whole(header(1, 0x11, [...TCP4, ...fields]));
  t.deepEqual(
    [...facts],
    [
      ['proxy.authority', text('one')],
      ['proxy.tlv.02', text('one')],
    ],
  );
});

test('the client is sixteen bytes, and nobody where there is no address', (t) => {
  t.deepEqual([...whole(v1).client!], [...Array<number>(10).fill(0), 255, 255, 192, 0, 2, 1]);
  t.deepEqual(whole(v2).client, whole(v1).client);
  t.is(whole(v6).client![0], 0x20);
  t.is(whole(unix).client, null);
  t.is(whole(header(0, 0x11, TCP4)).client, null);
});

test('an address is malformed in each way that its family has', (t) => {
  for (const line of [
    'PROXY TCP4 192.0.2.01 198.51.100.7 1 1',
    'PROXY TCP4 192.0.2.256 198.51.100.7 1 1',
    'PROXY TCP4 ::1 ::1 1 1',
    'PROXY TCP4 192.0.2.1  198.51.100.7 1 1',
    'PROXY TCP4 192.0.2.1 198.51.100.7 1 1 ',
    'PROXY TCP4 192.0.2.1 198.51.100.7 -1 1',
    'PROXY TCP6 1::2::3 ::1 1 1',
    'PROXY TCP6 ::1 192.0.2.1 1 1',
    'PROXY TCP5 ::1 ::1 1 1',
    'PROXY TCP4',
    'PROXY ',
    'PROXY UNKNOWNS',
    'PROXY UNKNOWN \x07',
  ]) {
    t.throws(() => parseProxyHeader(text(`${line}\r\n`)), { instanceOf: ProxyRefusal }, line);
  }
});

test('a checksum that is wrong refuses the header', (t) => {
  t.is(crc32c(text('123456789')), 0xe3069283);
  const blank = header(1, 0x11, [...TCP4, ...field(0x03, [0, 0, 0, 0])]);
  t.throws(() => parseProxyHeader(blank), { instanceOf: ProxyRefusal });
  const sum = crc32c(blank);
  const right = blank.slice();
  new DataView(right.buffer).setUint32(right.length - 4, sum);
  t.is(whole(right).source, '192.0.2.1:12345');
});

test('any bytes are a header, the front of one, or refused', (t) => {
  const front = fc.constantFrom<number[]>([], [...v1], [...v2], [...unix], SIGNATURE);
  fc.assert(
    fc.property(front, fc.nat(300), fc.uint8Array({ maxLength: 64 }), (start, cut, rest) => {
      const bytes = Uint8Array.from([...start.slice(0, cut), ...rest]);
      try {
        const parsed = parseProxyHeader(bytes);
        if (parsed === INCOMPLETE) return bytes.length < MOST_BYTES;
        return parsed.length <= bytes.length;
      } catch (error) {
        return error instanceof ProxyRefusal;
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
