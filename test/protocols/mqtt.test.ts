// The bundled protocol `mqtt` in the harness: who is given what, and what becomes of a client that breaks a rule.

import test from 'ava';
import { bundledModule, leftovers, nothing } from '../helpers/guests.ts';
import * as mqtt from '../helpers/mqtt.ts';
import { broker, client, figures, five, said, subscriber } from '../helpers/mqtt-network.ts';
import { mqttPackets } from '../helpers/mqtt-packets.ts';

test('each subscriber is given a message once for each subscription, at the lower QoS', async (t) => {
  const network = await broker();
  const ann = subscriber(network, 'ann', { 'a/+': 0, 'a/#': 2 });
  const bob = subscriber(network, 'bob', { 'a/b': 1 });
  const eve = subscriber(network, 'eve', { 'b/#': 2, '+/c': 2 });
  const from = client(network, 'from');
  from.send(mqtt.publish('a/b', 'one', { qos: 1, id: 7 }));
  t.deepEqual(said(from), ['puback 7']);
  t.deepEqual(said(ann).sort(), ['a/b q0: one', 'a/b q1 #1: one']);
  t.deepEqual(said(bob), ['a/b q1 #1: one']);
  t.deepEqual(said(eve), []);
  bob.send(mqtt.puback(1));
  from.send(mqtt.publish('a/b', 'two'));
  t.deepEqual(said(ann), ['a/b q0: two', 'a/b q0: two']);
  t.deepEqual(said(bob), ['a/b q0: two']);
  bob.send(mqtt.unsubscribe(2, ['a/b']));
  from.send(mqtt.publish('a/b', 'three'));
  t.deepEqual(said(bob), ['unsuback 2']);
  t.deepEqual(network.traps, []);
});

test('a message of QoS 2 is published once, however often it is sent before it is released', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { t: 2 });
  const from = client(network, 'from');
  const message = mqtt.publish('t', 'once', { qos: 2, id: 3 });
  from.send(message);
  from.send(mqtt.publish('t', 'once', { qos: 2, id: 3, dup: true }));
  t.deepEqual(said(from), ['pubrec 3', 'pubrec 3']);
  t.deepEqual(said(to), ['t q2 #1: once']);
  from.send(mqtt.pubrel(3));
  from.send(mqtt.pubrel(3));
  t.deepEqual(said(from), ['pubcomp 3', 'pubcomp 3']);
  from.send(message);
  t.deepEqual(said(to), ['t q2 #2: once']);
  to.send(mqtt.pubrec(1));
  to.send(mqtt.pubcomp(1));
  to.send(mqtt.pubrec(2));
  t.deepEqual(said(to), ['pubrel 1', 'pubrel 2']);
});

test('the last retained message of a topic comes to those who subscribe later', async (t) => {
  const network = await broker();
  const from = client(network, 'from');
  from.send(mqtt.publish('r/1', 'old', { retain: true }));
  from.send(mqtt.publish('r/1', 'new', { retain: true, qos: 1 }));
  from.send(mqtt.publish('r/2', 'gone', { retain: true }));
  const to = client(network, 'to');
  to.send(mqtt.subscribe(1, { 'r/#': 1 }));
  t.deepEqual(said(to), ['suback 1 1', 'r/1 q1 #1 retain: new', 'r/2 q0 retain: gone']);
  from.send(mqtt.publish('r/2', '', { retain: true }));
  t.deepEqual(said(to), ['r/2 q0: '], 'who is there hears of the end');
  to.send(mqtt.subscribe(2, { 'r/2': 1 }));
  t.deepEqual(said(to), ['suback 2 1']);
});

test('a will is published unless its client has said goodbye', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { 'w/#': 2 });
  const will = (topic: string) => ({ will: { topic, payload: 'lost', qos: 1, retain: true } });
  client(network, 'a', will('w/a')).close();
  t.deepEqual(said(to), ['w/a q1 #1: lost']);
  const polite = client(network, 'b', will('w/b'));
  polite.send(mqtt.disconnect());
  t.is(polite.state, 'ended');
  t.deepEqual(said(to), []);
  client(network, 'c', will('w/c')).send(mqtt.pubrel(0));
  t.deepEqual(said(to), ['w/c q1 #2: lost']);
  client(network, 'd', { ...will('w/d'), keepAlive: 10 });
  network.advance(14_999);
  t.deepEqual(said(to), []);
  network.advance(1);
  t.deepEqual(said(to), ['w/d q1 #3: lost']);
});

