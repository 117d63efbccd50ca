// The chat guest on the simulated network: state, sends to others, timers, a member that does not read.

import { readFile } from 'node:fs/promises';
import test from 'ava';
import { REASON_GUEST, REASON_PEER } from '../../assembly/abi.ts';
import { type Harness, harness, type Peer, type Policy } from '../../host/testing/harness.ts';

const module = await readFile(new URL('../../protocols/chat.wasm', import.meta.url));

const room = (...names: string[]) => roomWith({}, ...names);

async function roomWith(
  policy: Partial<Policy>,
  ...names: string[]
): Promise<{ network: Harness; members: Peer[] }> {
  const network = await harness(module, { policy });
  const members = names.map((name) => join(network, name));
  for (const member of members) member.received();
  return { network, members };
}

function join(network: Harness, name: string, bufferBytes?: number): Peer {
  const peer = network.connect(bufferBytes === undefined ? {} : { bufferBytes });
  peer.send(`${name}\n`);
  return peer;
}

test('a newcomer is asked for a name before it says anything', async (t) => {
  const peer = (await harness(module)).connect();
  t.is(peer.text(), 'name? ');
});

test('a bad name is asked for again', async (t) => {
  const network = await harness(module);
  const peer = network.connect();
  peer.received();
  for (const name of ['', 'x'.repeat(33), 'a\tb', '\u007f']) {
    peer.send(`${name}\n`);
    t.is(peer.text(), 'a name has 1 to 32 printable characters; name? ');
  }
  peer.send('zoë\r\n');
  t.is(peer.text(), '');
});

test('a line goes to all others, with the name of who said it', async (t) => {
  const { members } = await room('ann', 'bob', 'cy');
  const [ann, bob, cy] = members as [Peer, Peer, Peer];
  ann.send('hello\r\n');
  t.is(ann.text(), '');
  t.is(bob.text(), 'ann: hello\n');
  t.is(cy.text(), 'ann: hello\n');
});

test('who has no name yet neither speaks nor hears', async (t) => {
  const { network, members } = await room('ann', 'bob');
  const guest = network.connect();
  guest.received();
  members[0]!.send('secret\n');
  t.is(guest.text(), '');
});

test('joining and leaving is told to the others', async (t) => {
  const { network, members } = await room('ann');
  const bob = join(network, 'bob');
  t.is(members[0]!.text(), '* bob has joined\n');
  bob.end();
  t.is(bob.closeReason, REASON_PEER);
  t.is(members[0]!.text(), '* bob has left\n');
});

test('/quit closes after the output', async (t) => {
  const { members } = await room('ann', 'bob');
  members[0]!.send('/quit\n');
  t.is(members[0]!.text(), '* bye\n');
  t.is(members[0]!.state, 'ended');
  t.is(members[0]!.closeReason, REASON_GUEST);
  t.is(members[1]!.text(), '* ann has left\n');
});

test('several lines in one segment are several lines', async (t) => {
  const { members } = await room('ann', 'bob');
  members[0]!.send('one\ntwo\n\nthree\n/quit\nnever said\n');
  t.is(members[1]!.text(), 'ann: one\nann: two\nann: three\n* ann has left\n');
});

test('a member that does not read is warned, then dropped, and the others never wait', async (t) => {
  const { network, members } = await room('ann', 'bob');
  const [ann, bob] = members as [Peer, Peer];
  const deaf = join(network, 'deaf', 1000);
  bob.received();
  const line = 'x'.repeat(1000);
  let heard = '';
  for (let count = 0; count < 200; count += 1) {
    ann.send(`${line}\n`);
    heard += bob.text();
  }
  t.is(heard, `ann: ${line}\n`.repeat(200));
  t.true(network.stats().backlogBytes < 80 * 1024);
  network.advance(1000);
  t.is(deaf.state, 'open');
  network.advance(4000);
  t.is(deaf.state, 'reset');
  t.is(deaf.closeReason, REASON_GUEST);
  t.is(bob.text(), '* deaf has left\n');
  t.is(network.stats().backlogBytes, 0);
});

