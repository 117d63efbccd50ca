// What topics are to a guest: who gets which message and when, who is told that he missed some, and what
// ends with a connection. Commands are those of test/helpers/sharing.ts.

import test from 'ava';
import {
  REASON_GUEST,
  REASON_PEER,
  REASON_TRAP,
  STATUS_BOUNDS,
  STATUS_CLOSED,
  STATUS_LIMIT,
  STATUS_OK,
  STATUS_STATE,
} from '../../assembly/abi.ts';
import type { Harness, Peer } from '../../host/testing/harness.ts';
import { logged } from '../helpers/guests.ts';
import { runs, sharing } from '../helpers/sharing.ts';

const OK = STATUS_OK;

/** What the last call had logged, of callbacks. */
const told = (server: Harness): string[] => logged(server).filter((line) => !line.startsWith('='));

/** So many peers that have joined a topic, with their number as tag. */
async function room(members: number, policy = {}): Promise<{ server: Harness; peers: Peer[] }> {
  const server = await sharing({ policy });
  const peers = Array.from({ length: members }, (_, index) => {
    const peer = server.connect();
    peer.send(`j . ${index} 0 room;`);
    return peer;
  });
  server.logs.splice(0);
  return { server, peers };
}

test('a message goes to all members, with the tag of each, after the callback that published it', async (t) => {
  const { server, peers } = await room(3);
  const { statuses, log } = runs(server, peers[1]!, 'p 0 room hello;');
  t.deepEqual(statuses, [OK]);
  t.deepEqual(log, [
    'message 0 0 0 room hello',
    'message 1 1 0 room hello',
    'message 2 2 0 room hello',
  ]);
});

test('OTHERS leaves out the connection in whose callback it is published', async (t) => {
  const { server, peers } = await room(2);
  t.deepEqual(runs(server, peers[0]!, 'p 2 room hello;').log, ['message 1 1 0 room hello']);
});

test('who joins or leaves in the same callback is in or out when it returns', async (t) => {
  const { server, peers } = await room(2);
  const late = server.connect();
  t.deepEqual(runs(server, late, 'j . 7 0 room;p 0 room a;').log, [
    'message 0 0 0 room a',
    'message 1 1 0 room a',
    'message 2 7 0 room a',
  ]);
  t.deepEqual(runs(server, peers[0]!, 'p 0 room b;l . 0 room;').log, [
    'message 1 1 0 room b',
    'message 2 7 0 room b',
  ]);
});

test('a connection may have another one join, and that one has the message', async (t) => {
  const server = await sharing();
  const [one, other] = [server.connect(), server.connect()];
  const { log, statuses } = runs(server, one, `j ${other.connection} 4 0 room;p 0 room hello;`);
  t.deepEqual(statuses, [OK, OK]);
  t.deepEqual(log, ['message 1 4 0 room hello']);
});

test('a pattern has the topics that it matches, and a topic and a pattern each bring the message', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  t.deepEqual(runs(server, peer, 'j . 1 1 a/+;j . 2 0 a/b;j . 3 1 #;').statuses, [OK, OK, OK]);
  server.publish('a/b', 'x');
  server.publish('a/c/d', 'y');
  server.publish('$own', 'z');
  t.deepEqual(told(server).sort(), [
    'message 0 1 0 a/b x',
    'message 0 2 0 a/b x',
    'message 0 3 0 a/b x',
    'message 0 3 0 a/c/d y',
  ]);
});

test('without PATTERN a topic is taken as it is', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  t.deepEqual(runs(server, peer, 'j . 1 0 a/+;').statuses, [OK]);
  server.publish('a/b', 'x');
  t.deepEqual(told(server), []);
});

test('a retained message comes to who joins later, and to nobody once it is deleted', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  runs(server, peer, 'p 1 news old;');
  runs(server, peer, 'p 1 news new;');
  t.deepEqual(runs(server, peer, 'j . 3 0 news;').log, ['message 0 3 1 news new']);
  t.deepEqual(runs(server, peer, 'j . 4 1 #;').log, ['message 0 4 1 news new']);
  // Joined again: the tag is another, and it comes again.
  t.deepEqual(runs(server, peer, 'j . 5 0 news;').log, ['message 0 5 1 news new']);
  runs(server, peer, 'p 1 news ;');
  t.deepEqual(runs(server, server.connect(), 'j . 6 0 news;').log, []);
  t.is(server.stats().shared.retained, 0);
});

