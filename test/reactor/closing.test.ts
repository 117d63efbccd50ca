// Closing: every way in every state, what the peer sees of it, and what on_close is told.

import test from 'ava';
import {
  REASON_ERROR,
  REASON_GUEST,
  REASON_PEER,
  REASON_WRITE_TIMEOUT,
} from '../../assembly/abi.ts';
import { echo, leftovers, logged, nothing, open, scripted, small } from '../helpers/guests.ts';

test('close(0) sends the output, then a FIN, and discards what comes', async (t) => {
  const server = await scripted();
  const peer = open(server, 's .,all of this;x .,0;', 3);
  t.is(peer.state, 'open');
  peer.send('T;');
  t.is(peer.text(), 'all of this');
  t.is(peer.state, 'ended');
  t.is(peer.closeReason, REASON_GUEST);
  peer.send('T;');
  t.is(server.stats().messages, 0);
  t.deepEqual(server.traps, []);
  peer.end();
  t.deepEqual(leftovers(server), nothing);
});

test('close(1) aborts: the peer gets a reset, and the backlog is dropped', async (t) => {
  const server = await scripted();
  const peer = open(server, 's .,does not fit;', 4);
  server.connect().send('x 0,1;');
  t.is(peer.state, 'reset');
  t.is(peer.closeReason, REASON_GUEST);
  t.is(server.stats().backlogBytes, 0);
});

test('close(2) sends a FIN after the output, and reading goes on', async (t) => {
  const server = await scripted();
  const peer = open(server, 's .,does not fit;x .,2;', 20);
  t.is(peer.text(), 'does not fit');
  t.is(peer.state, 'ended');
  t.is(peer.closeReason, undefined);
  logged(server);
  peer.send('still heard');
  t.deepEqual(logged(server).slice(0, 1), ['data 0 still heard']);
  peer.end();
  t.is(peer.closeReason, REASON_PEER);
  t.deepEqual(leftovers(server), nothing);
});

test('close(2) waits for the backlog', async (t) => {
  const server = await scripted();
  const peer = open(server, 's .,0123456789;x .,2;', 4);
  t.is(peer.state, 'open');
  t.is(peer.text(), '0123456789');
  t.is(peer.state, 'ended');
});

for (const keep of [0, 1]) {
  test(`close(2) and the peer's FIN end the connection, with keep ${keep}`, async (t) => {
    const server = await scripted();
    const peer = open(server, `e e{k ${keep};}x .,2;`);
    peer.end();
    t.deepEqual(leftovers(server), nothing);
    t.is(peer.closeReason, REASON_PEER);
  });

  test(`close(2) with a backlog and the peer's FIN end it after the output, with keep ${keep}`, async (t) => {
    const server = await scripted();
    const peer = open(server, `e e{k ${keep};}s .,0123456789;x .,2;`, 4);
    peer.end();
    t.is(peer.closeReason, undefined);
    t.is(peer.text(), '0123456789');
    t.is(peer.state, 'ended');
    t.is(peer.closeReason, REASON_PEER);
    t.deepEqual(leftovers(server), nothing);
  });

  test(`close(2) in on_end ends the connection, with keep ${keep}`, async (t) => {
    const server = await scripted();
    const peer = open(server, `e e{s .,bye;x .,2;k ${keep};}`);
    peer.end();
    t.is(peer.text(), 'bye');
    t.is(peer.state, 'ended');
    t.deepEqual(leftovers(server), nothing);
  });
}

for (const how of [0, 1, 2]) {
  test(`close(${how}) in on_open, on_timer, on_drain and on_end calls on_close once`, async (t) => {
    for (const where of ['open', 't', 'w', 'e']) {
      const policy = { highWaterBytes: 100, lowWaterBytes: 10 };
      const server = await scripted({ policy });
      const script = where === 'open' ? `x .,${how};` : `e ${where}{x .,${how};}`;
      const peer = open(server, `t .,10;b .,300,1,x;${script}`, 150);
      server.advance(10);
      peer.received();
      peer.end();
      const closes = logged(server).filter((line) => line.startsWith('close'));
      t.is(closes.length, 1, where);
      t.deepEqual(leftovers(server), nothing, where);
      t.is(peer.state, how === 1 ? 'reset' : 'ended', where);
    }
  });

  test(`close(${how}) of another connection works whatever that one is doing`, async (t) => {
    const states: Record<string, string> = {
      idle: '',
      paused: 'P .;',
      waiting: 'w .,100;',
      'with a timer': 't .,10;',
      'with a backlog': 's .,0123456789;',
      'half-closed': 'x .,2;',
      closing: 's .,0123456789;x .,0;',
    };
    for (const [name, setup] of Object.entries(states)) {
      const server = await scripted({ policy: { lingerMs: 10 } });
      const peer = open(server, `m 3,0;${setup}`, 4);
      peer.send('x');
      server.connect().send(`x 0,${how};`);
      peer.received();
      peer.end();
      server.connect().send('R 0;');
      peer.received();
      server.advance(10);
      t.not(peer.closeReason, undefined, name);
      t.is(server.stats().connections.open, 2, name);
      const closes = logged(server).filter((line) => line.startsWith('close 0'));
      t.is(closes.length, 1, name);
      t.is(server.stats().poolBytes, 0, name);
    }
  });
}