test('a slow member is not listened to until it has caught up, and is told that it missed lines', async (t) => {
  const { network, members } = await room('ann', 'bob');
  const [ann, bob] = members as [Peer, Peer];
  const slow = join(network, 'slow', 1000);
  bob.received();
  for (let count = 0; count < 100; count += 1) ann.send(`${'x'.repeat(1000)}\n`);
  bob.received();
  slow.send('while I was away\n');
  t.is(bob.text(), '');
  slow.received();
  network.advance(1000);
  t.true(slow.text().endsWith('* you have missed lines\n'));
  t.is(bob.text(), 'slow: while I was away\n');
  ann.send('welcome back\n');
  t.is(slow.text(), 'ann: welcome back\n');
  network.advance(10_000);
  t.is(slow.state, 'open');
});

test('who reads slower than the host lets wait is told that it missed lines once it has read', async (t) => {
  const { network, members } = await roomWith(
    { highWaterBytes: 3000, lowWaterBytes: 500 },
    'ann',
    'bob',
  );
  const slow = join(network, 'slow', 1000);
  members[1]!.received();
  for (let count = 0; count < 20; count += 1) members[0]!.send(`${'x'.repeat(400)}\n`);
  t.is(members[1]!.text().length, 20 * 'ann: xxxx\n'.length + 20 * 396);
  const heard = slow.text();
  t.regex(heard, /^name\? (?:ann: x{400}\n){4,15}\* you have missed lines\n$/);
  members[0]!.send('welcome back\n');
  t.is(slow.text(), 'ann: welcome back\n');
});

test('a line that is longer than a message may be is told to nobody, and only its author hears so', async (t) => {
  const { members } = await roomWith({ maxMessageBytes: 100 }, 'ann', 'bob');
  members[0]!.send(`${'x'.repeat(200)}\nshort\n`);
  t.is(members[0]!.text(), '* the line is too long\n');
  t.is(members[1]!.text(), 'ann: short\n');
});

test('lines of any length up to that arrive whole, one after the other', async (t) => {
  const { members } = await room('ann', 'bob');
  for (const length of [1, 40, 30_000, 3, 65_000, 60_000]) {
    members[0]!.send(`${'x'.repeat(length)}\n`);
    t.is(members[1]!.text(), `ann: ${'x'.repeat(length)}\n`);
  }
});

test('nobody comes into a room that has no room left, and those who are in it go on', async (t) => {
  const { network, members } = await roomWith({ groupBytes: 65_536 }, 'ann', 'bob');
  const heard: string[] = [];
  network.subscribe('chat', (data) => heard.push(Buffer.from(data).toString()));
  network.publish('other', 'x'.repeat(48_000), { retain: true });
  for (let at = 10; at < 21; at += 1) network.subscribe('x'.repeat(1000) + at, () => undefined);
  const crowd = Array.from({ length: 20 }, (_, index) => join(network, `m${index}`));
  const last = crowd.at(-1)!;
  t.is(last.text(), 'name? * the room is full\n');
  t.is(last.state, 'ended');
  members[0]!.send('crowded\n');
  t.true(members[1]!.text().endsWith('ann: crowded\n'));
  t.is(heard.at(-1), 'ann: crowded\n');
});

test('the program hears the room, speaks in it, and speaks to one member', async (t) => {
  const { network, members } = await room('ann', 'bob');
  const heard: string[] = [];
  network.subscribe('chat', (data) => heard.push(Buffer.from(data).toString()));
  members[0]!.send('hello\n');
  network.publish('chat', 'web: hi\n');
  network.send(members[1]!.connection, 'chat', '* only you\n');
  t.deepEqual(heard, ['ann: hello\n', 'web: hi\n']);
  t.is(members[0]!.text(), 'web: hi\n');
  t.is(members[1]!.text(), 'ann: hello\nweb: hi\n* only you\n');
});

test('a swap under a room changes nothing for it', async (t) => {
  const { network, members } = await room('ann', 'bob');
  await network.swap(module);
  members[0]!.send('still here\n');
  t.is(members[1]!.text(), 'ann: still here\n');
});

test('a room of 60 that comes and goes leaves nothing behind', async (t) => {
  const network = await harness(module);
  for (let round = 0; round < 20; round += 1) {
    const members = Array.from({ length: 60 }, (_, index) => join(network, `m${index}`));
    members[0]!.send('all here?\n');
    t.true(members[59]!.text().endsWith('m0: all here?\n'));
    for (const member of members) {
      member.received();
      member.end();
    }
  }
  t.is(network.stats().connections.open, 0);
  t.deepEqual(network.traps, []);
});
