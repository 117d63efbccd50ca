// Playing transcripts: guests that do what they say pass, and each kind of fault is found at its line.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseTranscript } from '../../host/transcripts/parse.ts';
import { report } from '../../host/transcripts/report.ts';
import { judge } from '../../host/transcripts/verdict.ts';
import { bundledModule, compiledGuest, echoModule, linesModule } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { forgetful, hasty, judged, lasting } from '../helpers/transcribed.ts';
import { call, drop, get, guest } from '../helpers/wasm.ts';

const both = ['trap', 'swap'] as const;
const fresh = {
  ...({ echo: [], lines: ['trap'], chat: ['swap'], mqtt: both, resp: both } as const),
  // Who waits for which reply is in the globals of the other one.
  ...({ proxy: both, 'resp-cache': [] } as const),
};

for (const name of ['echo', 'lines', 'chat', 'mqtt', 'resp', 'proxy', 'resp-cache'] as const) {
  test(`${name} does what its transcript says, also with a fresh instance at any callback`, async (t) => {
    const file = new URL(`../../../test/transcripts/${name}.txt`, import.meta.url);
    const transcript = parseTranscript(readFileSync(file, 'utf8'), `${name}.txt`);
    const { plays, fault } = await judge(bundledModule(name), transcript, { fresh: fresh[name] });
    t.is(fault, null);
    t.true(plays >= 23);
  });
}

test('another reply is shown beside the expected one, with a mark at the first difference', async (t) => {
  const verdict = await judged(echoModule(), '> hello\n> you\n< hello\n< yon\n');
  t.deepEqual(report(verdict), [
    'FAIL  x.txt:4: something else came; played whole',
    '      expected  yon\\n',
    '      came      you\\n',
    '                  ^',
  ]);
  t.is(verdict.plays, 1, 'the other ways are left out');
});

test('bytes that are no text are shown in hex', async (t) => {
  const verdict = await judged(echoModule(), '> hex 00 01 ff\n< hex 00 02 ff');
  t.deepEqual(report(verdict).slice(1), [
    '      expected  hex 00 02 ff',
    '      came      hex 00 01 ff',
    '                       ^',
  ]);
});

test('of what is long, the part with the difference is shown', async (t) => {
  const long = 'x'.repeat(5000);
  const verdict = await judged(echoModule(), `> ${long}y${long}\n< ${long}z${long}\n`);
  const [, expected = '', came = '', mark = ''] = report(verdict);
  t.regex(expected, /^ {6}expected {2}\(4900 bytes\) … x+zx+ … \(4902 more bytes\)$/);
  t.is(came[mark.indexOf('^')], 'y');
});

const faults: readonly (readonly [what: string, text: string, line: number, message: RegExp])[] = [
  ['that too little came', '>= a\n< a', 2, /^not all of it came$/],
  ['that nothing came', '< a', 1, /^nothing came$/],
  [
    'that more came than expected',
    '> a\n+1s\n> b\n< a',
    4,
    /^more came than the lines say; write </,
  ],
  ['that something came', '> a\nnothing', 2, /^something came$/],
  [
    'an end that did not come',
    '> a\n< a\nends',
    3,
    /^the connection is open; expected that the server ends it$/,
  ],
  [
    'a reset that did not come',
    'finish\nresets',
    2,
    /^the server has ended .*; expected that the server resets it$/,
  ],
  [
    'a close reason that is another',
    'finish\nclosed GUEST',
    2,
    /^it was closed PEER; expected closed GUEST$/,
  ],
  [
    'a connection that is open',
    'connect\nclosed PEER',
    2,
    /^the connection is open for the guest;/,
  ],
  [
    'that a client has left that sends',
    'leave\n> a',
    2,
    /^the client has left; write connect first$/,
  ],
  ['that a client has finished that sends', 'finish\n> a', 2, /^the client sends no more/],
  ['a client that is connected twice', 'connect\nconnect', 2, /^the client is connected already$/],
  ['a line that was not logged', '> a\n< a\nlogs b', 3, /^the guest has logged no such line/],
];