test('a will goes to no topic that its client could not publish to', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { '$SYS/#': 0, 'left/#': 0 });
  for (const topic of ['$SYS/broker/version', '$share/a/b', 'left']) {
    const from = client(network, 'from', { will: { topic, payload: 'mine', retain: true } });
    to.received();
    from.reset();
    t.deepEqual(said(to), topic === 'left' ? ['left q0: mine'] : []);
  }
});

const sys = (name: string): string => `$SYS/broker/${name}`;

test('who subscribes to figures of the broker is told them at once, and then every ten seconds', async (t) => {
  const network = await broker();
  const from = client(network, 'from');
  const to = subscriber(network, 'to', { 'a/#': 0 });
  from.send(Buffer.concat([mqtt.publish('a/b', '12345'), mqtt.publish('none', '12', { qos: 1 })]));
  network.advance(61_000);
  const ann = client(network, 'ann', { keepAlive: 15 });
  ann.send(mqtt.subscribe(1, { '$SYS/broker/#': 0 }));
  const told = (...words: readonly [string, string | number][]): string[] =>
    words.map(([name, value]) => `${sys(name)} q0: ${value}`);
  t.deepEqual(said(ann), [
    'suback 1 0',
    `${sys('version')} q0 retain: wasmpoll`,
    ...told(
      ['retained messages/count', 1],
      ['clients/connected', 3],
      ['publish/messages/received', 2],
      ['publish/messages/sent', 1],
      ['publish/messages/dropped', 0],
      ['publish/bytes/received', 7],
      ['publish/bytes/sent', 5],
      ['uptime', '61 seconds'],
      ['subscriptions/count', 2],
    ),
  ]);
  to.close();
  network.advance(9_999);
  t.deepEqual(said(ann), []);
  network.advance(1);
  const [, clients, , , , , , uptime] = said(ann);
  t.deepEqual([clients, uptime], told(['clients/connected', 2], ['uptime', '71 seconds']));
  // Several who listen are told once each time, and nobody asks when they are gone.
  ann.send(mqtt.pingreq);
  const bob = subscriber(network, 'bob', { [sys('uptime')]: 0, [sys('+')]: 0 });
  network.advance(5_000);
  ann.send(mqtt.pingreq);
  bob.received();
  ann.received();
  network.advance(10_000);
  t.is(said(ann).filter((line) => line.includes('uptime')).length, 1);
  t.is(said(bob).length, 2);
  bob.send(mqtt.unsubscribe(2, [sys('uptime'), sys('+')]));
  ann.send(mqtt.disconnect());
  const { published } = network.stats().shared;
  network.advance(60_000);
  t.is(network.stats().shared.published, published);
});

test('figures of the broker outlive its instances, and nobody else writes them', async (t) => {
  const network = await broker();
  const from = client(network, 'from');
  from.send(mqtt.publish('a', 'x'));
  network.advance(1_000);
  from.send(mqtt.pingreq);
  network.trap();
  const to = subscriber(network, 'to', { '#': 0 });
  to.send(mqtt.subscribe(2, { [sys('publish/messages/received')]: 0, [sys('clients/+')]: 0 }));
  const lines = said(to).slice(1);
  t.deepEqual(lines, [
    `${sys('clients/connected')} q0: 2`,
    `${sys('publish/messages/received')} q0: 1`,
  ]);
  from.send(mqtt.publish(sys('uptime'), 'never', { qos: 1 }));
  from.send(mqtt.publish(sys('clients/connected'), '7', { qos: 1, id: 2 }));
  t.deepEqual(said(from), ['pingresp', 'puback 1', 'puback 2']);
  t.deepEqual(said(to), []);
});

