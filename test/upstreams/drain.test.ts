// Drains with connections that belong together, by a clock of the test's.

import test from 'ava';
import { REASON_SHUTDOWN } from '../../assembly/abi.ts';
import { harness } from '../../host/testing/harness.ts';
import { bundledModule, compiledGuest } from '../helpers/guests.ts';

const policy = { drainQuietMs: 250 };

test('a client that says nothing is not quiet as long as its upstream speaks', async (t) => {
  const upstreams = { db: {} };
  const h = await harness(bundledModule('proxy'), { config: 'upstream=db', upstreams, policy });
  const client = h.connect();
  client.send('question');
  const [db] = h.upstream('db').peers;
  t.is(db!.text(), 'question');
  h.drain();
  for (let part = 0; part < 5; part += 1) {
    h.advance(200);
    db!.send('part');
    t.is(client.text(), 'part');
  }
  h.advance(249);
  t.is(client.state, 'open');
  h.advance(1);
  t.is(client.state, 'ended');
  t.is(db!.closeReason, REASON_SHUTDOWN);
});

test('a connection that clients have in common waits until the last of them is gone', async (t) => {
  const h = await harness(compiledGuest('scripted'), { upstreams: { db: {} }, policy });
  const client = h.connect();
  client.send('u #0,0,db;');
  const [db] = h.upstream('db').peers;
  h.drain();
  for (let round = 0; round < 4; round += 1) {
    h.advance(200);
    client.send('s .,x;');
    t.is(client.text(), 'x');
  }
  t.is(db!.state, 'open');
  h.advance(250);
  t.is(client.state, 'ended');
  client.end();
  h.advance(500);
  t.is(db!.state, 'ended');
  t.is(db!.closeReason, REASON_SHUTDOWN);
});
