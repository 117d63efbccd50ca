// The bundled protocol `mqtt` in the harness: how clients go, whose seat is whose, and what becomes of wills.

import test from 'ava';
import { bundledModule, leftovers, nothing } from '../helpers/guests.ts';
import * as mqtt from '../helpers/mqtt.ts';
import { broker, client, figures, five, said, subscriber } from '../helpers/mqtt-network.ts';

const taken = 'disconnect 0x8e {reason:another client has this client id now}';

test('a client that has shared a subscription does not stay for its will, and takes nothing from the others', async (t) => {
  const network = await broker();
  const will = subscriber(network, 'to', { w: 0 });
  const stays = client(network, 'stays', five);
  const goes = client(network, 'goes', delayed(10, 60));
  for (const peer of [stays, goes]) peer.send(mqtt.subscribe(1, { '$share/g/jobs': 1 }, []));
  goes.close();
  t.deepEqual(said(will), ['w q0: lost']);
  said(stays, 5);
  const from = client(network, 'from');
  for (const job of ['1', '2', '3', '4']) from.send(mqtt.publish('jobs', job));
  t.deepEqual(
    said(stays, 5),
    ['1', '2', '3', '4'].map((job) => `jobs q0: ${job}`),
  );
});

test('a client with the same id takes over', async (t) => {
  const network = await broker();
  const will = { topic: 'w', payload: 'lost' };
  const to = subscriber(network, 'to', { w: 0 });
  const old = client(network, 'same', { level: 5, will });
  const next = client(network, 'same');
  t.deepEqual(said(old, 5), [taken]);
  t.is(old.state, 'ended');
  t.is(next.state, 'open');
  old.close();
  t.deepEqual(said(to), ['w q0: lost']);
});

test('client ids of any letters are one client each, and are taken over', async (t) => {
  const network = await broker();
  const ids = ['a+b', 'a#', '+', '#', 'a/+', '$share/a', 'a%b', 'a%kb', '/', 'x'.repeat(500)];
  const first = ids.map((id) => client(network, id, five));
  for (const peer of first) t.is(peer.state, 'open');
  for (const [index, id] of ids.entries()) {
    const next = client(network, id, five);
    t.deepEqual(said(first[index]!, 5), [taken], id);
    for (const other of first.slice(index + 1)) t.is(other.state, 'open');
    t.is(next.state, 'open');
  }
});

test('a client id for which there is no topic is refused', async (t) => {
  const network = await broker();
  const peer = network.connect();
  peer.send(mqtt.connect('+'.repeat(700), five));
  t.regex(said(peer, 5).join(), /^connack 0 0x97/);
  t.is(peer.state, 'ended');
});

test('a client that has not heard that it is to give way hears it when it reads again', async (t) => {
  const network = await broker({ policy: { highWaterBytes: 64 * 1024, lowWaterBytes: 1024 } });
  const old = network.connect({ bufferBytes: 4096 });
  old.send(Buffer.concat([mqtt.connect('same', five), mqtt.subscribe(1, { '#': 0 }, [])]));
  const from = client(network, 'from');
  for (let i = 1; i <= 20; i += 1) from.send(mqtt.publish('t', 'x'.repeat(8000)));
  network.advance(5);
  const next = client(network, 'same', five);
  t.is(old.state, 'open', 'its unsent bytes kept it from being told');
  t.is(said(old, 5).at(-1), taken);
  t.is(old.state, 'ended');
  t.is(next.state, 'open');
});

test('the one who has come last stays, whoever has missed something', async (t) => {
  const network = await broker({ policy: { highWaterBytes: 64 * 1024, lowWaterBytes: 1024 } });
  const peer = network.connect({ bufferBytes: 4096 });
  peer.send(Buffer.concat([mqtt.connect('same', five), mqtt.subscribe(1, { '#': 0 }, [])]));
  const from = client(network, 'from');
  for (let i = 1; i <= 20; i += 1) from.send(mqtt.publish('t', 'x'.repeat(8000)));
  peer.received();
  from.send(mqtt.publish('t', 'next'));
  t.deepEqual(said(peer, 5), ['t q0: next'], 'it has missed messages, and nobody else has its id');
  t.is(peer.state, 'open');
});