test('thousands of small packets in one receive are all published', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { t: 0 });
  const from = client(network, 'from');
  from.send(Buffer.concat(Array.from({ length: 9000 }, () => mqtt.publish('t', 'x'))));
  t.is(said(to).length, 9000);
  t.is(from.state, 'open');
});

test('a name that nobody has asked a password for is no user after a reload', async (t) => {
  const network = await broker();
  const ann = client(network, 'ann', { user: 'ann', password: 'any' });
  const nobody = client(network, 'nobody');
  await network.swap(bundledModule('mqtt'), { config: 'user = ann:secret\nanonymous = yes\n' });
  t.not(ann.state, 'open');
  t.is(nobody.state, 'open');
});

test('a client keeps its connection by pings, and who is silent loses it', async (t) => {
  const network = await broker();
  const peer = client(network, 'a', { level: 5, keepAlive: 2 });
  for (let i = 0; i < 5; i += 1) {
    network.advance(2_900);
    peer.send(mqtt.pingreq);
    t.deepEqual(said(peer), ['pingresp']);
  }
  network.advance(3_000);
  t.regex(said(peer, 5)[0]!, /^disconnect 0x8d/);
  t.is(peer.state, 'ended');
  const silent = network.connect();
  network.advance(10_000);
  t.is(silent.state, 'ended');
});

test('what a connection has asked for outlives the instance', async (t) => {
  const network = await broker();
  const will = { topic: 'w', payload: 'lost' };
  const to = subscriber(network, 'to', { '#': 2 });
  const from = client(network, 'from', { will });
  from.send(mqtt.publish('a', 'x', { qos: 2, id: 9 }));
  t.deepEqual(said(to), ['a q2 #1: x']);
  network.renew();
  from.send(mqtt.publish('a', 'x', { qos: 2, id: 9, dup: true }));
  t.deepEqual(said(to), [], 'it is the same message');
  from.send(mqtt.pubrel(9));
  t.deepEqual(said(from), ['pubrec 9', 'pubrec 9', 'pubcomp 9']);
  to.send(mqtt.pubrec(1));
  network.renew();
  to.send(mqtt.pubcomp(1));
  t.deepEqual(said(to), ['pubrel 1']);
  from.close();
  t.deepEqual(said(to), ['w q0: lost']);
  to.close();
  t.deepEqual(leftovers(network), nothing);
});

test('messages over the receive maximum wait, also for another instance', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { '#': 2 }, { level: 5, properties: [['receive', 2]] });
  const from = client(network, 'from');
  for (let i = 1; i <= 5; i += 1) from.send(mqtt.publish('t', `${i}`, { qos: 1, id: i }));
  from.send(mqtt.publish('t', 'quick'));
  t.deepEqual(said(to, 5), ['t q1 #1: 1', 't q1 #2: 2', 't q0: quick']);
  network.renew();
  to.send(mqtt.puback(1));
  t.deepEqual(said(to, 5), ['t q1 #3: 3']);
  from.send(mqtt.publish('t', '6', { qos: 2, id: 6 }));
  to.send(Buffer.concat([mqtt.puback(2), mqtt.puback(3)]));
  t.deepEqual(said(to, 5), ['t q1 #4: 4', 't q1 #5: 5']);
  to.send(mqtt.puback(4));
  t.deepEqual(said(to, 5), ['t q2 #6: 6']);
  to.close();
  t.is(network.stats().shared.keys, figures);
});

test('a subscriber for whom too much waits is told so and closed', async (t) => {
  const network = await broker({ config: 'max_waiting=3' });
  const to = subscriber(network, 'to', { '#': 1 }, { level: 5, properties: [['receive', 1]] });
  const from = client(network, 'from');
  for (let i = 1; i <= 5; i += 1) from.send(mqtt.publish('t', `${i}`, { qos: 1, id: i }));
  const lines = said(to, 5);
  t.is(lines[0], 't q1 #1: 1');
  t.regex(lines[1]!, /^disconnect 0x97/);
  t.is(to.state, 'ended');
  t.is(said(from).length, 5);
  to.close();
  t.is(network.stats().shared.keys, figures, 'nothing is left of what waited');
});

