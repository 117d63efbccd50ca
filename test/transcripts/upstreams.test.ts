// Transcripts that play upstreams: what their lines mean, and what is found when the guest does something else.

import test from 'ava';
import { REASON_PEER } from '../../assembly/abi.ts';
import { parseTranscript } from '../../host/transcripts/parse.ts';
import { bundledModule } from '../helpers/guests.ts';
import { judged } from '../helpers/transcribed.ts';

const utf8 = new TextEncoder();
const read = (text: string): ReturnType<typeof parseTranscript> => parseTranscript(text, 'x.txt');

test('an upstream is what its head says', (t) => {
  const { upstreams } = read(
    'upstream db # a comment\nupstream any pattern=*.x.org:1 pattern=*:* max=2 timeout=2s proxy=v2\n> a',
  );
  t.deepEqual(upstreams, {
    db: {},
    any: { pattern: ['*.x.org:1', '*:*'], max: 2, connectTimeoutMs: 2000, proxy: 'v2' },
  });
});

test('lines that begin with its name are what it does and sees, on the connection of that number', (t) => {
  const text =
    'upstream db\ndb > a # b\ndb.2 <= c\ndb.1 < hex 00\ndb accept\ndb refuse # now\ndb silence\ndb reset\n' +
    'db slow 2s\ndb asked\ndb asked a.x.org\ndb.3 proxied 10.0.0.1:2\ndb closed peer\ndb.2 drop\ndb2 > d';
  const db = { client: 'db' };
  t.deepEqual(read(text).steps, [
    { line: 2, ...db, kind: 'send', bytes: utf8.encode('a # b\n') },
    { line: 3, client: 'db.2', kind: 'expect', bytes: utf8.encode('c') },
    { line: 4, ...db, kind: 'expect', bytes: Uint8Array.of(0) },
    { line: 5, ...db, kind: 'accept', afterMs: 0 },
    { line: 6, ...db, kind: 'refuse' },
    { line: 7, ...db, kind: 'silence' },
    { line: 8, ...db, kind: 'reset' },
    { line: 9, ...db, kind: 'accept', afterMs: 2000 },
    { line: 10, ...db, kind: 'asked', host: null },
    { line: 11, ...db, kind: 'asked', host: 'a.x.org' },
    { line: 12, client: 'db.3', kind: 'proxied', address: '10.0.0.1:2' },
    { line: 13, ...db, kind: 'closed', reason: REASON_PEER },
    { line: 14, client: 'db.2', kind: 'drop' },
    { line: 15, client: 'db2', kind: 'send', bytes: utf8.encode('d\n') },
  ]);
});

const wrong: readonly (readonly [text: string, message: RegExp])[] = [
  ['upstream', /:1: behind upstream stands its name, such as: upstream db$/],
  ['upstream connect', /:1: 'connect' is a word of transcripts, and no name$/],
  ['upstream config', /:1: 'config' is a word of transcripts, and no name$/],
  ['upstream db\nupstream db', /:2: upstream db is there already$/],
  [
    'upstream db proxi=v1',
    /:1: 'proxi=v1' is nothing that an upstream can have; there are pattern=/,
  ],
  ['upstream db proxy=v3', /:1: 'proxy=v3' is nothing that an upstream can have/],
  ['upstream db pattern=x', /:1: 'x': must be \*\.DOMAIN:PORT/],
  ['upstream db max=0', /:1: behind max= stands how many connections, got '0'$/],
  ['upstream db timeout=5', /:1: '5' is no time; write timeout=5s$/],
  ['> a\nupstream db', /:2: upstream stands above all that happens; move it up$/],
  ['upstreem db', /:1: 'upstreem' is no word of transcripts; write upstream$/],
  ['upstream db\ndb acept', /:2: 'acept' means nothing behind db; write accept$/],
  [
    'upstream db\ndb frobnicate',
    /:2: 'frobnicate' means nothing behind db; write > before what it/,
  ],
  ['upstream db\ndb', /:2: behind db nothing stands; write > before what it sends/],
  ['upstream db\ndb.2 refuse', /:2: refuse is about the upstream as a whole; write db refuse$/],
  ['upstream db\ndb connect', /:2: connect is what a client does; an upstream waits/],
  ['upstream db\ndb logs x', /:2: `logs` is about the guest: leave out the upstream before it$/],
  ['upstream db\ndb slow', /:2: 'slow' is no time; write slow 200ms, slow 2s$/],
  ['upstream db\ndb slow 5', /:2: 'slow 5' is no time; write slow 200ms, slow 2s$/],
  ['upstream db\ndb proxied', /:2: behind proxied stands the client of the PROXY header/],
  ['upstream db\ndb nothing more', /:2: nothing may stand behind nothing, but there is 'more'$/],
  ['upstream db\ndb closed X', /:2: 'X' is no close reason; there are /],
  ['db accept', /:1: accept is about an upstream, and there is no 'db'; write upstream db above/],
  ['accept', /:1: accept is about an upstream: write its name before it$/],
];

