// Addresses: what can be written, what is refused, and how names become numbers.

import { isIP } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { WasmpollError } from '../../host/errors.ts';
import { type Address, parseAddress, resolveAddress } from '../../host/listen/address.ts';

const tcp = (host: string, port: number): Address => ({ kind: 'tcp', host, port });
const unix = (path: string): Address => ({ kind: 'unix', path });

const good: [string, Address][] = [
  ['127.0.0.1:33445', tcp('127.0.0.1', 33_445)],
  ['0.0.0.0:0', tcp('0.0.0.0', 0)],
  ['127.0.0.1:65535', tcp('127.0.0.1', 65_535)],
  ['127.0.0.1:00080', tcp('127.0.0.1', 80)],
  ['[::1]:80', tcp('::1', 80)],
  ['[::]:0', tcp('::', 0)],
  ['[::ffff:127.0.0.1]:80', tcp('::ffff:127.0.0.1', 80)],
  ['[fe80::1%eth0]:80', tcp('fe80::1%eth0', 80)],
  ['localhost:80', tcp('localhost', 80)],
  ['a-b.example:80', tcp('a-b.example', 80)],
  ['unix:/run/echo.sock', unix('/run/echo.sock')],
  ['unix:echo.sock', unix('echo.sock')],
  ['unix:a:80', unix('a:80')],
  [`unix:/${'x'.repeat(106)}`, unix(`/${'x'.repeat(106)}`)],
  [`unix:/${'é'.repeat(53)}`, unix(`/${'é'.repeat(53)}`)],
];

test('every form of address is read', (t) => {
  for (const [text, address] of good) t.deepEqual(parseAddress(text), address, text);
});

const PORT = /the port must be a number from 0 to 65535$/;
const FORMS = /must be HOST:PORT, \[V6\]:PORT or unix:PATH/;
const bad: [string, RegExp][] = [
  ['127.0.0.1:-1', PORT],
  ['127.0.0.1:65536', PORT],
  ['127.0.0.1:100000', PORT],
  ['127.0.0.1:80x', PORT],
  ['127.0.0.1:x80', PORT],
  ['127.0.0.1:', PORT],
  ['127.0.0.1: 80', PORT],
  ['127.0.0.1:+80', PORT],
  ['127.0.0.1:0x50', PORT],
  ['127.0.0.1:8e1', PORT],
  ['127.0.0.1:80.0', PORT],
  ['[::1]:', PORT],
  ['', FORMS],
  ['80', FORMS],
  ['127.0.0.1', FORMS],
  ['localhost', FORMS],
  ['[::1]', FORMS],
  ['[::1]80', FORMS],
  ['[::1', FORMS],
  ['a:b:80', FORMS],
  ['::1', /: \[::1\]:PORT$/],
  ['::1:80', /: \[::1:80\]:PORT$/],
  [':80', /the host is missing; 0\.0\.0\.0 and \[::\]/],
  [':', PORT],
  ['[]:80', /'' in brackets must be an IPv6 address/],
  ['[127.0.0.1]:80', /'127\.0\.0\.1' in brackets must be an IPv6 address/],
  ['[localhost]:80', /in brackets must be an IPv6 address/],
  ['256.0.0.1:80', /'256\.0\.0\.1' must be an IPv4 address or a host name/],
  ['1.2.3:80', /must be an IPv4 address or a host name/],
  ['a b:80', /must be an IPv4 address or a host name/],
  ['http//x:80', /must be an IPv4 address or a host name/],
  [`${'x'.repeat(254)}:80`, /must be an IPv4 address or a host name/],
  ['unix:', /the path is missing/],
  ['unix:a\0b', /the path has a zero byte/],
  [`unix:/${'x'.repeat(107)}`, /the path has 108 bytes, and a socket's has at most 107$/],
  [`unix:/${'x'.repeat(108)}`, /the path has 109 bytes/],
  [`unix:/${'é'.repeat(53)}x`, /the path has 108 bytes/],
  [`unix:/${'é'.repeat(106)}`, /the path has 213 bytes/],
];

test('what is not an address is refused with the reason', (t) => {
  for (const [text, message] of bad) {
    const error = t.throws(() => parseAddress(text), { code: 'ERR_ADDRESS', message }, text);
    t.true(error.message.startsWith(`address '${text}': `), text);
  }
});

test('no text at all makes the parser fail in another way', (t) => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...'[]:.%019afunix/-x ') }),
    fc.string().map((path) => `unix:${path}`),
  );
  fc.assert(
    fc.property(text, (any) => {
      try {
        const address = parseAddress(any);
        if (address.kind === 'unix') return Buffer.byteLength(address.path) <= 107;
        return address.host !== '' && address.port >= 0 && address.port <= 65_535;
      } catch (error) {
        return error instanceof WasmpollError && error.code === 'ERR_ADDRESS';
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('numbers and paths are left as they are', async (t) => {
  for (const text of ['127.0.0.1:80', '[::1]:80', 'unix:/x']) {
    const address = parseAddress(text);
    t.is(await resolveAddress(address), address);
  }
});

test('a name becomes the first address that the system has for it', async (t) => {
  const address = await resolveAddress(parseAddress('localhost:80'));
  t.true(address.kind === 'tcp' && address.port === 80 && isIP(address.host) > 0);
});