test('what waits for a subscriber is bounded in bytes, too: the store is for all', async (t) => {
  const network = await broker({ config: 'max_waiting_bytes=5000' });
  const to = subscriber(network, 'to', { '#': 1 }, { level: 5, properties: [['receive', 1]] });
  const from = client(network, 'from');
  const send = (id: number): void => {
    from.send(mqtt.publish('t', 'x'.repeat(2000), { qos: 1, id }));
  };
  for (let id = 1; id <= 3; id += 1) send(id);
  to.send(mqtt.puback(1));
  send(4);
  t.is(said(to, 5).length, 2, 'what was fetched counts no more');
  t.is(to.state, 'open');
  send(5);
  t.regex(said(to, 5).join(), /^disconnect 0x97/);
  t.is(to.state, 'ended');
  to.close();
  t.is(network.stats().shared.keys, figures, 'nothing is left of what waited');
});

for (const level of [3, 4, 5]) {
  test(`version ${level}: bytes mean the same in whatever pieces they come`, async (t) => {
    const bytes = Buffer.concat(mqttPackets(level));
    const network = await broker();
    const play = (...pieces: Uint8Array[]): string[] => {
      const peer = network.connect();
      for (const piece of pieces) peer.send(piece);
      const lines = said(peer, level);
      t.is(peer.state, 'ended');
      peer.close();
      return lines;
    };
    const whole = play(bytes);
    t.is(whole.length, 8);
    t.deepEqual(play(...[...bytes].map((byte) => Uint8Array.of(byte))), whole);
    for (let at = 1; at < bytes.length; at += 1) {
      t.deepEqual(play(bytes.subarray(0, at), bytes.subarray(at)), whole);
    }
    t.deepEqual(network.traps, []);
  });
}

const refusals: readonly (readonly [why: string, level: number, bytes: Buffer, answer: RegExp])[] =
  [
    ['a packet before CONNECT', 0, mqtt.pingreq, /^$/],
    ['a version that does not exist', 0, mqtt.connect('x', { level: 6 }), /^connack 0 0x84/],
    [
      'no client id for a session that is to be kept',
      0,
      mqtt.connect('', { clean: false }),
      /^connack 0 0x2$/,
    ],
    ['a second CONNECT', 5, mqtt.connect('x', { level: 5 }), /^disconnect 0x82/],
    ['QoS 3', 5, mqtt.publish('t', '', { qos: 3, properties: [] }), /^disconnect 0x81$/],
    ['a wildcard in a topic', 5, mqtt.publish('a/#', '', { properties: [] }), /^disconnect 0x90/],
    [
      'a topic that is not UTF-8',
      5,
      mqtt.packet(0x30, Buffer.from([0, 2, 0xc0, 0xaf, 0])),
      /^disconnect 0x81$/,
    ],
    ['no topic, and no alias', 5, mqtt.publish('', '', { properties: [] }), /^disconnect 0x82/],
    [
      'an alias that is not known',
      5,
      mqtt.publish('', '', { properties: [['alias', 2]] }),
      /^disconnect 0x82/,
    ],
    [
      'an alias over the maximum',
      5,
      mqtt.publish('a', '', { properties: [['alias', 17]] }),
      /^disconnect 0x94/,
    ],
    [
      'a packet id of 0',
      5,
      mqtt.publish('t', '', { qos: 1, id: 0, properties: [] }),
      /^disconnect 0x82/,
    ],
    [
      'a filter whose wildcard is no whole level',
      5,
      mqtt.subscribe(1, { 'a#': 0 }, []),
      /^disconnect 0x8f/,
    ],
    ['no filter', 5, mqtt.subscribe(1, {}, []), /^disconnect 0x81$/],
    [
      'a subscription identifier of 0',
      5,
      mqtt.subscribe(1, { a: 0 }, [['subscription', 0]]),
      /^disconnect 0x82/,
    ],
    [
      'a property twice',
      5,
      mqtt.publish('t', '', {
        properties: [
          ['expiry', 1],
          ['expiry', 1],
        ],
      }),
      /^disconnect 0x82/,
    ],
    [
      'a property that does not belong there',
      5,
      mqtt.publish('t', '', { properties: [['receive', 1]] }),
      /^disconnect 0x81$/,
    ],
    ['flags that are reserved', 5, mqtt.packet(0x80, mqtt.two(1)), /^disconnect 0x81$/],
    ['AUTH', 5, mqtt.packet(0xf0), /^disconnect 0x82/],
    ['a packet over the maximum', 5, Buffer.from([0x30, 0xff, 0xff, 0x7f]), /^disconnect 0x95/],
    [
      'a length of five bytes',
      5,
      Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]),
      /^disconnect 0x81$/,
    ],
    ['bytes behind a packet', 5, mqtt.packet(0xc0, Buffer.from([0])), /^disconnect 0x81$/],
  ];

