// The bundled protocol `mqtt` in the harness: what its state blocks keep of a client, and where.

import test from 'ava';
import * as mqtt from '../helpers/mqtt.ts';
import { broker, client, five, said, subscriber } from '../helpers/mqtt-network.ts';

/** As host/memory/state-blocks.ts says. */
const HEAD_BYTES = 256;

test('a subscriber with a long id, a name and messages on their way needs no tail of its state block', async (t) => {
  const network = await broker();
  const id = '123e4567-e89b-12d3-a456-426614174000';
  const peer = client(network, id, { user: 'a-name-of-16-byte' });
  peer.send(mqtt.subscribe(1, { 'a/b': 1 }));
  const from = client(network, 'from');
  for (let index = 0; index < 300; index += 1)
    from.send(mqtt.publish('a/b', 'x', { qos: 1, id: 7 }));
  t.is(said(peer).length, 256);
  const { state } = network.inspect(peer.connection)!;
  t.true(state.length > 4 * HEAD_BYTES);
  t.true(state.subarray(0, HEAD_BYTES).some((byte) => byte !== 0));
  t.true(state.subarray(HEAD_BYTES).every((byte) => byte === 0));
});

test('64 filters are known when they come again, and their room is used again', async (t) => {
  const network = await broker();
  const from = client(network, 'from');
  const peer = client(network, 'to', five);
  const filters = Array.from({ length: 70 }, (_, index) => `f/${index}`);
  const first = Object.fromEntries(filters.slice(0, 64).map((filter) => [filter, 0]));
  peer.send(mqtt.subscribe(1, first, []));
  peer.send(mqtt.unsubscribe(2, filters.slice(10, 14), []));
  t.deepEqual(said(peer, 5).slice(1), ['unsuback 2 0,0,0,0']);
  peer.send(mqtt.subscribe(3, Object.fromEntries(filters.slice(64, 68).map((f) => [f, 0])), []));
  peer.send(mqtt.unsubscribe(4, [filters[10]!, filters[66]!, filters[63]!], []));
  t.deepEqual(said(peer, 5).slice(1), ['unsuback 4 17,0,0']);
  from.send(mqtt.publish('f/67', 'x'));
  t.deepEqual(said(peer, 5), ['f/67 q0: x']);
  t.deepEqual(network.traps, []);
});

test('a client whose aliases leave no room for more filters keeps those that it has', async (t) => {
  const network = await broker();
  const peer = subscriber(network, 'to', { 'f/1': 0 }, five);
  const alias = (number: number) => [['alias', number]] as const;
  const topic = (number: number) => `${number}`.padEnd(100, '-');
  for (let number = 1; number <= 12; number += 1) {
    peer.send(mqtt.publish(topic(number), 'x', { properties: alias(number) }));
  }
  const more = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`m/${index}`, 0]));
  peer.send(mqtt.subscribe(2, more, []));
  peer.received();
  peer.send(mqtt.unsubscribe(3, ['f/1'], []));
  t.deepEqual(said(peer, 5), ['unsuback 3 0']);
  const listener = subscriber(network, 'listener', { '#': 0 });
  peer.send(mqtt.publish('', 'y', { properties: alias(12) }));
  t.deepEqual(said(listener), [`${topic(12)} q0: y`]);
});
