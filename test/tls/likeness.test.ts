// By TLS a guest hears, and is heard, as in clear: the same random conversation goes both ways in the harness, whatever
// is sent at a time, and however little the peer takes.

import test from 'ava';
import fc from 'fast-check';
import { logged, scripted, small } from '../helpers/guests.ts';

type Step =
  | { readonly kind: 'send'; readonly text: string }
  | { readonly kind: 'read' | 'end' }
  | { readonly kind: 'wait'; readonly ms: number };

// Commands of the script language: data to and fro, pauses and what ends them, half a close, timers, traps.
const command = fc.constantFrom(
  ...['s .,hello;', 'b .,300,3,x;', 'b .,20,1,y;', 'c .,copied;', 'P .;t .,5;', 'R .;', 'w .,40;'],
  ...[
    'e t{R .;s .,timed;}',
    'e w{s .,drained;}',
    'm 1,7;',
    'm 2,0;',
    'x .,1;',
    'x .,0;',
    'T;',
    '\n',
  ],
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .array(command, { minLength: 1, maxLength: 4 })
      .map((commands): Step => ({ kind: 'send', text: commands.join('') })),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'read' }) },
  { weight: 2, arbitrary: fc.nat(20).map((ms): Step => ({ kind: 'wait', ms })) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'end' }) },
);

async function converse(
  steps: readonly Step[],
  split: number,
  bufferBytes: number,
  tls: boolean,
): Promise<unknown[]> {
  const policy = { ...small, highWaterBytes: 400, lowWaterBytes: 100, lingerMs: 50 };
  const server = await scripted({ policy });
  const peer = server.connect({ tls, bufferBytes });
  const told: unknown[] = [];
  let ended = false;
  for (const next of steps) {
    if (next.kind === 'wait') server.advance(next.ms);
    else if (next.kind === 'read') told.push(peer.text());
    else if (next.kind === 'end') {
      if (!ended) peer.end();
      ended = true;
    } else if (next.kind === 'send' && !ended) {
      for (let at = 0; at < next.text.length; at += split) {
        told.push(peer.send(next.text.slice(at, at + split)));
      }
    }
    told.push(logged(server));
  }
  if (!ended) peer.end();
  told.push(peer.text());
  server.advance(1000);
  told.push(peer.text(), peer.state, peer.closeReason, server.stats().connections.open);
  // Bytes are counted otherwise: what is sealed as sent, and what comes behind the end not at all.
  const { backlogBytes, poolBytes, messages } = server.stats();
  told.push({ backlogBytes, poolBytes, messages });
  return [...told, logged(server)];
}

test('a random conversation is the same by TLS as in clear', async (t) => {
  let bytes = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 40, max: 700 }),
      async (steps, split, bufferBytes) => {
        const clear = await converse(steps, split, bufferBytes, false);
        const secured = await converse(steps, split, bufferBytes, true);
        t.deepEqual(secured, clear);
        bytes += JSON.stringify(clear).length;
      },
    ),
    { numRuns: 40 },
  );
  t.true(bytes > 0);
});
