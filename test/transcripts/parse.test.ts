// Reading transcripts: what lines mean, and what is said of those that mean nothing.

import test from 'ava';
import { REASON_PEER } from '../../assembly/abi.ts';
import { parseTranscript } from '../../host/transcripts/parse.ts';

const utf8 = new TextEncoder();
const read = (text: string): ReturnType<typeof parseTranscript> => parseTranscript(text, 'x.txt');

test('lines are sent and expected with the line end that the first line names', (t) => {
  const { steps } = read('newline crlf # as in SMTP\n\n# a comment\n> a # b\r\n<= c\nbob < d\n>\n');
  t.deepEqual(steps, [
    { line: 4, client: '', kind: 'send', bytes: utf8.encode('a # b\r\n') },
    { line: 5, client: '', kind: 'expect', bytes: utf8.encode('c') },
    { line: 6, client: 'bob', kind: 'expect', bytes: utf8.encode('d\r\n') },
    { line: 7, client: '', kind: 'send', bytes: utf8.encode('\r\n') },
  ]);
});

test('bytes are written in hex, and the word hex with a sign that adds no line end', (t) => {
  const { steps } = read('> hex 00 FFa0\n< hex\t01\n>= hex 00\n');
  t.deepEqual(
    steps.map((step) => ('bytes' in step ? [...step.bytes] : [])),
    [[0, 255, 160], [1], [...utf8.encode('hex 00')]],
  );
});

test('words stand for what happens and what is found, and may have a comment', (t) => {
  const text =
    '+5s # later\n+0\nconnect\nnothing\nends\nbob resets\nclosed peer\nlogs a # b\nbob leave';
  t.deepEqual(read(text).steps, [
    { line: 1, client: '', kind: 'wait', ms: 5000 },
    { line: 2, client: '', kind: 'wait', ms: 0 },
    { line: 3, client: '', kind: 'connect', options: {} },
    { line: 4, client: '', kind: 'nothing' },
    { line: 5, client: '', kind: 'ends' },
    { line: 6, client: 'bob', kind: 'resets' },
    { line: 7, client: '', kind: 'closed', reason: REASON_PEER },
    { line: 8, client: '', kind: 'logs', text: 'a # b' },
    { line: 9, client: 'bob', kind: 'leave' },
  ]);
});

test('a client comes as its line says', (t) => {
  const { steps } = read(
    'ada connect tls.subject="CN=Ada L" address=10.0.0.1:4242\nbob connect tls',
  );
  t.deepEqual(steps, [
    {
      line: 1,
      client: 'ada',
      kind: 'connect',
      options: { address: '10.0.0.1:4242', tls: { 'tls.subject': 'CN=Ada L' } },
    },
    { line: 2, client: 'bob', kind: 'connect', options: { tls: true } },
  ]);
});

test('configuration and settings stand above what happens', (t) => {
  const transcript = read(
    'config name=x\nconfig motd=a # b\nconfig-file ../c.ini\nsetting maxFrameBytes 2KiB\n> a',
  );
  t.is(transcript.config, 'name=x\nmotd=a # b\n');
  t.deepEqual(transcript.configFile, { path: '../c.ini', line: 3 });
  t.deepEqual(transcript.policy, { maxFrameBytes: 2048 });
});

const wrong: readonly (readonly [text: string, message: RegExp])[] = [
  ['', /^x\.txt:1: nothing happens in it; write > before/],
  ['newline cr', /^x\.txt:1: write newline lf or newline crlf$/],
  ['> a\nnothin', /^x\.txt:2: 'nothin' is no word of transcripts; write nothing$/],
  ['ada noting', /:1: 'noting' is no word of transcripts; write nothing$/],
  ['hello there', /:1: 'hello' means nothing here; write > before/],
  ['1st > a', /:1: '1st' means nothing here/],
  ['  < x', /:1: a line begins without spaces$/],
  ['\tconnect', /:1: a line begins without spaces$/],
  ['>x', /:1: put a space behind >$/],
  ['<=x', /:1: put a space behind <=$/],
  ['>=', /:1: >= needs text behind it$/],
  ['< hex 0', /:1: behind hex stand bytes of two digits each, such as: < hex 00 ff;/],
  ['> hex', /:1: behind hex stand bytes/],
  ['+5', /:1: '\+5' is no time; write \+200ms, \+5s/],
  ['ends now', /:1: nothing may stand behind ends, but there is 'now'$/],
  ['closed SOON', /:1: 'SOON' is no close reason; there are .*PEER/],
  ['logs', /:1: behind logs stands the text/],
  ['ada logs x', /:1: `logs` is about the guest: leave out/],
  ['connect tsl', /:1: 'tsl' means nothing behind connect; there are tls,/],
  ['connect colour=red', /:1: 'colour' is nothing that a client can come with;/],
  ['> a\nconfig x', /:2: config stands above all that happens; move it up$/],
  ['config-file', /:1: behind config-file stands a path/],
  ['config-file a\nconfig-file b', /:2: one config-file is all that there can be$/],
  ['setting maxFrameByte 2KiB', /:1: 'maxFrameByte' is no setting; write maxFrameBytes$/],
  ['setting tick 1s', /:1: 'tick' is no setting; write tickMs$/],
  ['setting idle-timeout 1s', /:1: 'idle-timeout' is no setting; write idleTimeoutMs$/],
  ['setting colour red', /:1: 'colour' is no setting; docs\/settings\.md has all$/],
  [
    'setting maxFrameBytes 2',
    /:1: behind maxFrameBytes stands a size .*, from 1KiB to .*; got '2'$/,
  ],
];

for (const [text, message] of wrong) {
  test(`what is wrong with ${JSON.stringify(text)} is said with its line and what to write`, (t) => {
    t.throws(() => read(text), { code: 'ERR_CONFIG', message });
  });
}

test('all mistakes of a transcript are told at once', (t) => {
  t.throws(() => read('>x\n> fine\n+x\n'), { message: /^x\.txt:1: [^\n]+\nx\.txt:3: [^\n]+$/ });
});