test('an abort after close(0) takes the place of the graceful end', async (t) => {
  const server = await scripted();
  const peer = open(server, 's .,does not fit;x .,0;', 4);
  server.connect().send('x 0,1;');
  t.is(peer.state, 'reset');
  t.is(peer.closeReason, REASON_GUEST);
  t.is(server.stats().backlogBytes, 0);
});

test('input held when close(0) is called is discarded', async (t) => {
  const server = await scripted();
  const peer = open(server, 'm 2,0;e d{x .,0;}');
  peer.send('a\nb\nc\n');
  t.is(peer.text(), 'a\n');
  t.is(server.stats().poolBytes, 0);
  peer.close();
  t.deepEqual(leftovers(server), nothing);
});

test('on_close comes after the output of the connection is out, never inside a callback', async (t) => {
  const server = await scripted();
  const peer = open(server, 's .,0123456789;', 4);
  const other = server.connect();
  logged(server);
  other.send('x 0,0;s .,a;');
  t.deepEqual(logged(server), ['data 1 x 0,0;s .,a;', '=0 1']);
  peer.received();
  t.deepEqual(logged(server), ['close 0 2 0']);
});

test('connections closed in on_close of another get theirs afterwards', async (t) => {
  const server = await scripted();
  const first = open(server, 'e c{s 2,one ;x 1,1;}');
  open(server, 'e c{s 2,two ;x 0,0;x 1,0;}');
  const witness = server.connect();
  first.send('x .,1;');
  t.is(witness.text(), 'one two ');
  const closes = logged(server).filter((line) => /^close|^=/.test(line));
  t.deepEqual(closes.slice(-4), ['close 0 2 0', '=4 0', 'close 1 2 0', '=4 -1 -1']);
});

test('the end of a peer is told once', async (t) => {
  const server = await scripted();
  const peer = open(server, 'e e{k 1;}');
  peer.end();
  server.advance(100_000);
  server.connect().send('P 0;R 0;');
  const ends = logged(server).filter((line) => line.startsWith('end'));
  t.is(ends.length, 1);
  peer.reset();
  t.is(peer.closeReason, REASON_ERROR);
});

test('a reset ends the connection at any point, and what came before it is delivered', async (t) => {
  for (const setup of ['', 'm 2,0;', 'w .,100;', 'P .;', 's .,does not fit;', 'x .,2;', 'x .,0;']) {
    const server = await scripted();
    const peer = open(server, setup, 1000);
    const other = server.connect();
    peer.send('zzz');
    peer.reset();
    server.advance(1);
    t.is(server.stats().connections.open, 1, setup);
    t.is(server.stats().poolBytes, 0, setup);
    t.is(logged(server).filter((line) => line.startsWith('close 0')).length, 1, setup);
    other.send('s .,fine;');
    t.is(other.text(), 'fine');
  }
});

test('a reset counts as one error', async (t) => {
  const server = await scripted();
  const peer = open(server, 'b .,10,20,x;', 4);
  peer.reset();
  const { errors } = server.stats();
  t.is(
    Object.values(errors).reduce((sum, count) => sum + count, 0),
    1,
  );
  t.is(peer.closeReason, REASON_ERROR);
});

test('sends to a peer that is gone count as one error', async (t) => {
  const server = await scripted();
  const peer = open(server, 'P .;');
  const other = server.connect();
  peer.close();
  other.send('* 20{s 0,x;}');
  other.send('* 20{s 0,x;}');
  const { errors } = server.stats();
  t.is(
    Object.values(errors).reduce((sum, count) => sum + count, 0),
    1,
  );
  t.is(peer.closeReason, REASON_ERROR);
});

test('a paused connection whose peer has gone does not keep the reactor busy', async (t) => {
  const server = await scripted();
  const peer = open(server, 'P .;x .,2;');
  peer.end();
  server.advance(1000);
  t.is(peer.closeReason, undefined);
  server.connect().send('R 0;');
  t.is(peer.closeReason, REASON_PEER);
  t.deepEqual(leftovers(server), { ...nothing, open: 1 });
});

test('FIN, close and reset of an echo client at every point leave nothing behind', async (t) => {
  const text = 'hello, echo';
  for (let at = 0; at <= text.length; at += 1) {
    for (const how of ['end', 'close', 'reset'] as const) {
      for (const bufferBytes of [1, 3, 100]) {
        const server = await echo({ policy: { ...small, lingerMs: 100, writeTimeoutMs: 100 } });
        const peer = server.connect({ bufferBytes });
        const witness = server.connect();
        const taken = Math.max(0, peer.send(text.slice(0, at)));
        peer[how]();
        if (how === 'end') t.is(peer.text(), text.slice(0, taken));
        server.advance(200);
        t.not(peer.closeReason, undefined);
        t.is(server.stats().connections.open, 1, `${how} at ${at} with ${bufferBytes}`);
        witness.send('x');
        t.is(witness.text(), 'x');
        witness.close();
        t.deepEqual(leftovers(server), nothing);
      }
    }
  }
});

test('a peer that stops reading in a graceful close is given up', async (t) => {
  const server = await scripted({ policy: { writeTimeoutMs: 500 } });
  const peer = open(server, 'b .,100,1,x;x .,0;', 10);
  server.advance(499);
  t.is(peer.closeReason, undefined);
  server.advance(1);
  t.is(peer.closeReason, REASON_WRITE_TIMEOUT);
  t.deepEqual(leftovers(server), nothing);
});
