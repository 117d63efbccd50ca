// Publish and subscribe by `resp` on the harness: what happens to channels and messages when something goes wrong.

import test from 'ava';
import {
  type Harness,
  type HarnessOptions,
  harness,
  TestBus,
  TestStore,
} from '../../host/testing/harness.ts';
import { bundledModule, leftovers, nothing } from '../helpers/guests.ts';
import { encoded } from '../helpers/resp.ts';

const resp = (options: HarnessOptions = {}): Promise<Harness> =>
  harness(bundledModule('resp'), options);

const says = (...command: string[]): string => encoded(command);
const message = (channel: string, text: string, mark = '*'): string =>
  `${mark}3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`;

const subscribed = (channel: string, count: number): string =>
  `*3\r\n$9\r\nsubscribe\r\n$${channel.length}\r\n${channel}\r\n:${count}\r\n`;

test('channels survive a fresh instance, with their names and the number of their members', async (t) => {
  const network = await resp();
  const [peer, other] = [network.connect(), network.connect()];
  peer.send(says('SUBSCRIBE', 'one', 'two'));
  t.is(peer.text(), subscribed('one', 1) + subscribed('two', 2));
  network.renew();
  other.send(says('PUBLISH', 'two', 'hello'));
  t.is(other.text(), ':1\r\n');
  t.is(peer.text(), message('two', 'hello'));
  peer.send(says('UNSUBSCRIBE'));
  const left = (channel: string, count: number): string =>
    `*3\r\n$11\r\nunsubscribe\r\n$3\r\n${channel}\r\n:${count}\r\n`;
  t.is(peer.text(), left('one', 1) + left('two', 0));
  other.send(says('PUBLISH', 'two', 'gone'));
  t.is(other.text(), ':0\r\n');
  t.is(peer.text(), '');
  peer.close();
  other.close();
  t.deepEqual(leftovers(network), nothing);
});

test('a client that goes away is no member any more', async (t) => {
  const network = await resp();
  const [peer, other] = [network.connect(), network.connect()];
  peer.send(says('SUBSCRIBE', 'one'));
  peer.close();
  other.send(says('PUBLISH', 'one', 'hello'));
  t.is(other.text(), ':0\r\n');
});

test('a subscriber that has missed messages loses its connection, and knows it so', async (t) => {
  const topics = new TestBus();
  const [here, there] = [await resp({ topics }), await resp({ topics })];
  const [speaker, peer, stranger] = [here.connect(), there.connect(), there.connect()];
  peer.send(says('SUBSCRIBE', 'one'));
  t.is(peer.text(), subscribed('one', 1));
  topics.disconnect(there);
  speaker.send(says('PUBLISH', 'one', 'lost'));
  topics.connect(there);
  t.is(peer.state, 'reset');
  t.is(stranger.state, 'open');
});

test('a subscriber that does not read loses its connection, and nobody else waits', async (t) => {
  const network = await resp();
  const slow = network.connect({ bufferBytes: 1000 });
  const [speaker, quick] = [network.connect(), network.connect()];
  slow.send(says('SUBSCRIBE', 'one'));
  quick.send(says('SUBSCRIBE', 'one'));
  quick.text();
  const text = 'x'.repeat(50_000);
  for (let number = 0; number < 20; number += 1) {
    speaker.send(says('PUBLISH', 'one', text));
    t.is(quick.text(), message('one', text));
  }
  // It is told when it takes something again.
  slow.text();
  t.not(slow.state, 'open');
  t.deepEqual(network.traps, []);
});

test('a message waits until the answer that has begun is complete', async (t) => {
  const store = new TestStore();
  const network = await resp({ store });
  const [peer, other] = [network.connect(), network.connect()];
  peer.send(says('HELLO', '3') + says('SUBSCRIBE', 'one'));
  peer.text();
  store.hold();
  peer.send(says('MGET', 'a', 'b'));
  store.release(1);
  other.send(says('PUBLISH', 'one', 'hello'));
  other.send(says('PUBLISH', 'one', 'again'));
  t.is(peer.text(), '*2\r\n_\r\n');
  store.release();
  t.is(peer.text(), `_\r\n${message('one', 'hello', '>')}${message('one', 'again', '>')}`);
});

test('a client whose waiting messages are lost with the instance loses its connection', async (t) => {
  const store = new TestStore();
  const network = await resp({ store });
  const [peer, other] = [network.connect(), network.connect()];
  peer.send(says('HELLO', '3') + says('SUBSCRIBE', 'one'));
  peer.text();
  store.hold();
  peer.send(says('MGET', 'a', 'b'));
  other.send(says('PUBLISH', 'one', 'hello'));
  network.renew();
  store.release();
  t.is(peer.state, 'reset');
});

test('two patterns that need the same topics are left one by one', async (t) => {
  const network = await resp();
  const [peer, other] = [network.connect(), network.connect()];
  peer.send(says('PSUBSCRIBE', 'news.a*', 'news.b*') + says('PUNSUBSCRIBE', 'news.a*'));
  peer.text();
  other.send(says('PUBLISH', 'news.art', 'no') + says('PUBLISH', 'news.book', 'yes'));
  t.is(peer.text(), '*4\r\n$8\r\npmessage\r\n$7\r\nnews.b*\r\n$9\r\nnews.book\r\n$3\r\nyes\r\n');
  peer.send(says('PUNSUBSCRIBE', 'news.b*'));
  peer.text();
  other.send(says('PUBLISH', 'news.book', 'no'));
  t.is(peer.text(), '');
});

test('the channels of a connection have a bound, which the operator may move', async (t) => {
  const long = 'c'.repeat(400);
  const bound = (bytes: number): string =>
    `-ERR the channels of a connection take at most ${bytes} bytes: see channelBytes\r\n`;
  const peer = (await resp()).connect();
  peer.send(says('SUBSCRIBE', long, `${long}2`, 'one'));
  t.is(peer.text(), subscribed(long, 1) + bound(512) + subscribed('one', 2));
  const wide = (await resp({ config: 'channelBytes=900' })).connect();
  wide.send(says('SUBSCRIBE', long, `${long}2`, `${long}3`));
  t.is(wide.text(), subscribed(long, 1) + subscribed(`${long}2`, 2) + bound(900));
});

test('what the program sends to one connection is not taken for a message', async (t) => {
  const network = await resp();
  const peer = network.connect();
  peer.send(says('SUBSCRIBE', 'one'));
  peer.text();
  network.send(peer.connection, 'channel/one', 'hello');
  t.is(peer.text(), '');
});

test('the program hears channels as topics', async (t) => {
  const network = await resp();
  const peer = network.connect();
  const heard: string[] = [];
  network.subscribe('channel/#', (data, { topic }) => heard.push(`${topic} ${Buffer.from(data)}`), {
    pattern: true,
  });
  peer.send(says('PUBLISH', 'news.art', 'a') + says('PUBLISH', 'a/b+c', 'b'));
  t.deepEqual(heard, ['channel/news/.art a', 'channel/a/%ob%kc b']);
  peer.send(says('SUBSCRIBE', 'room'));
  peer.text();
  network.publish('channel/room', 'hello');
  t.is(peer.text(), message('room', 'hello'));
});