test('what breaks a rule is answered by its code, and closed', async (t) => {
  const network = await broker();
  for (const [why, level, bytes, answer] of refusals) {
    const peer = level === 0 ? network.connect() : client(network, 'x', { level });
    peer.send(Buffer.concat([bytes, mqtt.pingreq]));
    t.regex(said(peer, level === 0 ? 4 : level).join(), answer, why);
    t.is(peer.state, 'ended', why);
  }
  t.deepEqual(network.traps, []);
});

test('a subscriber of MQTT 5.0 is passed on what the publisher has said of a message', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { 'a/#': 1 }, five, [['subscription', 268_435_455]]);
  const old = subscriber(network, 'old', { 'a/#': 1 });
  const from = client(network, 'from', five);
  const properties: mqtt.Properties = [
    ...([
      ['format', 1],
      ['user', 'b=1'],
      ['content', 'text/plain'],
    ] as const),
    ...([
      ['response', 'r/s'],
      ['correlation', 'c'],
      ['user', 'a=2'],
      ['expiry', 10],
    ] as const),
  ];
  from.send(mqtt.publish('a/b', 'x', { qos: 1, properties }));
  const passed = 'format:1 user:b=1 content:text/plain response:r/s correlation:c user:a=2';
  t.deepEqual(said(to, 5), [`a/b q1 #1 {expiry:10 subscription:268435455 ${passed}}: x`]);
  t.deepEqual(said(old), ['a/b q1 #1: x']);
});

test('a topic alias stands for its topic, also for another instance', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { '#': 0 });
  const from = client(network, 'from', five);
  from.send(mqtt.publish('long/topic', '1', { properties: [['alias', 16]] }));
  from.send(mqtt.publish('', '2', { properties: [['alias', 16]] }));
  network.trap();
  from.send(mqtt.publish('', '3', { properties: [['alias', 16]] }));
  from.send(mqtt.publish('other', '4', { properties: [['alias', 16]] }));
  from.send(mqtt.publish('', '5', { properties: [['alias', 16]] }));
  const lines = ['long/topic q0: 1', 'long/topic q0: 2', 'long/topic q0: 3'];
  t.deepEqual(said(to), [...lines, 'other q0: 4', 'other q0: 5']);
});

test('a message that has expired is not given to anybody, and the others know how long is left', async (t) => {
  const network = await broker();
  const before = network.stats().shared.retained;
  const from = client(network, 'from', five);
  const kept = (topic: string, seconds: number) =>
    mqtt.publish(topic, 'x', { retain: true, properties: [['expiry', seconds]] });
  from.send(Buffer.concat([kept('a', 5), kept('b', 60)]));
  network.advance(20_000);
  const to = client(network, 'to', five);
  to.send(mqtt.subscribe(1, { '+': 0 }, []));
  t.deepEqual(said(to, 5), ['suback 1 0', 'b q0 retain {expiry:40}: x']);
  t.is(network.stats().shared.retained, before + 1, 'its room is free again');
});

