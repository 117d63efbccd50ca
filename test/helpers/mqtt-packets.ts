// Packets of MQTT for tests that cut and damage them. It knows no server.

import * as mqtt from './mqtt.ts';

/** One packet of each type, as clients send them, behind a CONNECT of this level. */
export function mqttPackets(level: number): Buffer[] {
  const own = level === 5;
  const some: mqtt.Properties = [
    ...([
      ['user', 'k=v'],
      ['response', 'r/s'],
      ['correlation', 'c'],
      ['content', 'x'],
    ] as const),
    ...([
      ['expiry', 60],
      ['format', 1],
    ] as const),
  ];
  const will = { topic: 'w/x', payload: 'gone', qos: 1, ...(own ? { properties: some } : {}) };
  const properties: mqtt.Properties = [
    ['receive', 9],
    ['packet', 900],
    ['user', 'a=b'],
  ];
  const options = { level, keepAlive: 60, user: 'u', password: 'p', will, properties };
  return [
    mqtt.connect('x', options),
    mqtt.subscribe(1, { 'c/#': 2, '+/d': 1 }, own ? [['subscription', 300]] : null),
    mqtt.publish('a/b', 'zero', own ? { properties: [['alias', 1], ...some] } : {}),
    mqtt.publish('a/b', 'one', { qos: 1, id: 1, ...(own ? { properties: [] } : {}) }),
    mqtt.publish('a/b', 'two', { qos: 2, id: 2, ...(own ? { properties: some } : {}) }),
    mqtt.pubrel(2),
    mqtt.puback(1),
    mqtt.pubrec(2),
    mqtt.pubcomp(2),
    mqtt.unsubscribe(3, ['c/#', '+/d'], own ? [['user', 'a=b']] : null),
    mqtt.pingreq,
    mqtt.disconnect(...(own ? [4, 0] : [])),
  ];
}
