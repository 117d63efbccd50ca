// What the specifications of MQTT 3.1.1 and 5.0 say of what one client sends, by the numbers of their normative
// statements: what is sent, what comes back, and whether the connection ends. It knows no server.

import * as mqtt from './mqtt.ts';

export interface Statement {
  /** Those with sections of 5.0 only begin with 5. */
  readonly says: string;
  /** Of the CONNECT that comes first; null if none does. */
  readonly options: mqtt.ConnectOptions | null;
  readonly send: Buffer;
  /** Lines that come back, without that of CONNACK for the CONNECT that comes first. */
  readonly answer: RegExp;
  readonly ends: boolean;
}

const four: mqtt.ConnectOptions = { level: 4 };
const five: mqtt.ConnectOptions = { level: 5 };
const none = /^$/;

/** By versions: 4 is answered by silence where 5 is told a code. */
function both(says: string, send: (own: mqtt.Properties | null) => Buffer, code: string) {
  return [
    { says, options: four, send: send(null), answer: none, ends: true },
    { says, options: five, send: send([]), answer: new RegExp(`^disconnect ${code}`), ends: true },
  ];
}

const ends = (says: string, options: mqtt.ConnectOptions | null, send: Buffer, answer: RegExp) => ({
  ...{ says, options, send, answer },
  ends: true,
});

const goes = (says: string, options: mqtt.ConnectOptions, send: Buffer, answer: RegExp) => ({
  ...{ says, options, send, answer },
  ends: false,
});

const raw = (...parts: (string | number | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number'
        ? Buffer.from([part])
        : typeof part === 'string'
          ? Buffer.from(part, 'latin1')
          : part,
    ),
  );
/** A CONNECT whose flags, and what follows the keep alive, are given. */
const hello = (level: number, flags: number, ...rest: Uint8Array[]): Buffer =>
  mqtt.packet(0x10, mqtt.text('MQTT'), raw(level, flags, 0, 0), ...rest);
const own = (...list: mqtt.Properties): Buffer => mqtt.properties(list);
const will = (topic: string) => ({ topic, payload: 'x' });
const publish = (topic: string | Uint8Array, properties: mqtt.Properties | null) =>
  mqtt.packet(0x30, mqtt.text(topic), mqtt.properties(properties), raw('x'));
const surrogate = raw(0x61, 0xed, 0xa0, 0x80);
const null_ = raw('a', 0, 'b');