const session = (seconds: number): mqtt.Properties => [['session', seconds]];
const delayed = (delay: number, seconds: number, topic = 'w'): mqtt.ConnectOptions => ({
  level: 5,
  will: { topic, payload: 'lost', qos: 1, properties: [['delay', delay]] },
  properties: session(seconds),
});

test('a will waits for its delay, or for the end of the session', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { '#': 0 });
  for (const [delay, seconds, wait] of [
    [10, 60, 10],
    [60, 10, 10],
    [10, 0xffff_ffff, 10],
    [0, 60, 0],
    [10, 0, 0],
    [90_000, 90_000, 600],
  ] as const) {
    const what = `${delay}, ${seconds}`;
    client(network, 'from', delayed(delay, seconds)).close();
    if (wait > 0) {
      network.advance(wait * 1000 - 1);
      t.deepEqual(said(to), [], what);
      network.advance(1);
    }
    t.deepEqual(said(to), ['w q0: lost'], what);
  }
  to.close();
  t.deepEqual(leftovers(network), nothing);
});

test('the operator bounds how long a will waits', async (t) => {
  for (const [most, wait] of [
    [20, 20],
    [90, 60],
    [0, 0],
  ] as const) {
    const network = await broker({ config: `max_will_delay = ${most}` });
    const to = subscriber(network, 'to', { '#': 0 });
    client(network, 'from', delayed(60, 0xffff_ffff)).close();
    if (wait > 0) network.advance(wait * 1000 - 1);
    t.deepEqual(said(to), wait > 0 ? [] : ['w q0: lost']);
    network.advance(1);
    t.deepEqual(said(to), wait > 0 ? ['w q0: lost'] : []);
  }
});

test('a client that was told to go and goes on sending is closed, and its will does not wait for it', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { 'w/#': 0 });
  const stubborn = client(network, 'stubborn', delayed(60, 60, 'w/stubborn'));
  const slow = client(network, 'slow', { ...delayed(60, 60, 'w/slow'), keepAlive: 2 });
  stubborn.send(mqtt.pubrel(0));
  network.advance(5000);
  t.regex(said(stubborn, 5).join(), /^disconnect 0x82/);
  t.regex(said(slow, 5).join(), /^disconnect 0x8d/);
  // What was on its way while it was told is no offence, however late it comes.
  network.advance(20_000);
  for (const peer of [stubborn, slow]) peer.send(mqtt.pingreq);
  network.advance(10_000);
  slow.close();
  stubborn.send(mqtt.pingreq);
  t.deepEqual(said(to), []);
  network.advance(1);
  stubborn.send(mqtt.pingreq);
  t.deepEqual(said(to), ['w/stubborn q0: lost']);
  t.is(stubborn.state, 'ended');
  network.advance(30_000);
  t.deepEqual(said(to), ['w/slow q0: lost'], 'which waits from when it was gone');
});

test('who comes back in time takes its will back, and who begins anew does not', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { '#': 0 });
  client(network, 'same', delayed(10, 60)).close();
  const back = client(network, 'same', { level: 5, clean: false });
  network.advance(20_000);
  t.deepEqual(said(to), []);
  back.send(mqtt.disconnect());
  client(network, 'same', delayed(10, 60)).close();
  client(network, 'same', { level: 5, clean: true }).close();
  t.deepEqual(said(to), ['w q0: lost'], 'its session has ended');
  // One that is there still gives way.
  const old = client(network, 'same', delayed(10, 60));
  client(network, 'same', { level: 5, clean: false });
  t.deepEqual(said(old, 5), [taken]);
  t.is(old.state, 'ended');
  old.close();
  network.advance(20_000);
  t.deepEqual(said(to), []);
});

