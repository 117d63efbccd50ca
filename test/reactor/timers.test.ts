// Timers on the virtual clock: each runs out exactly at its time, never before.

import test from 'ava';
import fc from 'fast-check';
import {
  REASON_GUEST,
  REASON_IDLE,
  REASON_PEER,
  REASON_SHUTDOWN,
  REASON_WRITE_TIMEOUT,
} from '../../assembly/abi.ts';
import { Timers } from '../../host/memory/timers.ts';
import { echo, leftovers, logged, nothing, open, scripted, statuses } from '../helpers/guests.ts';

test("the guest's timer runs out once, exactly at its time", async (t) => {
  const server = await scripted();
  open(server, 't .,250;');
  logged(server);
  server.advance(249);
  t.deepEqual(logged(server), []);
  server.advance(1);
  t.deepEqual(logged(server), ['timer 0']);
  server.advance(10_000);
  t.deepEqual(logged(server), []);
});

test('a timer that is set in its own callback runs again and again', async (t) => {
  const server = await scripted();
  open(server, 't .,100;e t{t .,100;N;}');
  logged(server);
  server.advance(350);
  t.deepEqual(logged(server), ['timer 0', '=0 101', 'timer 0', '=0 201', 'timer 0', '=0 301']);
});

test('a timer that is set again counts from then, sooner or later', async (t) => {
  const server = await scripted();
  const peer = open(server, 't .,100;');
  server.advance(50);
  peer.send('t .,100;');
  server.advance(99);
  t.false(logged(server).includes('timer 0'));
  server.advance(1);
  t.true(logged(server).includes('timer 0'));
  peer.send('t .,1000;t .,10;');
  server.advance(10);
  t.true(logged(server).includes('timer 0'));
});

test('a cancelled timer does not run out', async (t) => {
  const server = await scripted();
  const peer = open(server, 't .,100;');
  peer.send('t .,0;');
  logged(server);
  server.advance(1_000_000);
  t.deepEqual(logged(server), []);
});

test('a timer may be set for another connection and ends with it', async (t) => {
  const server = await scripted();
  const [a, b] = [server.connect(), server.connect()];
  b.send('t 0,100;');
  server.advance(100);
  t.true(logged(server).includes('timer 0'));
  b.send('t 0,100;');
  a.close();
  logged(server);
  server.advance(1000);
  t.deepEqual(logged(server), []);
});

test('the longest timer is 2^32 − 1 milliseconds', async (t) => {
  const server = await scripted();
  t.deepEqual(statuses(server, server.connect(), 't .,-1;'), [0]);
  server.advance(2 ** 32 - 2);
  t.deepEqual(logged(server), []);
  server.advance(1);
  t.deepEqual(logged(server), ['timer 0']);
});

test('now() is the clock of the turn', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  server.advance(4242);
  t.deepEqual(statuses(server, peer, 'N;N;'), [4243, 4243]);
});

test('an idle connection is closed exactly at its time', async (t) => {
  const server = await echo({ policy: { idleTimeoutMs: 1000 } });
  const peer = server.connect();
  server.advance(999);
  t.is(peer.state, 'open');
  server.advance(1);
  t.is(peer.state, 'ended');
  t.is(peer.closeReason, REASON_IDLE);
  t.is(server.stats().errors.IDLE, 1);
});

test('bytes in either direction keep a connection from being idle', async (t) => {
  const server = await scripted({ policy: { idleTimeoutMs: 1000 } });
  const [talker, listener] = [server.connect(), server.connect()];
  for (let index = 0; index < 5; index += 1) {
    server.advance(900);
    talker.send('s 1,x;');
  }
  t.is(talker.state, 'open');
  t.is(listener.state, 'open');
  server.advance(999);
  t.is(listener.state, 'open');
  server.advance(1);
  t.is(listener.closeReason, REASON_IDLE);
});

test('timers, callbacks and refused sends keep no connection from being idle', async (t) => {
  const server = await scripted({ policy: { idleTimeoutMs: 1000 } });
  const peer = open(server, 't .,100;e t{t .,100;s .,;P .;R .;w .,1;}');
  server.advance(999);
  t.is(peer.state, 'open');
  server.advance(1);
  t.is(peer.closeReason, REASON_IDLE);
});

test('an idle connection whose peer takes nothing is aborted, as it has no end', async (t) => {
  const server = await scripted({ policy: { idleTimeoutMs: 1000, writeTimeoutMs: 0 } });
  const peer = open(server, 's .,does not fit;', 4);
  server.advance(1000);
  t.is(peer.closeReason, REASON_IDLE);
  server.advance(100_000);
  t.deepEqual(leftovers(server), nothing);
});

test('output of which the peer takes nothing is given up exactly at its time', async (t) => {
  const server = await scripted({ policy: { writeTimeoutMs: 1000 } });
  const peer = open(server, 's .,does not fit;', 4);
  server.advance(999);
  t.is(peer.closeReason, undefined);
  server.advance(1);
  t.is(peer.closeReason, REASON_WRITE_TIMEOUT);
  t.is(peer.state, 'reset');
  t.deepEqual(leftovers(server), nothing);
});