test('options of a subscription say what is retained, whose it is, and how it was published', async (t) => {
  const network = await broker();
  const peer = client(network, 'peer', five);
  const options = { local: 4, published: 8, ifNew: 0x10, never: 0x20 };
  peer.send(mqtt.publish('a', 'kept', { retain: true, properties: [] }));
  peer.send(mqtt.subscribe(1, { a: options.never }, []));
  peer.send(mqtt.subscribe(2, { '+': options.ifNew | options.published }, []));
  peer.send(mqtt.subscribe(3, { '+': options.ifNew | options.published }, []));
  const lines = ['suback 1 0', 'suback 2 0', 'a q0 retain: kept', 'suback 3 0'];
  t.deepEqual(said(peer, 5), lines);
  peer.send(mqtt.publish('a', 'live', { retain: true, properties: [] }));
  t.deepEqual(said(peer, 5).sort(), ['a q0 retain: live', 'a q0: live']);
  peer.send(
    mqtt.subscribe(4, { a: options.never | options.local, '+': options.local | options.never }, []),
  );
  peer.send(mqtt.publish('a', 'own', { properties: [] }));
  client(network, 'other', five).send(mqtt.publish('a', 'other', { properties: [] }));
  t.deepEqual(said(peer, 5), ['suback 4 0,0', 'a q0: other', 'a q0: other']);
  peer.send(mqtt.unsubscribe(5, ['a', 'b'], []));
  t.deepEqual(said(peer, 5), ['unsuback 5 0,17']);
});

test('of those who share a subscription one is given each message', async (t) => {
  const network = await broker();
  const filter = { '$share/g/jobs/#': 1 };
  const workers = ['a', 'b', 'c'].map((id) => subscriber(network, id, filter, five));
  const all = subscriber(network, 'all', { 'jobs/#': 0, '$share/h/jobs/+': 0 });
  const from = client(network, 'from');
  for (let i = 0; i < 9; i += 1) from.send(mqtt.publish('jobs/x', `${i}`, { qos: 1, id: i + 1 }));
  const given = workers.map((worker) => said(worker, 5).map((line) => line.slice(-1)));
  t.deepEqual(given, [
    ['0', '3', '6'],
    ['1', '4', '7'],
    ['2', '5', '8'],
  ]);
  t.is(said(all).length, 18);
  workers[1]!.send(mqtt.unsubscribe(2, Object.keys(filter), []));
  workers[2]!.close();
  from.send(mqtt.publish('jobs/x', 'last', { qos: 1 }));
  t.deepEqual(said(workers[0]!, 5), ['jobs/x q1 #4: last']);
  workers[0]!.send(mqtt.subscribe(3, { '$share/g/x': 4 }, []));
  t.regex(said(workers[0]!, 5).join(), /^disconnect 0x82/, 'no-local has no meaning there');
});

test('a client that has no id is given one', async (t) => {
  const network = await broker();
  const peer = network.connect();
  peer.send(mqtt.connect('', { level: 5, properties: [['session', 60]] }));
  t.regex(
    said(peer, 5).join(),
    /^connack 0 0x0 \{receive:32 aliases:16 packet:65000 session:0 id:auto-[a-p]{12}\}$/,
  );
  client(network, '');
});

test('a packet that is too large for its subscriber is dropped', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { '#': 1 }, { level: 5, properties: [['packet', 60]] });
  const from = client(network, 'from');
  from.send(mqtt.publish('t', 'x'.repeat(60), { qos: 1 }));
  from.send(mqtt.publish('t', 'short', { qos: 1 }));
  t.deepEqual(said(to, 5), ['t q1 #1: short']);
  t.deepEqual(network.stats().guest.messages_dropped, { kind: 'counter', value: 1 });
});

const config = `
# Who may connect, and what.
user = ann:secret
user = eve:other:secret
allow = ann all #
deny = * read private/#
allow = eve write own/%u/%c
allow = * read public/#
`;

