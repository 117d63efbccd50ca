// The bundled protocol `mqtt` and the normative statements of MQTT 3.1.1 and 5.0, one by one.

import test from 'ava';
import { harness } from '../../host/testing/harness.ts';
import { bundledModule } from '../helpers/guests.ts';
import * as mqtt from '../helpers/mqtt.ts';
import { statements } from '../helpers/mqtt-statements.ts';

test('each statement about what one client sends holds', async (t) => {
  const network = await harness(bundledModule('mqtt'));
  for (const { says, options, send, answer, ends } of statements) {
    const level = options?.level ?? (says.startsWith('5') ? 5 : 4);
    const what = `${level}: ${says}`;
    const peer = network.connect();
    if (options !== null) {
      peer.send(mqtt.connect('x', options));
      t.regex(mqtt.lines(peer.received(), level).join(), /^connack 0 0x0/, what);
    }
    peer.send(send);
    t.regex(mqtt.lines(peer.received(), level).join(), answer, what);
    t.is(peer.state, ends ? 'ended' : 'open', what);
    peer.close();
  }
  t.deepEqual(network.traps, []);
});
