// Replies that have come together for one connection: a guest that exports on_replies is given them in one
// callback, within bounds; others, and who is recorded, one by one. Commands are those of test/helpers/sharing.ts.

import test from 'ava';
import { REASON_TRAP } from '../../assembly/abi.ts';
import type { Policy } from '../../host/policy.ts';
import { type Harness, harness } from '../../host/testing/harness.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { runs, sharing } from '../helpers/sharing.ts';

const module = compiledGuest('sharing-together');

const together = (policy: Partial<Policy> = {}): Promise<Harness> => harness(module, { policy });

/** How many replies each callback was given, for commands of one connection that are all for itself. */
function counts(server: Harness, commands: string): number[] {
  const { log } = runs(server, server.connect(), commands);
  const found: number[] = [];
  let left = 0;
  for (const line of log) {
    const several = /^together (\d+)$/.exec(line);
    if (several !== null) left = found[found.push(Number(several[1])) - 1]!;
    else if (left > 0) left -= 1;
    else if (line.startsWith('reply')) found.push(1);
  }
  return found;
}

const gets = (count: number, key = 'k'): string => `g . 1 ${key};`.repeat(count);

test('replies that have come together are one callback, in the order asked', async (t) => {
  const server = await together();
  const { log } = runs(server, server.connect(), 'u . 1 0 -1 k one;g . 2 k;g . 3 absent;g . 4 k;');
  t.deepEqual(log, [
    'together 004',
    'reply 0 1 0 1',
    'reply 0 2 0 1 one',
    'reply 0 3 -5',
    'reply 0 4 0 1 one',
  ]);
});

test('a reply that has come alone is on_reply', async (t) => {
  const server = await together();
  t.deepEqual(runs(server, server.connect(), 'g . 1 k;').log, ['reply 0 1 -5']);
});

test('a guest without on_replies is given each by itself', async (t) => {
  const server = await sharing();
  t.deepEqual(runs(server, server.connect(), gets(2)).log, ['reply 0 1 -5', 'reply 0 1 -5']);
});

test('each connection is given its own, and only those that follow one another', async (t) => {
  const server = await together();
  const [one, other] = [server.connect(), server.connect()];
  const its = (tag: number): string => `g ${other.connection} ${tag} k;`;
  t.deepEqual(runs(server, one, `g . 1 k;${its(2)}${its(3)}g . 4 k;g . 5 k;`).log, [
    'reply 0 1 -5',
    ...['together 002', 'reply 1 2 -5', 'reply 1 3 -5'],
    ...['together 002', 'reply 0 4 -5', 'reply 0 5 -5'],
  ]);
});

test('what is sent in one callback goes out in order', async (t) => {
  const server = await together();
  const peer = server.connect();
  runs(server, peer, 'u . 1 0 -1 a one;u . 1 0 -1 b two;e 1 {E;};');
  runs(server, peer, 'g . 1 a;g . 2 b;g . 3 a;');
  t.is(new TextDecoder().decode(peer.received()), 'onetwoone');
});

test('a trap takes back what all of them asked for, and the others have their replies', async (t) => {
  const server = await together();
  const [one, other] = [server.connect(), server.connect()];
  runs(server, one, 'e 1 {s sent;u 0 1 0 -1 k v;T;};');
  const { log } = runs(server, one, `${gets(3)}g ${other.connection} 4 k;`);
  t.is(one.closeReason, REASON_TRAP);
  t.is(new TextDecoder().decode(one.received()), '');
  t.true(log.includes('reply 1 4 -5'));
  t.is(server.stats().shared.pending, 0);
  t.is(await server.store.get('k'), null);
  t.true(server.traps.length === 1);
});

test('a state block that several replies have changed is kept once', async (t) => {
  const server = await together();
  const peer = server.connect();
  // A script is part of the state: the first reply changes what the second one does.
  runs(server, peer, 'e 1 {e 1 {s second;};s first;};');
  runs(server, peer, gets(2));
  t.is(new TextDecoder().decode(peer.received()), 'firstsecond');
  runs(server, peer, gets(1));
  t.is(new TextDecoder().decode(peer.received()), 'second');
});

const bounds: [what: string, policy: Partial<Policy>, commands: string, counts: number[]][] = [
  ['64 KiB', {}, `u . 1 0 -1 k *30000;${gets(5)}`, [3, 2, 1]],
  [
    'half of maxStagedBytes',
    { receiveWindowBytes: 65_536, maxStagedBytes: 65_536 },
    `u . 1 0 -1 k *10000;${gets(5)}`,
    [4, 2],
  ],
  ['messagesPerTurn', { messagesPerTurn: 3 }, gets(8), [3, 3, 2]],
  ['an eighth of maxStagedSends', { maxStagedSends: 32 }, gets(6), [4, 2]],
  ['an eighth of hostCallsPerCallback', { hostCallsPerCallback: 24 }, gets(6), [3, 3]],
  ['one that is larger than all bounds', {}, `u . 1 0 -1 k *65536;${gets(2)}`, [1, 1, 1]],
];

for (const [what, policy, commands, expected] of bounds) {
  test(`together are as many as are within ${what}`, async (t) => {
    t.deepEqual(counts(await together(policy), commands), expected);
  });
}

test('where a window that is full of values leaves no room they come one by one', async (t) => {
  const server = await together({ receiveWindowBytes: 2048 });
  const peer = server.connect();
  // Twice 1,024 bytes with the version.
  runs(server, peer, 'u . 1 0 -1 k *1016;');
  t.deepEqual(runs(server, peer, gets(2)).log.length, 2);
});