const connects: Statement[] = [
  ends('3.1.0-1: CONNECT comes first', null, mqtt.publish('a', 'x'), none),
  ...both('3.1.0-2: CONNECT comes once', () => mqtt.connect('y'), '0x82'),
  ends(
    '3.1.2-1: the name of the protocol',
    null,
    mqtt.packet(0x10, mqtt.text('MQTX'), raw(4, 2, 0, 0), mqtt.text('x')),
    none,
  ),
  ends('3.1.2-2: a level that is unknown', null, hello(7, 2, mqtt.text('x')), /^connack 0 0x84/),
  ends('3.1.2-3: the reserved flag', null, hello(4, 3, mqtt.text('x')), none),
  ends(
    '5: 3.1.2-3: the reserved flag',
    null,
    hello(5, 3, own(), mqtt.text('x')),
    /^connack 0 0x81/,
  ),
  ends('3.1.2-13: QoS of no will', null, hello(4, 0x0a, mqtt.text('x')), none),
  ends('3.1.2-15: RETAIN of no will', null, hello(4, 0x22, mqtt.text('x')), none),
  ends(
    '3.1.2-14: a will of QoS 3',
    null,
    hello(4, 0x1e, mqtt.text('x'), mqtt.text('w'), mqtt.text('')),
    none,
  ),
  ends(
    '3.1.2-22: a password without a user',
    null,
    hello(4, 0x42, mqtt.text('x'), mqtt.text('p')),
    none,
  ),
  goes(
    '5: 3.1.2.9: a password without a user',
    { level: 5, password: 'p' },
    mqtt.pingreq,
    /^pingresp$/,
  ),
  ends('3.1.3-3: the client id is there', null, hello(4, 2), none),
  ends('3.1.3-4: the client id is UTF-8', null, hello(4, 2, mqtt.text(raw(0xff))), none),
  ends(
    '3.1.3-8: no client id, and no clean session',
    null,
    mqtt.connect('', { clean: false }),
    /^connack 0 0x2$/,
  ),
  ends(
    '3.1.3-10: the topic of the will is UTF-8',
    null,
    hello(4, 6, mqtt.text('x'), mqtt.text(surrogate), mqtt.text('')),
    none,
  ),
  ends('3.1.3: a will to a pattern', null, mqtt.connect('x', { will: will('a/#') }), none),
  ends(
    '5: 3.1.3: a will to a pattern',
    null,
    mqtt.connect('x', { level: 5, will: will('a/+') }),
    /^connack 0 0x90/,
  ),
  ends(
    '3.1.3-11: the user is UTF-8',
    null,
    hello(4, 0x82, mqtt.text('x'), mqtt.text(raw(0xc0, 0x80))),
    none,
  ),
  ends(
    '3.1: bytes behind what the flags announce',
    null,
    hello(4, 2, mqtt.text('x'), raw(0)),
    none,
  ),
  ends(
    '5: 3.1.2.11.3: a receive maximum of 0',
    null,
    mqtt.connect('x', { level: 5, properties: [['receive', 0]] }),
    /^connack 0 0x82/,
  ),
  ends(
    '5: 3.1.2.11.4: a maximum packet size of 0',
    null,
    mqtt.connect('x', { level: 5, properties: [['packet', 0]] }),
    /^connack 0 0x82/,
  ),
  ends(
    '5: 3.1.2.11.6: a request for responses of 2',
    null,
    hello(5, 2, raw(2, 25, 2), mqtt.text('x')),
    /^connack 0 0x82/,
  ),
  ends(
    '5: 3.1.2.11.7: a request for problems of 2',
    null,
    hello(5, 2, raw(2, 23, 2), mqtt.text('x')),
    /^connack 0 0x82/,
  ),
  ends(
    '5: 3.1.2.11.9: a method that is not known',
    null,
    mqtt.connect('x', { level: 5, properties: [['method', 'PLAIN']] }),
    /^connack 0 0x8c/,
  ),
  ends(
    '5: 3.1.2.11.10: data without a method',
    null,
    hello(5, 2, raw(4, 22, 0, 1, 'x'), mqtt.text('x')),
    /^connack 0 0x82/,
  ),
  ends(
    '5: 3.1.2.11.2: a property twice',
    null,
    mqtt.connect('x', {
      level: 5,
      properties: [
        ['session', 1],
        ['session', 1],
      ],
    }),
    /^connack 0 0x82/,
  ),
  ends(
    '5: 2.2.2.2: a property of another packet',
    null,
    mqtt.connect('x', { level: 5, properties: [['alias', 1]] }),
    /^connack 0 0x81/,
  ),
  ends(
    '5: 2.2.2.2: a property that does not exist',
    null,
    hello(5, 2, raw(2, 5, 0), mqtt.text('x')),
    /^connack 0 0x81/,
  ),
  ends(
    '5: 2.2.2.1: properties longer than they say',
    null,
    hello(5, 2, raw(1, 17, 0, 0, 0, 0), mqtt.text('x')),
    /^connack 0 0x81/,
  ),
  ends(
    "5: 3.1.3.2: a delay is the will's, not of CONNECT",
    null,
    mqtt.connect('x', { level: 5, properties: [['delay', 1]] }),
    /^connack 0 0x81/,
  ),
];

