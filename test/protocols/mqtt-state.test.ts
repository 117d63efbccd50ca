// The bundled protocol `mqtt` in the harness: what its state blocks keep of a client, and where.

import test from 'ava';
import { bundledModule } from '../helpers/guests.ts';
import * as mqtt from '../helpers/mqtt.ts';
import { broker, client, five, said } from '../helpers/mqtt-network.ts';

const counts = (lines: string[]): string =>
  lines
    .map((line) => /\$SYS.broker.(subscriptions|retained messages).count q0: (.*)/.exec(line))
    .map((found) => (found === null ? '' : `${found[1]!.at(0)}${found[2]} `))
    .join('')
    .trim();

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

test('256 filters are known when they come again, and their room is used again', async (t) => {
  const network = await broker({ policy: { maxJoins: 300 } });
  const from = client(network, 'from');
  const peer = client(network, 'to', five);
  const filters = Array.from({ length: 260 }, (_, index) => `f/${index}`);
  const first = Object.fromEntries(filters.slice(0, 256).map((filter) => [filter, 0]));
  peer.send(mqtt.subscribe(1, first, []));
  peer.send(mqtt.unsubscribe(2, filters.slice(10, 14), []));
  t.deepEqual(said(peer, 5).slice(1), ['unsuback 2 0,0,0,0']);
  peer.send(mqtt.subscribe(3, Object.fromEntries(filters.slice(256, 260).map((f) => [f, 0])), []));
  peer.send(mqtt.unsubscribe(4, [filters[10]!, filters[258]!, filters[255]!], []));
  t.deepEqual(said(peer, 5).slice(1), ['unsuback 4 17,0,0']);
  from.send(mqtt.publish('f/259', 'x'));
  t.deepEqual(said(peer, 5), ['f/259 q0: x']);
  t.deepEqual(network.traps, []);
});

test('whatever else is noted of a client, 256 filters have their room, and only they are counted', async (t) => {
  const network = await broker({ policy: { maxJoins: 300 } });
  const peer = client(network, 'to', five);
  const topic = (number: number) => `${number}`.padEnd(110, '-');
  for (let number = 1; number <= 8; number += 1) {
    const alias = [['alias', number]] as const;
    peer.send(mqtt.publish(topic(number), 'x', { properties: alias }));
  }
  const filters = Array.from({ length: 260 }, (_, index) => `m/${index}`);
  peer.send(mqtt.subscribe(1, Object.fromEntries(filters.map((filter) => [filter, 0])), []));
  const listener = client(network, 'listener');
  const now = (): string => {
    listener.send(mqtt.subscribe(1, { '$SYS/broker/subscriptions/count': 0 }));
    return counts(said(listener));
  };
  t.is(now(), 's257');
  peer.received();
  peer.send(mqtt.unsubscribe(2, ['never', 'm/7'], []));
  t.regex(said(peer, 5)[0]!, /^unsuback 2 \d+,0$/);
  t.is(now(), 's256', 'what was never there is not counted away');
  peer.end();
  network.settle();
  t.is(now(), 's1');
});

test('a will that leaves no room for what else is noted is refused', async (t) => {
  const network = await broker();
  const will = { topic: 'w', payload: 'x'.repeat(1100), properties: [] };
  const peer = network.connect();
  peer.send(mqtt.connect('to', { ...five, will }));
  t.deepEqual(said(peer, 5), ['connack 0 0x97']);
  t.is(peer.state, 'ended');
  t.deepEqual(network.traps, []);
});

test('subscriptions and retained messages are counted exactly, whatever becomes of clients and instances', async (t) => {
  const network = await broker();
  const ann = client(network, 'ann', five);
  const listener = client(network, 'listener', five);
  let id = 0;
  const now = (): string => {
    id += 1;
    listener.send(mqtt.subscribe(id, { '$SYS/broker/+/count': 0 }, []));
    return counts(said(listener, 5));
  };
  t.is(now(), 'r1 s1');
  ann.send(mqtt.subscribe(1, { a: 0, 'b/#': 1, '$share/g/c': 0 }, []));
  ann.send(mqtt.subscribe(2, { a: 2, d: 0 }, []));
  t.is(now(), 'r1 s5', 'one that comes again counts once');
  ann.send(mqtt.unsubscribe(3, ['a', 'none'], []));
  for (const topic of ['r/1', 'r/2', 'r/2']) {
    ann.send(mqtt.publish(topic, 'x', { retain: true, properties: [] }));
  }
  t.is(now(), 'r3 s4');
  ann.send(mqtt.publish('r/2', '', { retain: true, properties: [] }));
  network.trap();
  network.renew();
  await network.swap(bundledModule('mqtt'));
  t.is(now(), 'r2 s4');
  const wrong = client(network, 'wrong', five);
  wrong.send(mqtt.subscribe(1, { ok: 0, 'wr#ng': 0 }, []));
  t.is(wrong.state, 'ended');
  const will = { topic: 'w', payload: '', properties: [['delay', 60]] as const };
  const waits = client(network, 'waits', { level: 5, will, properties: [['session', 60]] });
  waits.send(mqtt.subscribe(1, { x: 0 }, []));
  t.is(now(), 'r2 s5');
  waits.close();
  t.is(now(), 'r2 s4', 'who is away has none');
  network.advance(60_000);
  ann.close();
  said(listener, 5);
  t.is(now(), 'r2 s1');
});