test('a message of the program to one connection says so', async (t) => {
  const { server, peers } = await room(2);
  t.true(server.send(peers[1]!.connection, 'kick', 'out'));
  t.deepEqual(told(server), ['message 1 0 2 kick out']);
  t.false(server.send(12345, 'kick', 'out'));
});

test('the program is a member like any other', async (t) => {
  const { server, peers } = await room(1);
  const heard: string[] = [];
  const stop = server.subscribe('room', (data) => {
    heard.push(new TextDecoder().decode(data));
  });
  peers[0]!.send('p 0 room one;');
  server.publish('room', 'two');
  stop();
  peers[0]!.send('p 0 room three;');
  t.deepEqual(heard, ['one', 'two']);
});

const badNames: [what: string, commands: string, status: number][] = [
  ['a topic without a byte is no topic', 'j . 0 0 ;', STATUS_BOUNDS],
  ['a pattern without a byte is no pattern', 'j . 0 1 ;', STATUS_BOUNDS],
  ['# stands at the end', 'j . 0 1 #/a;', STATUS_BOUNDS],
  ['# is a whole level', 'j . 0 1 a#;', STATUS_BOUNDS],
  ['+ is a whole level', 'j . 0 1 a+/b;', STATUS_BOUNDS],
  ['a flag of join that there is not', 'j . 0 8 a;', STATUS_BOUNDS],
  ['a flag of publish that there is not', 'p 4 a b;', STATUS_BOUNDS],
  ['what is published has no +', 'p 0 a/+ b;', STATUS_BOUNDS],
  ['what is published has no #', 'p 0 # b;', STATUS_BOUNDS],
  ['a topic over maxTopicBytes', 'j . 0 0 *1025;', STATUS_LIMIT],
  ['a message over maxMessageBytes', 'p 0 a *65537;', STATUS_LIMIT],
  ['a connection that there is not', 'j 99 0 0 a;', STATUS_CLOSED],
  ['a connection that closes in the same callback', 'x 0;j . 0 0 a;', STATUS_STATE],
  ['a connection that is aborted in the same callback', 'x 1;j . 0 0 a;', STATUS_CLOSED],
  ['leaving what was not joined', 'l . 0 a;', STATUS_OK],
  ['the longest topic', 'j . 0 0 *1024;', STATUS_OK],
  ['the longest message', 'p 0 a *65536;', STATUS_OK],
];

for (const [what, commands, status] of badNames) {
  test(`join, leave and publish: ${what}`, async (t) => {
    const server = await sharing();
    t.is(runs(server, server.connect(), commands).statuses.at(-1), status);
  });
}

test('maxJoins is a bound for one connection, at once and in one callback', async (t) => {
  const server = await sharing({ policy: { maxJoins: 3 } });
  const peer = server.connect();
  const { statuses } = runs(server, peer, 'j . 0 0 a;j . 0 0 b;j . 0 0 c;j . 0 0 d;');
  t.deepEqual(statuses, [OK, OK, OK, STATUS_LIMIT]);
  // Joined again it is no more than before.
  t.deepEqual(runs(server, peer, 'j . 9 0 c;').statuses, [OK]);
  t.deepEqual(runs(server, peer, 'j . 0 0 d;l . 0 a;').statuses, [STATUS_LIMIT, OK]);
  t.deepEqual(runs(server, peer, 'j . 0 0 d;').statuses, [OK]);
  t.deepEqual(runs(server, server.connect(), 'j . 0 0 d;').statuses, [OK]);
});

test('groupBytes bounds members and what is retained', async (t) => {
  const server = await sharing({ policy: { groupBytes: 64 * 1024 } });
  const peer = server.connect();
  t.deepEqual(runs(server, peer, 'p 1 a *40000;').statuses, [OK]);
  t.deepEqual(runs(server, peer, 'p 1 b *40000;').statuses, [STATUS_LIMIT]);
  // What it replaces makes room.
  t.deepEqual(runs(server, peer, 'p 1 a *40001;').statuses, [OK]);
  let joined = 0;
  while (joined < 100 && runs(server, peer, `j . 0 0 topic-${joined};`).statuses[0] === OK) {
    joined += 1;
  }
  t.true(joined > 0 && joined < 100, `${joined}`);
  t.true(server.stats().shared.groupBytes <= 64 * 1024);
});

