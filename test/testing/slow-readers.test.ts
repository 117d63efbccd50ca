// Random messages to members who read late or not at all, through queues that are full: each is given an exact
// subsequence of what was published for him, and is told of every gap before the next message.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { matches } from '../../host/shared/names.ts';
import type { Harness, Peer } from '../../host/testing/harness.ts';
import { logged } from '../helpers/guests.ts';
import { sharing, sharingModule } from '../helpers/sharing.ts';

const MEMBERS = 4;
/** Topics have the message's number as their last level. */
const NAMES = ['a/+', 'b/+', '#', 'a/#'];
const BUFFER_BYTES = 4096;
const POLICY = {
  queueBytes: 64 * 1024,
  highWaterBytes: 6000,
  lowWaterBytes: 1500,
  messagesPerTurn: 3,
  maxStagedBytes: 512 * 1024,
};

const joins = fc.uniqueArray(fc.nat({ max: NAMES.length - 1 }), { minLength: 1, maxLength: 3 });

const step = fc.oneof(
  fc.record({
    kind: fc.constant('publish' as const),
    // As many as are published in one callback wait in the queue together.
    messages: fc.array(
      fc.record({ topic: fc.constantFrom('a', 'b'), bytes: fc.constantFrom(1, 40, 900, 20_000) }),
      { minLength: 1, maxLength: 16 },
    ),
    others: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('read' as const),
    member: fc.integer({ min: 1, max: MEMBERS - 1 }),
  }),
  fc.constant({ kind: 'swap' as const }),
);

interface Membership {
  readonly name: string;
  /** Numbers of messages that are for it, in order. */
  readonly expected: number[];
  readonly given: (number | 'missed')[];
}

class Room {
  readonly members: Membership[][];
  readonly peers: Peer[];
  readonly server: Harness;
  published = 0;

  constructor(server: Harness, names: readonly (readonly number[])[]) {
    this.server = server;
    this.members = names.map((of) =>
      of.map((at) => ({ name: NAMES[at]!, expected: [], given: [] })),
    );
    this.peers = names.map((of, member) => {
      const peer = server.connect({ bufferBytes: BUFFER_BYTES });
      const joined = of.map((at, tag) => `j . ${tag} 1 ${NAMES[at]};`).join('');
      peer.send(member === 0 ? joined : `${joined}e 0 {E;};`);
      return peer;
    });
    logged(server);
  }

  /**
   * By a connection that is no member, or with OTHERS by the first member: he is sent nothing, since what a
   * slow reader says is not read either.
   */
  publish(by: Peer, messages: readonly { topic: string; bytes: number }[], others: boolean): void {
    const flags = others ? 2 : 0;
    const commands = messages.map(({ topic, bytes }) => {
      this.published += 1;
      for (const [member, memberships] of this.members.entries()) {
        if (others && member === 0) continue;
        for (const { name, expected } of memberships) {
          if (matches(name, `${topic}/${this.published}`)) expected.push(this.published);
        }
      }
      return `p ${flags} ${topic}/${this.published} *${bytes};`;
    });
    (others ? this.peers[0]! : by).send(commands.join(''));
  }

  receive(member: number): void {
    this.peers[member]!.received();
  }

  /** What the guest was called with. @returns the statuses of what was published just before */
  look(): number[] {
    const lines = logged(this.server);
    const statuses =
      lines
        .find((line) => line.startsWith('='))
        ?.split(' ')
        .slice(1) ?? [];
    for (const line of lines) {
      const [kind, index, tag, , topic, data] = line.split(' ');
      const memberships = this.members[Number(index)];
      if (memberships === undefined) continue;
      if (kind === 'missed') for (const { given } of memberships) given.push('missed');
      if (kind !== 'message') continue;
      memberships[Number(tag)]!.given.push(Number(topic!.split('/')[1]));
      if (!/^\*+$/.test(data!)) throw new Error(`${line} has other data`);
    }
    return statuses.map(Number);
  }
}

/** @returns how many messages it was not given */
function assertTold(t: ExecutionContext, { name, expected, given }: Membership): number {
  let [next, told, lost] = [0, false, 0];
  for (const one of given) {
    if (one === 'missed') {
      told = true;
      continue;
    }
    const at = expected.indexOf(one, next);
    t.true(at >= 0, `${name} was given ${one}, which is not for it, or not again`);
    if (at > next) t.true(told, `${name} was not told before ${one} of ${at - next} messages`);
    lost += at - next;
    [next, told] = [at + 1, false];
  }
  const rest = expected.length - next;
  if (rest > 0) t.true(told, `${name} was not told of the last ${rest} messages`);
  return lost + rest;
}

test('whoever does not keep pace is given a subsequence, and told of every gap', async (t) => {
  const total = { given: 0, lost: 0, leftOut: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(joins, { minLength: MEMBERS, maxLength: MEMBERS }),
      fc.array(step, { maxLength: 25 }),
      async (names, steps) => {
        const server = await sharing({ policy: POLICY });
        const room = new Room(server, names);
        const speaker = server.connect();
        for (const one of steps) {
          if (one.kind === 'publish') {
            room.publish(speaker, one.messages, one.others);
            t.deepEqual(
              room.look(),
              one.messages.map(() => 0),
            );
          } else if (one.kind === 'read') room.receive(one.member);
          else await server.swap(sharingModule);
          room.look();
        }
        const { leftOut } = server.stats().shared;
        // All have read all: what was lost is told by then, though nothing is said any more.
        for (let member = 0; member < MEMBERS; member += 1) room.receive(member);
        room.look();
        let lost = 0;
        for (const memberships of room.members) {
          for (const membership of memberships) lost += assertTold(t, membership);
        }
        total.lost += lost;
        total.leftOut += leftOut;
        total.given += room.members
          .flat()
          .reduce((sum, { given }) => sum + given.filter((each) => each !== 'missed').length, 0);
        t.is(server.stats().shared.queueBytes, 0);
      },
    ),
    { numRuns: 40 },
  );
  t.log(total);
  t.true(total.given > 0 && total.lost > 0 && total.leftOut > 0);
});