const publishes: Statement[] = [
  ...both('2.2.2-2: reserved flags of PINGREQ', () => raw(0xc1, 0), '0x81'),
  ...both(
    '2.2.2-2: reserved flags of SUBSCRIBE',
    (p) => raw(0x80, mqtt.subscribe(1, { a: 0 }, p).subarray(1)),
    '0x81',
  ),
  ...both('3.6.1-1: reserved flags of PUBREL', () => raw(0x60, 2, 0, 1), '0x81'),
  ...both('2.1.2: a type of packet that servers send', () => raw(0xd0, 0), '0x82'),
  ...both('2.1.2: type 0', () => raw(0, 0), '0x82'),
  ...both('2.2.3: a length of five bytes', () => raw(0x30, 0xff, 0xff, 0xff, 0xff, 1), '0x81'),
  ...both(
    '2.3.1-1: a packet without a number',
    (p) => mqtt.publish('a', '', { qos: 1, id: 0, properties: p! }),
    '0x82',
  ),
  ...both(
    '3.3.1-2: DUP with QoS 0',
    (p) => mqtt.publish('a', '', { dup: true, properties: p! }),
    '0x81',
  ),
  ...both('3.3.1-4: QoS 3', (p) => mqtt.publish('a', '', { qos: 3, properties: p! }), '0x81'),
  ...both('3.3.2-1: a topic that is not UTF-8', (p) => publish(raw(0xc3), p), '0x81'),
  ...both('1.5.3-1: a surrogate', (p) => publish(surrogate, p), '0x81'),
  ...both('1.5.3-2: U+0000', (p) => publish(null_, p), '0x81'),
  goes(
    '1.5.3-3: U+FEFF is a letter as others',
    four,
    raw(mqtt.subscribe(1, { '\ufeffa': 0 }), mqtt.publish('\ufeffa', 'x')),
    /^suback 1 0,\ufeffa q0: x$/,
  ),
  ...both('3.3.2-2: a pattern as a topic', (p) => publish('a/+', p), '0x90'),
  ends('4.7.3-1: no topic', four, publish('', null), none),
  ends('5: 3.3.2.1: no topic, and no alias', five, publish('', []), /^disconnect 0x82/),
  ends(
    '5: 3.3.2.3.4: an alias that is not known',
    five,
    publish('', [['alias', 1]]),
    /^disconnect 0x82/,
  ),
  ends('5: 3.3.2-8: an alias of 0', five, publish('a', [['alias', 0]]), /^disconnect 0x94/),
  ends(
    '5: 3.3.2-9: an alias over the maximum',
    five,
    publish('a', [['alias', 17]]),
    /^disconnect 0x94/,
  ),
  ends(
    '5: 3.3.2-14: a response topic that is a pattern',
    five,
    publish('a', [['response', 'a/#']]),
    /^disconnect 0x82/,
  ),
  ends(
    '5: 3.3.4-6: a subscription identifier from a client',
    five,
    publish('a', [['subscription', 1]]),
    /^disconnect 0x81/,
  ),
  ends(
    '5: 3.3.2.3.2: a payload format of 2',
    five,
    publish('a', [['format', 2]]),
    /^disconnect 0x82/,
  ),
  ends(
    '5: 1.5.7: a user property that is not UTF-8',
    five,
    mqtt.packet(0x30, mqtt.text('a'), raw(7, 38, 0, 1, 0xff, 0, 1, 'x')),
    /^disconnect 0x81/,
  ),
  goes(
    '3.3.4-1: QoS 1 is acknowledged, once for each',
    four,
    raw(
      mqtt.publish('a', '', { qos: 1, id: 9 }),
      mqtt.publish('a', '', { qos: 1, id: 9, dup: true }),
    ),
    /^puback 9,puback 9$/,
  ),
  goes(
    '4.3.3-2: QoS 2 is acknowledged',
    four,
    raw(mqtt.publish('a', '', { qos: 2, id: 9 }), mqtt.pubrel(9)),
    /^pubrec 9,pubcomp 9$/,
  ),
  goes('5: 3.7.2.1: PUBREL of what is not known', five, mqtt.pubrel(9), /^pubcomp 9 0x92$/),
  goes('3.6.4: PUBREL of what is not known', four, mqtt.pubrel(9), /^pubcomp 9$/),
  goes('5: 3.6.2.1: PUBREC of what is not known', five, mqtt.pubrec(9), /^pubrel 9 0x92$/),
  goes('4.3.2: PUBACK of what is not known', four, raw(mqtt.puback(9), mqtt.pingreq), /^pingresp$/),
  ...both('3.4.2: an acknowledgement without a number', () => raw(0x40, 0), '0x81'),
  ends('3.4.2: a longer acknowledgement', four, mqtt.puback(1, 0), none),
  goes(
    '5: 3.4.2.1: an acknowledgement with a reason',
    five,
    raw(mqtt.packet(0x40, mqtt.two(1), raw(0), own(['reason', 'r'])), mqtt.pingreq),
    /^pingresp$/,
  ),
];