test('what is retained for a time is given to nobody after it', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  t.deepEqual(runs(server, peer, 'f 1 1000 a x;f 1 0 b y;f 0 1000 c z;f 4 1 a x;').statuses, [
    ...[OK, OK, OK, STATUS_BOUNDS],
  ]);
  server.advance(999);
  const joined = (): number => runs(server, server.connect(), 'j . 0 1 +;').log.length;
  t.is(joined(), 2);
  server.advance(1);
  t.is(joined(), 1);
  t.is(server.stats().shared.retained, 1);
});

test('records of one callback are bounded in number and in bytes', async (t) => {
  const server = await sharing({ policy: { maxStagedSends: 16, maxStagedBytes: 256 * 1024 } });
  const peer = server.connect();
  const { statuses } = runs(server, peer, 'p 0 a b;'.repeat(17));
  t.deepEqual(statuses, [...Array(16).fill(OK), STATUS_LIMIT]);
  t.deepEqual(runs(server, peer, 'p 0 a *65536;'.repeat(4)).statuses, [
    ...[OK, OK, OK],
    STATUS_LIMIT,
  ]);
  t.is(server.stats().shared.published, 16 + 3);
});

test('a callback that traps leaves no trace in topics', async (t) => {
  const { server, peers } = await room(2);
  peers[0]!.send('j . 9 0 other;l . 0 room;p 0 room no;p 1 kept no;T;');
  t.is(peers[0]!.closeReason, REASON_TRAP);
  server.publish('other', 'x');
  server.publish('room', 'y');
  t.deepEqual(told(server), ['close 0 8', 'message 1 1 0 room y']);
  t.is(server.stats().shared.retained, 0);
});

test('memberships end when on_close is due, and its message goes to the others', async (t) => {
  const { server, peers } = await room(3);
  peers[0]!.send('e 3 {p 0 room will;j . 0 0 room;};');
  server.logs.splice(0);
  peers[0]!.reset();
  t.deepEqual(logged(server), [
    'close 0 11',
    '= 0 -1',
    'message 1 1 0 room will',
    'message 2 2 0 room will',
  ]);
  t.is(server.stats().shared.members, 2);
});

test('a connection that closes gracefully gets no message while its output goes out', async (t) => {
  const server = await sharing();
  const peer = server.connect({ bufferBytes: 4096 });
  runs(server, peer, 'j . 0 0 room;s *60000;x 0;');
  server.publish('room', 'x');
  t.deepEqual(told(server), []);
  t.is(server.stats().shared.members, 1);
  peer.received();
  peer.end();
  t.is(peer.closeReason, REASON_GUEST);
  t.is(server.stats().shared.members, 0);
});

test('a paused connection and one whose peer has finished get messages', async (t) => {
  const { server, peers } = await room(2);
  peers[0]!.send('P 0;');
  peers[1]!.end();
  server.logs.splice(0);
  server.publish('room', 'x');
  t.deepEqual(told(server), ['message 0 0 0 room x', 'message 1 1 0 room x']);
});

const slow = { highWaterBytes: 16 * 1024, lowWaterBytes: 4 * 1024 };

test('a slow reader misses messages, and is told at the low mark, before on_drain', async (t) => {
  const server = await sharing({ policy: slow });
  const peer = server.connect({ bufferBytes: 4096 });
  runs(server, peer, 'j . 0 0 room;e 0 {s *30000;};');
  server.publish('room', 'a');
  server.publish('room', 'b');
  server.publish('room', 'c');
  t.deepEqual(told(server), ['message 0 0 0 room a']);
  peer.received();
  t.deepEqual(told(server), ['missed 0', 'drain 0']);
  server.publish('room', 'd');
  t.deepEqual(told(server), ['message 0 0 0 room d']);
});

test('who misses nothing is told of nothing', async (t) => {
  const server = await sharing({ policy: slow });
  const peer = server.connect({ bufferBytes: 4096 });
  runs(server, peer, 'j . 0 0 room;e 0 {s *30000;};');
  server.publish('room', 'a');
  t.deepEqual(told(server), ['message 0 0 0 room a']);
  peer.received();
  t.deepEqual(told(server), ['drain 0']);
});

