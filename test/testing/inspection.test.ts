// What a test sees of a connection that it cannot see from its bytes.

import test from 'ava';
import { harness } from '../../host/testing/harness.ts';
import { linesModule, open, scripted } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { guest, i32, unreachable } from '../helpers/wasm.ts';

test('the state block is what the last callback has left in it', async (t) => {
  const server = await harness(hazard());
  const [one, two] = [server.connect(), server.connect()];
  const counted = (count: number): number[] => [count, 0, 0, 0, 0, 0, 0, 0];
  one.send('a');
  two.send('b');
  const before = server.inspect(two.connection)!.state;
  two.send('c');
  t.deepEqual([...server.inspect(one.connection)!.state], counted(1));
  t.deepEqual([...server.inspect(two.connection)!.state], counted(2));
  // A copy: it stays what it was.
  t.deepEqual([...before], counted(1));
});

test('a timer is told of until it has run out', async (t) => {
  const server = await scripted();
  const peer = open(server, 't .,250;');
  t.is(server.inspect(peer.connection)!.timerAt, server.now + 250);
  server.advance(250);
  t.is(server.inspect(peer.connection)!.timerAt, null);
});

test('bytes and what waits are told for each connection', async (t) => {
  const server = await scripted();
  const slow = open(server, 'b .,1,4000,y;', 1000);
  const { backlogBytes, bytesOut, waiting } = server.inspect(slow.connection)!;
  t.deepEqual([backlogBytes + bytesOut, waiting], [4000, null]);
  t.true(backlogBytes >= 2000);
  const lines = await harness(linesModule());
  const peer = lines.connect();
  peer.send('held');
  const { bytesIn, heldBytes, waiting: why } = lines.inspect(peer.connection)!;
  t.deepEqual([bytesIn, heldBytes, why], [4, 4, 'more']);
});

test('nothing is told of a connection that is over, or that never was', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  t.not(server.inspect(peer.connection), null);
  peer.close();
  t.is(server.inspect(peer.connection), null);
  t.is(server.inspect(0), null);
  const next = server.connect();
  t.not(server.inspect(next.connection), null);
  t.is(server.inspect(peer.connection), null);
});

test('of a trap the callback and the connection are told', async (t) => {
  const module = guest({ functions: { on_data: [unreachable, i32(0)] } });
  const server = await harness(module);
  const peer = server.connect();
  peer.send('x');
  const [failure] = server.failures;
  t.deepEqual(server.traps, [failure!.why]);
  t.is(failure!.callback, 'on_data');
  t.is(failure!.connection, peer.connection);
});
