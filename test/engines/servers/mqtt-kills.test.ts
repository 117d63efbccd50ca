// Messages of `mqtt` over NATS while threads of two servers are ended and guests trap and hang: what is acknowledged
// comes to each subscriber who stays, of either server, once and in order, as long as NATS and both links stay.

import test from 'ava';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { has } from '../../helpers/installed.ts';
import { MqttClient } from '../../helpers/mqtt-client.ts';
import { five } from '../../helpers/mqtt-network.ts';
import { mqttStorm } from '../../helpers/mqtt-storm.ts';
import { startCli } from '../../helpers/process.ts';

const crowd = { publishers: 4, subscribers: 4, workers: 2 };

for (const [what, kinds, seed, most] of [
  ['threads that end', ['end'], 3, 2],
  ['guests that trap and hang', ['trap', 'hang', 'trap'], 4, 0],
] as const) {
  test.serial(`over NATS, ${what} cost no message that was acknowledged`, async (t) => {
    if (!has(t, 'nats-server')) return;
    const { port } = await EngineServer.nats(t);
    const options = { ...crowd, rounds: 6, seed, kinds, topics: `nats://127.0.0.1:${port}` };
    const { acknowledged, compared, lost, told, faults } = await mqttStorm(options);
    t.log(`${acknowledged} messages acknowledged, ${compared} compared, ${lost} connections lost`);
    t.deepEqual(faults, []);
    t.true(lost <= most * options.rounds, `${lost}`);
    t.deepEqual(told, []);
  });
}

test.serial(
  'when NATS was away, who relies on messages of the other server is closed, and others stay',
  async (t) => {
    if (!has(t, 'nats-server')) return;
    const nats = await EngineServer.nats(t);
    const topics = `nats://127.0.0.1:${nats.port}`;
    const args = ['mqtt', '--listen', '127.0.0.1:0', '--topics', topics];
    const [here, there] = [await startCli(t, args), await startCli(t, args)];
    const publisher = await MqttClient.open(here.port, 'publisher', five);
    const reliable = await MqttClient.open(there.port, 'reliable', five);
    const casual = await MqttClient.open(there.port, 'casual', five);
    await reliable.subscribe('t', 1);
    await casual.subscribe('t', 0);
    // The links come when they come: a message that is published before is lost.
    const heard = async (payload: string): Promise<void> => {
      while (!casual.came.some((line) => line.endsWith(`: ${payload}`))) {
        await publisher.publish('t', payload, { qos: 1 });
        await casual.ping();
      }
    };
    await heard('before');
    await nats.kill();
    await publisher.publish('t', 'lost', { qos: 1 });
    await nats.start();
    await heard('after');
    await reliable.ended();
    t.true(reliable.came.at(-1)!.startsWith('disconnect 0x97'), `${reliable.came}`);
    t.false(
      reliable.came.some((line) => line.endsWith(': after')),
      'it knows before it is given more',
    );
    t.false(
      casual.came.some((line) => line.endsWith(': lost')),
      'core NATS keeps nothing',
    );
    t.deepEqual([casual.closed, publisher.closed], [false, false]);
  },
);