const others: Statement[] = [
  ...both(
    '3.8.3-1: a filter that is not UTF-8',
    (p) => mqtt.packet(0x82, mqtt.two(1), mqtt.properties(p), mqtt.text(raw(0xff)), raw(0)),
    '0x81',
  ),
  ...both('3.8.3-3: no filter', (p) => mqtt.subscribe(1, {}, p), '0x81'),
  ...both('3.8.3-4: QoS 3', (p) => mqtt.subscribe(1, { a: 3 }, p), '0x81'),
  ends('3.8.3-4: options of 5.0', four, mqtt.subscribe(1, { a: 4 }), none),
  ends(
    '5: 3.8.3-5: reserved options',
    five,
    mqtt.subscribe(1, { a: 0x40 }, []),
    /^disconnect 0x81/,
  ),
  ends(
    '5: 3.8.3.1: retain handling of 3',
    five,
    mqtt.subscribe(1, { a: 0x30 }, []),
    /^disconnect 0x82/,
  ),
  ends(
    '5: 3.8.3-4: no local of a shared one',
    five,
    mqtt.subscribe(1, { '$share/g/a': 4 }, []),
    /^disconnect 0x82/,
  ),
  ends(
    '5: 4.8.2-1: a share without a name',
    five,
    mqtt.subscribe(1, { '$share//a': 0 }, []),
    /^disconnect 0x8f/,
  ),
  ends(
    '5: 4.8.2-2: a share whose name is a pattern',
    five,
    mqtt.subscribe(1, { '$share/g+/a': 0 }, []),
    /^disconnect 0x8f/,
  ),
  ends(
    '5: 4.8.2-1: a share without a filter',
    five,
    mqtt.subscribe(1, { '$share/g': 0 }, []),
    /^disconnect 0x8f/,
  ),
  ends(
    '5: 3.8.2.1.2: a subscription identifier of 0',
    five,
    mqtt.subscribe(1, { a: 0 }, [['subscription', 0]]),
    /^disconnect 0x82/,
  ),
  ends(
    '5: 3.8.2.1.2: two subscription identifiers',
    five,
    mqtt.subscribe(1, { a: 0 }, [
      ['subscription', 1],
      ['subscription', 2],
    ]),
    /^disconnect 0x82/,
  ),
  ...['a#', '#/a', 'a/#/b', 'a+', '+a/b', ''].flatMap((filter) =>
    both(`4.7.1-2: the filter '${filter}'`, (p) => mqtt.subscribe(1, { [filter]: 0 }, p), '0x8f'),
  ),
  ...both('2.3.1-1: SUBSCRIBE without a number', (p) => mqtt.subscribe(0, { a: 0 }, p), '0x82'),
  ...both('2.3.1-1: UNSUBSCRIBE without a number', (p) => mqtt.unsubscribe(0, ['a'], p), '0x82'),
  goes(
    '3.8.4-5: an answer for each filter',
    four,
    mqtt.subscribe(7, { a: 0, b: 1, 'c/#': 2 }),
    /^suback 7 0,1,2$/,
  ),
  goes(
    '3.8.4-3: a subscription is replaced',
    four,
    raw(
      mqtt.subscribe(1, { t1: 1 }),
      mqtt.subscribe(2, { t1: 0 }),
      mqtt.publish('t1', 'x', { qos: 1 }),
    ),
    /^suback 1 1,suback 2 0,puback 1,t1 q0: x$/,
  ),
  goes(
    '4.7.2-1: no wildcard in front of $',
    four,
    raw(mqtt.subscribe(1, { '#': 0, '+/x': 0 }), mqtt.publish('$a/x', 'x'), mqtt.pingreq),
    /^suback 1 0,0,pingresp$/,
  ),
  goes(
    '4.7.3-4: topics are not normalized',
    four,
    raw(
      mqtt.subscribe(1, { 'A/': 0 }),
      mqtt.publish('a/', 'x'),
      mqtt.publish('A', 'x'),
      mqtt.publish('A/', 'y'),
    ),
    /^suback 1 0,A\/ q0: y$/,
  ),
  ...both('3.10.3-2: no filter', (p) => mqtt.unsubscribe(1, [], p), '0x81'),
  goes(
    '3.10.4-5: it is answered whatever was there',
    four,
    mqtt.unsubscribe(3, ['a']),
    /^unsuback 3$/,
  ),
  goes(
    '5: 3.11.3-1: an answer for each filter',
    five,
    raw(mqtt.subscribe(1, { a: 0 }, []), mqtt.unsubscribe(3, ['a', 'b'], [])),
    /^suback 1 0,unsuback 3 0,17$/,
  ),
  goes('3.12.4-1: PINGREQ', four, mqtt.pingreq, /^pingresp$/),
  ...both('3.12: PINGREQ with a body', () => raw(0xc0, 1, 0), '0x81'),
  ...both('3.14.1-1: reserved flags of DISCONNECT', () => raw(0xe1, 0), '0x81'),
  ends('3.14.4: DISCONNECT', four, mqtt.disconnect(), none),
  ends('3.14: DISCONNECT with a body', four, mqtt.disconnect(0), none),
  ends('5: 3.14.2.1: DISCONNECT with a code', five, mqtt.disconnect(4), none),
  ends(
    '5: 3.14.2.2.2: a session from 0 to more',
    five,
    mqtt.packet(0xe0, raw(0), own(['session', 5])),
    /^disconnect 0x82/,
  ),
  ends(
    '5: 3.14.2.2.2: a session from 5 to 0',
    { level: 5, properties: [['session', 5]] },
    mqtt.packet(0xe0, raw(0), own(['session', 0])),
    none,
  ),
  ends('5: 3.15: AUTH without a method', five, raw(0xf0, 0), /^disconnect 0x82/),
  ends('2.1.2: type 15', four, raw(0xf0, 0), none),
  ends(
    '5: 3.1.2-24: a packet over the maximum',
    five,
    raw(0x30, 0xff, 0xff, 0x7f),
    /^disconnect 0x95/,
  ),
];

export const statements: readonly Statement[] = [...connects, ...publishes, ...others];
