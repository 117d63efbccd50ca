// What members are sent goes out together: it is as if each were served alone, whoever edits, sends to others, reads
// slowly, closes or traps among them.

import test from 'ava';
import fc from 'fast-check';
import { REASON_GUEST, REASON_TRAP } from '../../assembly/abi.ts';
import { type Harness, harness, type Peer } from '../../host/testing/harness.ts';
import { compiledGuest } from '../helpers/guests.ts';

const module = compiledGuest('roster');
const MEMBERS = 6;

interface Room {
  readonly server: Harness;
  readonly peers: Peer[];
}

async function room(bufferBytes = 1 << 20, policy = {}): Promise<Room> {
  const server = await harness(module, { policy });
  const peers = Array.from({ length: MEMBERS }, (_, index) => {
    const peer = server.connect({ bufferBytes });
    peer.send(`j${index}`);
    return peer;
  });
  return { server, peers };
}

const heard = (peers: readonly Peer[]): string[] => peers.map((peer) => peer.text());
const each = (text: (index: number) => string): string[] =>
  Array.from({ length: MEMBERS }, (_, index) => text(index));

test('a member that edits its message in place changes that of nobody before it', async (t) => {
  const { server, peers } = await room();
  server.publish('room', 'e- edited');
  t.deepEqual(
    heard(peers),
    each((index) => `e${index} edited`),
  );
});

test('each member has a state of its own, however many are served before any is sent to', async (t) => {
  const { server, peers } = await room();
  server.send(peers[2]!.connection, 'room', 'only');
  heard(peers);
  server.publish('room', 's');
  t.deepEqual(
    heard(peers),
    each((index) => (index === 2 ? 's2' : 's1')),
  );
});

test('what a member is sent by another one comes behind its own message', async (t) => {
  const { server, peers } = await room();
  server.publish('room', 'o.');
  const last = MEMBERS - 1;
  t.deepEqual(
    heard(peers),
    each((index) => (index === last ? 'o.' : 'o.+')),
  );
});

test('what is too long to wait goes out behind what waits', async (t) => {
  const { server, peers } = await room();
  server.publish('room', 'a');
  server.publish('room', 'O');
  const long = 'x'.repeat(5000);
  const last = MEMBERS - 1;
  const got = heard(peers);
  t.is(got[0], `a${long}+${long}`);
  t.is(got[last], `a+${long}${long}`);
  for (const text of got.slice(1, last)) t.is(text, `a${long}+${long}`);
});

for (let failing = 0; failing < MEMBERS; failing += 1) {
  test(`when the guest traps for member ${failing}, those before have the message and those behind are told`, async (t) => {
    const { server, peers } = await room();
    server.publish('room', 'a');
    server.publish('room', `T${failing}`);
    server.publish('room', 'd');
    t.deepEqual(
      heard(peers),
      each((index) => {
        if (index === failing) return 'a';
        return index < failing ? `aT${failing}d` : 'a!d';
      }),
    );
    t.is(peers[failing]!.closeReason, REASON_TRAP);
    t.like(server.stats(), { guestTraps: 1, shared: { poisoned: 1 } });
  });
}

test('members that close with their message have it', async (t) => {
  const { server, peers } = await room();
  server.publish('room', 'c');
  t.deepEqual(
    heard(peers),
    each(() => 'c'),
  );
  for (const peer of peers) peer.end();
  t.true(peers.every(({ closeReason }) => closeReason === REASON_GUEST));
});

test('a connection with two memberships of one topic has the message twice, or is told what it misses', async (t) => {
  const { server, peers } = await room(4096, { highWaterBytes: 4000, lowWaterBytes: 1000 });
  for (const [index, peer] of peers.entries()) peer.send(`J${index}`);
  server.publish('room', 'a');
  t.deepEqual(
    heard(peers),
    each(() => 'aa'),
  );
  // The first one fills socket and backlog.
  server.publish('room', 'b');
  t.deepEqual(
    heard(peers),
    each(() => `b${'x'.repeat(5000)}b${'x'.repeat(5000)}`),
  );
  server.publish('room', `z${'z'.repeat(9000)}`);
  server.publish('room', 'c');
  t.deepEqual(
    heard(peers),
    each(() => `z${'z'.repeat(9000)}!`),
  );
});

const message = fc.tuple(
  fc.constantFrom('a', 'e', 's', 'o', 'O', 'b', 'w', 'p', 'T'),
  fc.nat({ max: MEMBERS }),
  fc.constantFrom(1, 30, 250, 3000, 6000),
);
interface Random {
  readonly messages: [letter: string, whom: number, length: number][];
  readonly patterns: number[];
  readonly bufferBytes: number;
  readonly together: boolean;
}

const program: fc.Arbitrary<Random> = fc.record({
  messages: fc.array(message, { maxLength: 12 }),
  patterns: fc.array(fc.nat({ max: MEMBERS - 1 }), { maxLength: 3 }),
  bufferBytes: fc.constantFrom(1 << 20, 4096, 512),
  together: fc.boolean(),
});

/** Letters in a row as their number. */
const brief = (text: string): string =>
  text.replace(/(.)\1{4,}/g, (run) => `${run[0]}*${run.length} `);

/** What each member gets when so many entries are served in a round: those of one are sent to together. */
async function got(
  { messages, patterns, bufferBytes, together }: Random,
  messagesPerTurn: number,
): Promise<string[]> {
  const marks = { highWaterBytes: 8192, lowWaterBytes: 2048 };
  const { server, peers } = await room(bufferBytes, { messagesPerTurn, ...marks });
  for (const index of patterns) peers[index]!.send(`J${index}`);
  const all = peers.map(() => '');
  for (const [letter, whom, length] of messages) {
    // What is sent often is short: else it would take seconds.
    const rest = letter === 'w' ? length % 100 : length;
    server.publish('room', `${letter}${whom}${'.'.repeat(rest)}`);
    if (together) continue;
    for (const [index, text] of heard(peers).entries()) all[index] += text;
  }
  for (const [index, text] of heard(peers).entries()) all[index] += text;
  return all.map((text, index) => `${brief(text)} ${peers[index]!.state}`);
}

test('what members get does not depend on how many are served at a time', async (t) => {
  await fc.assert(
    fc.asyncProperty(program, async (random) => {
      const alone = await got(random, 1);
      t.deepEqual(await got(random, 4), alone);
      t.deepEqual(await got(random, 256), alone);
    }),
    { numRuns: 25 },
  );
});