test('a seat whose queue is full loses the message, and its members are told before the next', async (t) => {
  // Published in one callback, they wait for one seat together.
  const { server, peers } = await room(2, { queueBytes: 64 * 1024 });
  peers[0]!.send('p 0 room *50000;p 0 room *50001;');
  const lines = told(server).map((line) => line.slice(0, 'message 0'.length));
  t.deepEqual(lines, ['message 0', 'message 1', 'missed 0', 'missed 1']);
  t.is(server.stats().shared.leftOut, 1);
  server.publish('room', 'x');
  t.deepEqual(told(server), ['message 0 0 0 room x', 'message 1 1 0 room x']);
});

test('a message in whose callback the guest traps is given to nobody else, and they are told', async (t) => {
  const { server, peers } = await room(4);
  peers[1]!.send('e 0 {T;};');
  server.logs.splice(0);
  server.publish('room', 'poison');
  t.deepEqual(told(server), [
    'message 0 0 0 room poison',
    'message 1 1 0 room poison',
    'missed 2',
    'missed 3',
    'close 1 8',
  ]);
  t.is(server.traps.length, 1);
  t.is(server.stats().guestTraps, 1);
  t.like(server.stats().shared, { poisoned: 1 });
  server.publish('room', 'x');
  t.deepEqual(
    told(server),
    [0, 2, 3].map((index) => `message ${index} ${index} 0 room x`),
  );
});

test('a trap in on_missed costs one connection, and the others are told as well', async (t) => {
  const { server, peers } = await room(4);
  peers[0]!.send('e 0 {T;};');
  peers[1]!.send('e 2 {T;};');
  server.publish('room', 'poison');
  t.deepEqual(
    peers.map(({ closeReason }) => closeReason),
    [REASON_TRAP, REASON_TRAP, undefined, undefined],
  );
  t.deepEqual(
    told(server).filter((line) => line.startsWith('missed')),
    ['missed 1', 'missed 2', 'missed 3'],
  );
});

test('what on_message sends goes to its connection from where it lies', async (t) => {
  const { server, peers } = await room(3);
  for (const peer of peers) peer.send('e 0 {s got it;};');
  server.publish('room', 'x');
  t.deepEqual(
    peers.map((peer) => peer.text()),
    ['got it', 'got it', 'got it'],
  );
});

test('a message that is published in on_message comes after the one that is delivered', async (t) => {
  const { server, peers } = await room(2);
  peers[0]!.send('e 0 {p 2 other x;};j . 0 0 other;');
  peers[1]!.send('j . 5 0 other;');
  server.logs.splice(0);
  server.publish('room', 'a');
  t.deepEqual(told(server), [
    'message 0 0 0 room a',
    'message 1 1 0 room a',
    'message 1 5 0 other x',
  ]);
});

test('more members than one turn delivers to all get the message, and input goes on between', async (t) => {
  const { server, peers } = await room(20, { messagesPerTurn: 3 });
  server.publish('room', 'x');
  t.is(told(server).length, 20);
  peers[0]!.send('p 0 room y;p 0 room z;');
  const lines = told(server);
  t.deepEqual(
    lines.map((line) => line.at(-1)),
    [...Array(20).fill('y'), ...Array(20).fill('z')],
  );
});

test('a swap changes nothing of memberships, messages and tags', async (t) => {
  const { sharingModule } = await import('../helpers/sharing.ts');
  const { server } = await room(2);
  server.publish('kept', 'old', { retain: true });
  await server.swap(sharingModule);
  server.publish('room', 'x');
  t.deepEqual(told(server), ['message 0 0 0 room x', 'message 1 1 0 room x']);
});

test('a module without on_message cannot take over from one that has it', async (t) => {
  const { scriptedModule } = await import('../helpers/guests.ts');
  const { server, peers } = await room(1);
  const error = await t.throwsAsync(server.swap(scriptedModule), { code: 'ERR_GUEST' });
  t.regex(error.message, /sharing: cannot take over: sharing has on_message, and it has none; /);
  t.deepEqual(runs(server, peers[0]!, 'p 0 room x;').log, ['message 0 0 0 room x']);
});

test('a peer that has gone is no member any more', async (t) => {
  const { server, peers } = await room(3);
  peers[0]!.send('e 6 {x 0;};');
  peers[0]!.end();
  t.is(peers[0]!.closeReason, REASON_GUEST);
  peers[1]!.reset();
  t.is(server.stats().shared.members, 1);
  t.not(peers[1]!.closeReason, REASON_PEER);
});