for (const [what, text, line, message] of faults) {
  test(`a transcript finds ${what}`, async (t) => {
    const { fault } = await judged(echoModule(), text);
    t.is(fault?.line, line);
    t.regex(fault?.what ?? '', message);
  });
}

test('an end that no line speaks of is a fault, and one that a line speaks of is none', async (t) => {
  const text = `setting maxFrameBytes 1KiB\n> ${'x'.repeat(2000)}\n`;
  const { fault } = await judged(linesModule(), text);
  t.is(
    fault?.what,
    'the server has ended the connection (FRAME); write ends, or closed FRAME, if that is right',
  );
  t.is((await judged(linesModule(), `${text}closed FRAME\n`)).fault, null);
  t.is((await judged(linesModule(), `${text}ends\n`)).fault, null);
});

test('a trap is told of at the line that it comes from, unless a line speaks of it', async (t) => {
  const { fault } = await judged(hazard(), '> a\n< a\n> T\n< T\n');
  t.is(fault?.line, 3);
  t.regex(fault?.what ?? '', /^the guest failed: unreachable/);
  t.is((await judged(hazard(), '>= T\nclosed TRAP\n')).fault, null);
});

test('of a connection whose end the guest does not hear it is said that it is paused', async (t) => {
  const pausing = guest({ functions: { on_data: [get(0), call('pause'), drop, get(3)] } });
  const { fault } = await judged(pausing, '> a\nleave\nclosed PEER\n');
  t.is(fault?.what, 'the connection is open for the guest (it is paused); expected closed PEER');
});

test('a guest that takes a piece for a message fails byte by byte', async (t) => {
  const { fault, plays } = await judged(hasty(), '>= abc\n<= 3\n');
  t.is(fault?.played, 'byte by byte');
  t.is(plays, 2);
});

test('one cut at random is played again by its seed', async (t) => {
  // Passes whole and byte by byte: what was sent before the pause has five bytes or five times one.
  const text = '>= abcde\n<= 5\n';
  const { fault } = await judged(hasty(), text, { seed: 7 });
  t.is(fault?.played, 'cut at random (--seed 7)');
  const again = await judged(hasty(), text, { seed: 7 });
  t.deepEqual(again.fault, fault);
  t.is(again.plays, 2);
});

test('what a guest keeps in globals is lost by a swap and by a trap, and what is in the state block is not', async (t) => {
  const text = '>= ..\n+0\n>= .?\n<= 3\n';
  t.is((await judged(forgetful(), text)).fault, null);
  for (const by of ['swap', 'trap'] as const) {
    const { fault } = await judged(forgetful(), text, { fresh: [by] });
    t.regex(fault?.played ?? '', new RegExp(`^whole, with a ${by} between two callbacks$`));
    t.is((await judged(lasting(), text, { fresh: [by] })).fault, null);
  }
});

test('clients share keys', async (t) => {
  const text = 'newline crlf\na >= p\na < +OK\nb >= pp\nb < +OK\nb < +OK\n';
  t.is((await judged(compiledGuest('keys'), text)).fault, null);
});

test('configuration, properties of TLS and the clock are what the transcript says', async (t) => {
  const text = `config name=x
config colour=blue
setting idleTimeoutMs 1m
ada connect tls.subject="CN=Ada L"
ada >= p tls.subject
ada < 8 CN=Ada L
bob >= p transport
bob < 3 tcp
+30s
ada >= w
ada < 946684830001.0 946684830001.0
+59s
bob ends
bob closed IDLE
ada >= c
ada <= name=x
ada < hex 0a
ada <= colour=blue
ada < hex 0a 0a
`;
  // The guest takes a piece for a command: that it comes to the second play tells that the first went well.
  const { fault } = await judged(compiledGuest('surroundings'), text);
  t.is(fault?.played, 'byte by byte', fault?.what);
});