for (const [text, message] of wrong) {
  test(`it is said what is wrong with ${JSON.stringify(text)}`, (t) => {
    t.throws(() => read(text), { code: 'ERR_CONFIG', message });
  });
}

const HEAD = 'config upstream=db\nupstream db';

const faults: readonly (readonly [what: string, text: string, line: number, message: RegExp])[] = [
  ['what came to it that is another', '\n> a\ndb < b', 4, /^something else came$/],
  ['what came to it that no line names', '\n> a', 3, /^more came than the lines say/],
  [
    'a connection that nobody has asked for',
    '\ndb > a',
    3,
    /^there is no connection db: the .* no conn/,
  ],
  [
    'a connection that waits',
    '\ndb silence\n> a\ndb < a',
    5,
    /^there is no connection db: the guest has asked for 1 connection, of which 1 waits/,
  ],
  [
    'a second connection',
    '\n> a\ndb < a\ndb.2 nothing',
    5,
    /^there is no connection db\.2: .* came about$/,
  ],
  ['that it has left and sends', '\n> a\ndb < a\ndb leave\ndb > b', 6, /^the upstream has left$/],
  [
    'that it was not asked once more',
    '\n> a\ndb asked\ndb asked',
    5,
    /no connection to db more than/,
  ],
  [
    'that its client’s end was not said',
    '\n> a\ndb < a\nleave',
    4,
    /; write ends, if that is right$/,
  ],
  [
    'that no header comes',
    '\n> a\ndb proxied 1.2.3.4:5',
    4,
    /^no PROXY header comes; write upstream db pr/,
  ],
  [
    'a header that names another client',
    ' proxy=v2\nconnect address=10.0.0.1:2\ndb proxied 10.0.0.1:3',
    4,
    /^the PROXY header names 10\.0\.0\.1:2; expected 10\.0\.0\.1:3$/,
  ],
  [
    'a header that was taken before',
    ' proxy=v1\nconnect address=10.0.0.1:2\ndb <= PROXY\ndb proxied 10.0.0.1:2',
    5,
    /^the PROXY header came first, and a line before has taken it$/,
  ],
];

for (const [what, text, line, message] of faults) {
  test(`a transcript finds of an upstream ${what}`, async (t) => {
    const { fault } = await judged(bundledModule('proxy'), `${HEAD}${text}`);
    t.regex(fault?.what ?? '', message);
    t.is(fault?.line, line);
  });
}

test('a PROXY header is there as bytes, too', async (t) => {
  const text =
    'newline crlf\nconfig upstream=db\nupstream db proxy=v1\nconnect address=10.0.0.1:2 local=10.0.0.9:80\n' +
    'db < PROXY TCP4 10.0.0.1 10.0.0.9 2 80\n> a\ndb < a';
  const { fault } = await judged(bundledModule('proxy'), text);
  t.is(fault, null);
});

test('a guest that names a host is seen to do so', async (t) => {
  const text = 'upstream db pattern=*.x.org:1\nconfig upstream=db:a.x.org\n> a\ndb asked ';
  t.is((await judged(bundledModule('proxy'), `${text}a.x.org\ndb < a`)).fault, null);
  const { fault } = await judged(bundledModule('proxy'), `${text}b.x.org`);
  t.is(fault?.what, "the guest has named 'a.x.org'; expected 'b.x.org'");
});

test('more connections than an upstream may have are refused', async (t) => {
  const text = `${HEAD} max=1\nconnect\ndb asked\nbob connect\nbob resets`;
  t.is((await judged(bundledModule('proxy'), text)).fault, null);
});