test('every byte that the peer takes starts the write timeout anew, more output does not', async (t) => {
  const server = await scripted({ policy: { writeTimeoutMs: 1000 } });
  const peer = open(server, 's .,0123456789;', 4);
  const other = server.connect();
  server.advance(900);
  t.is(peer.text(), '0123456789');
  other.send('s 0,abcdefgh;');
  server.advance(900);
  other.send('s 0,more;');
  server.advance(99);
  t.is(peer.closeReason, undefined);
  server.advance(1);
  t.is(peer.closeReason, REASON_WRITE_TIMEOUT);
});

test('the write timeout ends a graceful close as well', async (t) => {
  const server = await scripted({ policy: { writeTimeoutMs: 1000 } });
  const peer = open(server, 's .,does not fit;x .,0;', 4);
  server.advance(1000);
  t.is(peer.closeReason, REASON_WRITE_TIMEOUT);
  t.deepEqual(leftovers(server), nothing);
});

test('lingering ends exactly at its time', async (t) => {
  const server = await scripted({ policy: { lingerMs: 1000 } });
  const peer = open(server, 'x .,0;');
  t.is(peer.state, 'ended');
  t.is(peer.closeReason, REASON_GUEST);
  server.advance(999);
  t.is(server.stats().connections.open, 1);
  server.advance(1);
  t.deepEqual(leftovers(server), nothing);
});

test('lingering ends when the peer does', async (t) => {
  const server = await scripted({ policy: { lingerMs: 1000 } });
  const peer = open(server, 's .,bye;x .,0;');
  peer.send('ignored');
  t.is(server.stats().connections.open, 1);
  peer.end();
  t.is(peer.text(), 'bye');
  t.is(peer.state, 'ended');
  t.deepEqual(leftovers(server), nothing);
});

test('a linger time of 0 closes at once', async (t) => {
  const server = await scripted({ policy: { lingerMs: 0 } });
  open(server, 'x .,0;');
  server.advance(0);
  t.deepEqual(leftovers(server), nothing);
});

test('a timeout of 0 is off', async (t) => {
  const off = { idleTimeoutMs: 0, writeTimeoutMs: 0, frameTimeoutMs: 0 };
  const server = await scripted({ policy: off });
  const idle = server.connect();
  const stuck = open(server, 's .,does not fit;', 4);
  const held = open(server, 'm 3,0;');
  held.send('x');
  server.advance(1_000_000_000);
  for (const peer of [idle, stuck, held]) t.is(peer.closeReason, undefined);
});

test('a drain closes quiet connections, and waits for those that are not', async (t) => {
  const server = await scripted({ policy: { drainQuietMs: 250 } });
  const [quiet, busy] = [server.connect(), server.connect()];
  const slow = open(server, 's .,does not fit;', 4);
  server.advance(1000);
  busy.send('s .,x;');
  server.drain();
  t.is(quiet.closeReason, REASON_SHUTDOWN);
  server.advance(200);
  busy.send('s .,x;');
  server.advance(249);
  t.is(busy.closeReason, undefined);
  server.advance(1);
  t.is(busy.closeReason, REASON_SHUTDOWN);
  t.is(slow.closeReason, undefined);
  t.is(slow.text(), 'does not fit');
  server.advance(250);
  t.is(slow.closeReason, REASON_SHUTDOWN);
  for (const peer of [quiet, busy, slow]) peer.close();
  t.deepEqual(leftovers(server), nothing);
});

test('the end of the grace aborts what is left, with on_close for each', async (t) => {
  const server = await scripted();
  const peers = [server.connect(), open(server, 's .,does not fit;', 4), server.connect()];
  server.drain();
  logged(server);
  server.abort();
  t.deepEqual(
    peers.map((peer) => [peer.closeReason, peer.state]),
    peers.map(() => [REASON_SHUTDOWN, 'reset']),
  );
  t.deepEqual(logged(server), ['close 0 10 0', 'close 1 10 0', 'close 2 10 0']);
  t.deepEqual(leftovers(server), nothing);
});

test('a peer that ends during a drain is closed as ever', async (t) => {
  const server = await echo();
  const peer = server.connect();
  server.drain();
  peer.send('last words');
  peer.end();
  t.is(peer.text(), 'last words');
  t.is(peer.closeReason, REASON_PEER);
});

const step = fc.record({
  kind: fc.constantFrom('set', 'remove', 'pass'),
  slot: fc.nat(9),
  ms: fc.nat(50),
});

test('the heap gives slots back in the order of their deadlines', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const timers = new Timers(10);
      const model = new Map<number, number>();
      let now = 0;
      for (const { kind, slot, ms } of steps) {
        if (kind === 'set') {
          timers.atLatest(slot, now + ms);
          model.set(slot, Math.min(model.get(slot) ?? Infinity, now + ms));
        } else if (kind === 'remove') {
          timers.remove(slot);
          model.delete(slot);
        } else {
          now += ms;
          for (let due = timers.shift(now); due >= 0; due = timers.shift(now)) {
            if (model.get(due) !== Math.min(...model.values())) return false;
            model.delete(due);
          }
          if (Math.min(Infinity, ...model.values()) <= now) return false;
        }
        if (timers.next !== Math.min(Infinity, ...model.values())) return false;
      }
      return true;
    }),
  );
  t.pass();
});