test('users and rules of the configuration decide who may connect, publish and subscribe', async (t) => {
  const network = await broker({ config });
  const refused = (options: mqtt.ConnectOptions): string => {
    const peer = network.connect();
    peer.send(mqtt.connect('x', options));
    t.is(peer.state, 'ended');
    return said(peer, options.level).join();
  };
  t.is(refused({}), 'connack 0 0x5');
  t.is(refused({ user: 'ann', password: 'wrong' }), 'connack 0 0x5');
  t.is(refused({ user: 'ann' }), 'connack 0 0x5');
  t.is(refused({ level: 5, user: 'bob', password: 'secret' }), 'connack 0 0x86');
  const ann = subscriber(network, 'a', { '#': 1 }, { user: 'ann', password: 'secret' });
  const eve = client(network, 'e', { level: 5, user: 'eve', password: 'other:secret' });
  eve.send(mqtt.subscribe(1, { 'public/x': 1, '#': 1, 'private/x': 1, '+/x': 0 }, []));
  t.deepEqual(said(eve, 5), ['suback 1 1,135,135,135']);
  eve.send(mqtt.publish('own/eve/e', 'yes', { qos: 1, properties: [] }));
  eve.send(mqtt.publish('own/eve/x', 'no', { qos: 1, id: 2, properties: [] }));
  eve.send(mqtt.publish('public/x', 'no', { qos: 2, id: 3, properties: [] }));
  t.deepEqual(said(eve, 5), ['puback 1', 'puback 2 0x87', 'pubrec 3 0x87']);
  t.deepEqual(said(ann), ['own/eve/e q1 #1: yes']);
  await network.swap(bundledModule('mqtt'), { config: 'user = ann:secret\n' });
  t.regex(said(eve, 5).join(), /^disconnect 0x87/, 'there is no such user any more');
  t.is(ann.state, 'open');
});

for (const [text, message] of [
  ['user = ann', /line 1: write user = NAME:PASSWORD/],
  ['\nallow = ann all #', /line 2: there is no such user/],
  ['allow = * all a#', /line 1: this is no topic or pattern/],
  ['allow = * any #', /line 1: write USER read\|write\|all PATTERN/],
  ['max_waiting = 5000', /line 1: it takes a number from 0 to 4000/],
  ['listener 1883', /line 1: it begins with none of user, allow/],
] as const) {
  test(`a configuration with a mistake keeps it from starting: ${text.trim()}`, async (t) => {
    await t.throwsAsync(broker({ config: text }), { message });
  });
}

test('a subscriber who relies on its messages and does not read is closed, and is told why', async (t) => {
  const network = await broker({ policy: { highWaterBytes: 64 * 1024, lowWaterBytes: 1024 } });
  const options = { bufferBytes: 4096 };
  const slow = network.connect(options);
  slow.send(Buffer.concat([mqtt.connect('slow', five), mqtt.subscribe(1, { '#': 1 }, [])]));
  const easy = network.connect(options);
  easy.send(Buffer.concat([mqtt.connect('easy', five), mqtt.subscribe(1, { '#': 0 }, [])]));
  const from = client(network, 'from');
  for (let i = 1; i <= 40; i += 1)
    from.send(mqtt.publish('t', 'x'.repeat(8000), { qos: 1, id: i }));
  t.is(said(from).length, 40, 'the publisher is not held up');
  const lines = said(slow, 5);
  t.true(lines.length < 40);
  t.regex(lines.at(-1)!, /^disconnect 0x97/);
  t.is(slow.state, 'ended');
  easy.received();
  from.send(mqtt.publish('t', 'next'));
  t.deepEqual(said(easy, 5), ['t q0: next']);
});

test('the program takes part: texts are messages, and it can speak to one client', async (t) => {
  const network = await broker();
  const to = subscriber(network, 'to', { '#': 1 });
  const heard: string[] = [];
  network.subscribe('a', (data) => heard.push(Buffer.from(data).toString()));
  network.publish('a', 'from the program', { retain: true });
  network.send(to.connection, 'b', 'for you');
  t.deepEqual(said(to), ['a q0: from the program', 'b q0: for you']);
  client(network, 'from').send(mqtt.publish('a', 'hello'));
  t.deepEqual(heard, ['from the program', '\0hello']);
  network.publish('a', '');
  network.publish('a', new Uint8Array([0x18, 1]));
  t.deepEqual(said(to), ['a q0: hello'], 'what is no message is dropped');
});
