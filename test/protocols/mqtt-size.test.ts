// The bundled protocol `mqtt` in the harness: how long packets may be, and how their lengths are written.

import test from 'ava';
import * as mqtt from '../helpers/mqtt.ts';
import { broker, client, five, said, subscriber } from '../helpers/mqtt-network.ts';

/** With a length of so many bytes, which may be more than are needed. */
function padded(packet: Buffer, bytes: number): Buffer {
  const length = packet.length - 2;
  const digits = Array.from({ length: bytes }, (_, index) => (length >> (7 * index)) & 127);
  const more = digits.map((digit, index) => (index < bytes - 1 ? digit | 128 : digit));
  return Buffer.from([packet[0]!, ...more, ...packet.subarray(2)]);
}

const limited = (most: number): mqtt.ConnectOptions => ({
  level: 5,
  properties: [['packet', most]],
});

test('a length of a packet may have more bytes than it needs, as mosquitto takes it', async (t) => {
  const network = await broker();
  for (const level of [4, 5]) {
    for (const bytes of [2, 3, 4]) {
      const peer = network.connect();
      peer.send(padded(mqtt.connect('x', { level }), bytes));
      peer.send(padded(mqtt.pingreq, bytes));
      const [greeting, ...rest] = said(peer, level);
      t.regex(greeting!, /^connack 0 0x0/);
      t.deepEqual(rest, ['pingresp']);
      peer.close();
    }
    const peer = network.connect();
    peer.send(padded(mqtt.connect('x', { level }), 5));
    t.is(peer.state, 'ended');
  }
});

test('1.5.5-1: other lengths and numbers of variable length have as few bytes as can be', async (t) => {
  const network = await broker();
  const one = Buffer.from([0, 1]);
  const filter = Buffer.concat([mqtt.text('a'), Buffer.from([0])]);
  for (const [own, answer] of [
    [[0], /^suback/],
    [[0x80, 0], /^disconnect 0x81/],
    [[2, 0x0b, 3], /^suback/],
    [[3, 0x0b, 0x83, 0], /^disconnect 0x81/],
    [[0x82, 0, 0x0b, 3], /^disconnect 0x81/],
    [[3, 0x0b, 0x80, 1], /^suback/],
  ] as const) {
    const peer = client(network, 'x', five);
    peer.send(mqtt.packet(0x82, one, Buffer.from(own), filter));
    t.regex(said(peer, 5).join(), answer, own.join());
    peer.close();
  }
});

test('3.1.2-24: a client that takes no CONNACK of ours is refused, and told so if it takes that', async (t) => {
  const network = await broker();
  for (const [most, id, answer] of [
    [4, 'x', ''],
    [5, 'x', 'connack 0 0x95'],
    [15, 'x', 'connack 0 0x95'],
    [16, 'x', 'connack 0 0x0'],
    [35, '', 'connack 0 0x95'],
    [36, '', 'connack 0 0x0'],
  ] as const) {
    const peer = network.connect();
    peer.send(mqtt.connect(id, limited(most)));
    const bytes = peer.received();
    t.true(bytes.length <= most, `${most}`);
    t.true(mqtt.lines(bytes, 5).join().startsWith(answer), `${most}: ${mqtt.lines(bytes, 5)}`);
    t.is(peer.state, answer.endsWith('0x0') ? 'open' : 'ended');
    peer.close();
  }
  t.deepEqual(network.stats().guest.clients, { kind: 'gauge', value: 0 });
});

test('3.1.2-24: nothing longer goes to a client, whatever it asks for', async (t) => {
  const network = await broker();
  const from = client(network, 'from', five);
  const peer = subscriber(network, 'x', { a: 1 }, limited(20));
  from.send(mqtt.publish('a', 'as long as can be', { properties: [] }));
  from.send(mqtt.publish('a', 'it fits', { properties: [] }));
  t.deepEqual(said(peer, 5), ['a q0: it fits']);
  const filters = (count: number) => Array.from({ length: count }, (_, index) => `f/${index}`);
  peer.send(mqtt.subscribe(2, Object.fromEntries(filters(15).map((filter) => [filter, 0])), []));
  t.is(said(peer, 5).length, 1);
  peer.send(mqtt.unsubscribe(3, filters(16), []));
  const bytes = peer.received();
  t.deepEqual(mqtt.lines(bytes, 5), ['disconnect 0x95']);
  t.is(peer.state, 'ended');
});