test('a will waits through traps and another module, and for whoever is closed by the broker', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { 'w/#': 0 });
  client(network, 'a', delayed(10, 60, 'w/gone')).close();
  const wrong = client(network, 'b', delayed(11, 60, 'w/wrong'));
  wrong.send(mqtt.pubrel(0));
  t.regex(said(wrong, 5).join(), /^disconnect 0x82/);
  wrong.send(mqtt.pingreq);
  t.deepEqual(said(wrong), []);
  wrong.close();
  const silent = client(network, 'c', { ...delayed(12, 60, 'w/silent'), keepAlive: 2 });
  const said4 = client(network, 'd', delayed(16, 60, 'w/said'));
  said4.send(Buffer.concat([mqtt.disconnect(4), mqtt.publish('w/late', 'x', { properties: [] })]));
  said4.close();
  network.trap();
  network.renew();
  t.deepEqual(
    network.stats().guest.clients,
    { kind: 'gauge', value: 2 },
    'who is away does not count',
  );
  network.advance(9_999);
  t.deepEqual(said(to), []);
  t.regex(said(silent, 5).join(), /^disconnect 0x8d/);
  network.advance(6_001);
  const lost = (name: string): string => `w/${name} q0: lost`;
  t.deepEqual(said(to), ['gone', 'wrong', 'silent', 'said'].map(lost));
  silent.close();
  await network.swap(bundledModule('mqtt'));
  to.close();
  t.is(network.stats().connections.open, 0);
});

test('nothing goes to a client whose will waits, and nothing of it is kept', async (t) => {
  const network = await broker();
  const options = delayed(10, 60);
  const peer = client(network, 'a', { ...options, properties: [...session(60), ['receive', 1]] });
  peer.send(mqtt.subscribe(1, { t: 1 }, []));
  const from = client(network, 'from');
  for (let id = 1; id <= 3; id += 1) from.send(mqtt.publish('t', `${id}`, { qos: 1, id }));
  peer.received();
  peer.end();
  from.send(mqtt.publish('t', 'x', { qos: 1, id: 4 }));
  t.deepEqual(said(peer, 5), []);
  network.advance(10_000);
  t.is(peer.state, 'ended');
  peer.close();
  t.is(network.stats().shared.keys, figures);
});

test('a DISCONNECT may end the session sooner, and not begin one', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { '#': 0 });
  const goodbye = (seconds: number): Buffer =>
    mqtt.packet(0xe0, Buffer.from([4]), mqtt.properties(session(seconds)));
  client(network, 'a', delayed(10, 60)).send(goodbye(0));
  t.deepEqual(said(to), ['w q0: lost']);
  client(network, 'a', delayed(10, 60)).send(goodbye(5));
  network.advance(4_999);
  t.deepEqual(said(to), []);
  network.advance(1);
  t.deepEqual(said(to), ['w q0: lost']);
  const peer = client(network, 'a', delayed(10, 0));
  peer.send(goodbye(5));
  t.regex(said(peer, 5).join(), /^disconnect 0x82/);
});

test('a will that cannot be retained is published all the same', async (t) => {
  const network = await broker({ policy: { groupBytes: 65_536 } });
  const to = subscriber(network, 'to', { '#': 0 });
  const will = { topic: 'w', payload: 'x'.repeat(900), retain: true };
  const from = client(network, 'a', { will });
  const filler = client(network, 'b');
  const piece = (n: number): Buffer => mqtt.publish(`f${n}`, 'x', { retain: true });
  for (let n = 0; filler.state === 'open'; n += 1) filler.send(piece(n));
  to.received();
  from.close();
  t.regex(said(to).join(), /^w q0: x+$/);
  const later = client(network, 'c');
  later.send(mqtt.publish('f0', '', { retain: true }));
  later.send(mqtt.subscribe(1, { w: 0 }));
  t.deepEqual(said(later), ['suback 1 0']);
});
