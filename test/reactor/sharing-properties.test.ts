// Random programs of joins, publishes, requests, traps, slow readers, swaps and closes, against a model of
// plain arrays: who gets which messages and replies, in which order, with which tags.

import test from 'ava';
import fc from 'fast-check';
import type { Harness, Peer } from '../../host/testing/harness.ts';
import { logged } from '../helpers/guests.ts';
import { sharing, sharingModule } from '../helpers/sharing.ts';
import { comparable, Model, PEERS, step, wordsOf } from '../helpers/sharing-model.ts';

const event = fc.record({
  peer: fc.nat({ max: PEERS - 1 }),
  steps: fc.array(step, { maxLength: 6 }),
  // Of ten events one traps, one ends its connection, and one is followed by a swap.
  fate: fc.constantFrom(
    'return',
    'return',
    'return',
    'return',
    'return',
    'return',
    'return',
    'trap',
    'reset',
    'swap',
  ),
});

/** What the guest was called with, by peer, in the model's words. */
function heardBy(server: Harness, numbers: Map<number, number>): string[][] {
  const heard: string[][] = Array.from({ length: PEERS }, () => []);
  for (const line of logged(server)) {
    const peer = numbers.get(Number(line.split(' ')[1]));
    const words = wordsOf(line);
    if (peer !== undefined && words !== null) heard[peer]!.push(words);
  }
  return heard;
}

test('random programs are heard by whom they are for, and traps leave no trace', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
      const server = await sharing({ policy: { messagesPerTurn: 2 } });
      const model = new Model();
      const numbers = new Map<number, number>();
      let opened = 0;
      const connect = (peer: number): Peer => {
        numbers.set(opened, peer);
        opened += 1;
        return server.connect();
      };
      const peers = Array.from({ length: PEERS }, (_, peer) => connect(peer));
      for (const { peer, steps, fate } of events) {
        server.logs.splice(0);
        for (const lines of model.heard) lines.splice(0);
        const commands = model.run(peer, steps, fate !== 'trap');
        if (commands !== '' || fate === 'trap') {
          peers[peer]!.send(fate === 'trap' ? `${commands}T;` : commands);
        }
        const heard = heardBy(server, numbers);
        t.deepEqual(heard.map(comparable), model.heard.map(comparable));
        if (fate === 'swap') await server.swap(sharingModule);
        if (fate !== 'trap' && fate !== 'reset') continue;
        if (fate === 'reset') peers[peer]!.reset();
        model.gone(peer);
        peers[peer] = connect(peer);
      }
      for (const peer of peers) peer.reset();
      const { members, pending, queueBytes } = server.stats().shared;
      t.deepEqual([members, pending, queueBytes], [0, 0, 0]);
    }),
    { numRuns: 60 },
  );
});
