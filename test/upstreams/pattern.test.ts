// Hosts that guests add: one form of each, or none.

import test from 'ava';
import fc from 'fast-check';
import { readHost } from '../../host/upstreams/host-name.ts';
import { match, type Pattern, readPattern } from '../../host/upstreams/pattern.ts';

const pattern = (text: string): Pattern => readPattern(text) as Pattern;
const fits = (patterns: readonly Pattern[], added: string): boolean =>
  match(patterns, added) !== null;
const nameOf = (text: string): string | null => readHost(text)?.name ?? null;

test('a name is read in small letters, and an address as it is', (t) => {
  t.is(nameOf('www.example.com'), 'www.example.com');
  t.is(nameOf('WWW.Example.COM'), 'www.example.com');
  t.is(nameOf('xn--bcher-kva.example'), 'xn--bcher-kva.example');
  t.is(nameOf('_a.b-c.example'), '_a.b-c.example');
  t.is(nameOf('192.0.2.1'), '192.0.2.1');
  t.is(nameOf('[2001:DB8:0:0::1]'), '2001:db8::1');
  t.is(nameOf(`${'a'.repeat(63)}.example`), `${'a'.repeat(63)}.example`);
  t.is(nameOf('1.2.3.example'), '1.2.3.example');
});

const wrong = [
  // Numbers of inet_aton(3).
  ...['2130706433', '0x7f000001', '0x7F.1', '0177.0.0.1', '127.1', '127.0.1', '127.0.0.01', '00'],
  ...['1.2.3.4.5', '1.2.3.256', '127.0.0.0x1', 'example.0x', 'example.1', '0', '0x'],
  // A dot at the end or in front, empty labels, long ones.
  ...['example.com.', '.example.com', 'a..example.com', '.', '', '127.0.0.1.', '[::1].'],
  ...[`${'a'.repeat(64)}.example`, Array(128).fill('a').join('.')],
  // Spaces, control characters, and what others may cut off.
  ...[' example.com', 'example.com ', 'exam ple.com', 'a\tb', 'a\0.example.com', 'a\n', '\r\n'],
  ...['a%2e.com', 'a/b', 'a?b', 'a#b', 'a@b', 'user:pw@h', 'a\\\\b', 'a,b', '*', '*.example.com'],
  // Zones, brackets, IPv4 with colons.
  ...['[fe80::1%eth0]', '[fe80::1%25eth0]', '::1', '[::1', '::1]', '[]', '[127.0.0.1]', '[[::1]]'],
  ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:127.0.0.1]', '[::1]x', '[ ::1]'],
  // Letters that become ASCII by folding or normalisation: Kelvin, fullwidth, circled, ideographic full stop.
  ...[
    '\u212aelvin.com',
    '\uff45xample.com',
    '\u2460.com',
    '127\u30020\u30020\u30021',
    'b\u00fccher.example',
  ],
  ...[
    '-a.com',
    'a-.com',
    'a.-b.com',
    '\u00adexample.com',
    'exam\u200bple.com',
    '\ufeffexample.com',
  ],
];

for (const [index, text] of wrong.entries()) {
  test(`a host that could be read in two ways is refused: ${index} ${encodeURI(text).slice(0, 60)}`, (t) => {
    t.is(readHost(text), null);
    for (const open of [pattern('*:443'), pattern('*.example.com:443')]) {
      t.false(fits([open], text));
      t.false(fits([open], `${text}.`));
    }
  });
}

test('one label or more stand for the star', (t) => {
  const patterns = [pattern('*.Example.com:443')];
  const named = match(patterns, 'A.b.EXAMPLE.com')!;
  t.deepEqual(named, { host: { kind: 'name', name: 'a.b.example.com' }, port: 443 });
  t.true(fits(patterns, 'a.example.com'));
  for (const added of ['example.com', 'aexample.com', 'a.example.com.evil.org', 'a.example.comx'])
    t.false(fits(patterns, added), added);
  // An address never ends in a domain.
  for (const added of ['192.0.2.1', '[2001:db8::1]', '']) t.false(fits(patterns, added), added);
});

test('any host may be an address', (t) => {
  const patterns = [pattern('*:443')];
  t.is(match(patterns, '192.0.2.1')!.host.kind, 'address');
  t.is(match(patterns, '[2001:db8::1]')!.host.kind, 'address');
  t.is(match(patterns, 'localhost')!.host.kind, 'name');
});

test('a port is added where the pattern leaves it open, and nowhere else', (t) => {
  const fixed = [pattern('*.example.com:443')];
  const open = [pattern('*.example.com:*')];
  t.is(match(open, 'a.example.com:8443')!.port, 8443);
  t.is(match([pattern('*:*')], '[2001:db8::1]:1')!.port, 1);
  for (const added of ['a.example.com:443', 'a.example.com:22', 'a.example.com:'])
    t.false(fits(fixed, added), added);
  for (const port of [
    '',
    ':',
    ':0',
    ':65536',
    ':080',
    ':+80',
    ': 80',
    ':80 ',
    ':8e1',
    ':0x50',
    ':80:80',
  ])
    t.false(fits(open, `a.example.com${port}`), port);
});

test('of several patterns the first that fits counts', (t) => {
  const patterns = ['*.example.com:*', '*.example.com:443', '*.example.net:80'].map(pattern);
  t.is(match(patterns, 'a.example.com')!.port, 443);
  t.is(match(patterns, 'a.example.com:1')!.port, 1);
  t.is(match(patterns, 'a.example.net')!.port, 80);
  t.is(match(patterns, 'a.example.net:80'), null);
});

test('what fits is letters, digits, hyphens, dots and colons only, whatever is added', (t) => {
  const patterns = ['*:443', '*:*', '*.example.com:443'].map(pattern);
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom('.', ':', '[', ']', '%', 'example.com', '127.0.0.1', '::1', '0x7f', 'a', '1'),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const added = parts.join('');
      const named = match(patterns, added);
      return named === null || /^[\w.:[\]-]+$/.test(added);
    }),
    { numRuns: 3000 },
  );
  t.pass();
});
