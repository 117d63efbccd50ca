// The bundled resp-cache on the harness, before a Redis that the test plays.

import test from 'ava';
import { type Harness, harness } from '../../host/testing/harness.ts';
import type { UpstreamPeer } from '../../host/testing/index.ts';
import { bundledModule } from '../helpers/guests.ts';

const fronting = (config = '', maxConnections = 64): Promise<Harness> =>
  harness(bundledModule('resp-cache'), {
    config,
    policy: { maxConnections },
    upstreams: { redis: {} },
  });

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const array = (...words: string[]): string => `*${words.length}\r\n${words.map(bulk).join('')}`;

/** Plays SET, GET and DEL, and counts what it is asked. */
function redis(h: Harness) {
  const keys = new Map<string, string>();
  const asked: string[] = [];
  h.upstream('redis').accept((peer) => {
    const parts = peer.text().split('\r\n');
    for (let at = 0; at + 1 < parts.length; ) {
      const count = Number(parts[at]!.slice(1));
      const words = Array.from({ length: count }, (_, word) => parts[at + 2 + 2 * word]!);
      at += 1 + 2 * count;
      asked.push(words.join(' '));
      peer.send(answer(words));
    }
  });
  const answer = ([word = '', key = '', value = '']: string[]): string => {
    const name = word.toUpperCase();
    if (name === 'GET') return keys.has(key) ? bulk(keys.get(key)!) : '$-1\r\n';
    if (name === 'SET') keys.set(key, value);
    if (name === 'DEL') return `:${Number(keys.delete(key))}\r\n`;
    return name === 'SET' ? '+OK\r\n' : '-ERR unknown command\r\n';
  };
  return { keys, asked };
}

test('what was read lately is answered from memory, and after a while read again', async (t) => {
  const h = await fronting('ttl=500');
  const { keys, asked } = redis(h);
  keys.set('a', 'one');
  const [first, second] = [h.connect(), h.connect()];
  for (const client of [first, second, first]) {
    client.send(array('GET', 'a'));
    t.is(client.text(), bulk('one'));
  }
  t.deepEqual(asked, ['GET a']);
  keys.set('a', 'two');
  h.advance(500);
  second.send(array('get', 'a'));
  t.is(second.text(), bulk('two'));
  t.deepEqual(asked, ['GET a', 'get a']);
});

test('whoever has written reads what was written', async (t) => {
  const h = await fronting();
  const { asked } = redis(h);
  const [first, second] = [h.connect(), h.connect()];
  first.send(array('SET', 'a', 'one') + array('GET', 'a'));
  t.is(first.text(), `+OK\r\n${bulk('one')}`);
  second.send(array('GET', 'a'));
  t.is(second.text(), bulk('one'));
  second.send(array('SET', 'a', 'two'));
  t.is(second.text(), '+OK\r\n');
  first.send(array('GET', 'a'));
  t.is(first.text(), bulk('two'));
  first.send(array('DEL', 'a') + array('GET', 'a'));
  t.is(first.text(), ':1\r\n$-1\r\n');
  t.is(asked.filter((line) => line === 'GET a').length, 4);
});

test('a reply that a write may have overtaken is not remembered', async (t) => {
  const h = await fronting('lanes=2');
  const db = h.upstream('redis');
  const [first, second] = [h.connect(), h.connect()];
  first.send(array('GET', 'a'));
  second.send(array('SET', 'a', 'new'));
  const [one, two] = db.peers as [UpstreamPeer, UpstreamPeer];
  t.deepEqual([one.text(), two.text()], [array('GET', 'a'), array('SET', 'a', 'new')]);
  two.send('+OK\r\n');
  one.send(bulk('old'));
  t.is(first.text(), bulk('old'));
  first.send(array('GET', 'a'));
  t.is(one.text(), array('GET', 'a'));
  // A read that begins while the write is on its way may see either.
  second.send(array('SET', 'a', 'newer'));
  first.send(array('GET', 'a'));
  t.is(one.text(), array('GET', 'a'));
});

test('many clients share a few connections, and each gets its own replies in order', async (t) => {
  const h = await fronting('lanes=3\nttl=0');
  const { keys } = redis(h);
  for (let at = 0; at < 40; at += 1) keys.set(`k${at}`, `v${at}`);
  const clients = Array.from({ length: 20 }, () => h.connect());
  for (const [at, client] of clients.entries()) {
    client.send(array('GET', `k${at}`) + array('GET', `k${at + 20}`) + array('GET', 'none'));
  }
  for (const [at, client] of clients.entries()) {
    t.is(client.text(), `${bulk(`v${at}`)}${bulk(`v${at + 20}`)}$-1\r\n`);
  }
  t.true(h.upstream('redis').peers.length <= 3);
});

test('replies come whole, whatever pieces they arrive in', async (t) => {
  const h = await fronting('lanes=1');
  const client = h.connect();
  client.send(array('GET', 'a') + array('GET', 'b'));
  const [peer] = h.upstream('redis').peers;
  for (const byte of `${bulk('x\r\n$5')}$-1\r\n`) {
    peer!.send(byte);
  }
  t.is(client.text(), `${bulk('x\r\n$5')}$-1\r\n`);
});

test('when a connection to the upstream is lost, those who wait are told, and the next command has another', async (t) => {
  const h = await fronting('lanes=1');
  const db = h.upstream('redis');
  const client = h.connect();
  client.send(array('SET', 'a', '1') + array('GET', 'a'));
  db.peers[0]!.reset();
  t.regex(client.text(), /^(-ERR the upstream is gone; [^\r]*\r\n){2}$/);
  client.send(array('GET', 'a'));
  db.peers[1]!.send(bulk('1'));
  t.is(client.text(), bulk('1'));
});

test('an upstream that refuses is an error for each command, and no trap', async (t) => {
  const h = await fronting();
  h.upstream('redis').refuse();
  const client = h.connect();
  client.send(array('GET', 'a'));
  t.regex(client.text(), /^-ERR the upstream is gone/);
  t.deepEqual(h.traps, []);
});

test('a client that leaves early leaves nothing behind', async (t) => {
  const h = await fronting('lanes=1');
  const [first, second] = [h.connect(), h.connect()];
  first.send(array('GET', 'a'));
  second.send(array('GET', 'b'));
  first.reset();
  h.upstream('redis').peers[0]!.send(bulk('for nobody') + bulk('for the second'));
  t.is(second.text(), bulk('for the second'));
});

test('a command for which a connection is needed alone is refused in its turn', async (t) => {
  const h = await fronting('lanes=1');
  redis(h);
  const client = h.connect();
  client.send(array('SUBSCRIBE', 'x'));
  t.regex(client.text(), /^-ERR not a command for a connection that is shared/);
  client.send(array('SET', 'a', '1') + array('MULTI') + array('GET', 'a'));
  t.is(client.text(), `+OK\r\n-ERR unknown command\r\n${bulk('1')}`);
  client.send('PING\r\n');
  t.is(client.text(), '+PONG\r\n');
});

test('a command that is malformed ends its connection, and no other', async (t) => {
  const h = await fronting();
  redis(h);
  const [first, second] = [h.connect(), h.connect()];
  for (const wrong of ['*1\r\nGET\r\n', '*x\r\n', '*1\r\n$-1\r\n', '*99999999\r\n']) {
    const client = h.connect();
    client.send(wrong);
    t.regex(client.text(), /^-ERR Protocol error: [^\r\n]+\r\n$/, wrong);
    t.is(client.state, 'ended');
  }
  first.send('SET a 1\r\n\r\n*0\r\nGET  a\r\n');
  t.is(first.text(), `+OK\r\n${bulk('1')}`);
  t.is(second.state, 'open');
});

test('a client that has much on its way is not read for a while, and nothing is lost', async (t) => {
  const h = await fronting('lanes=1\nttl=0');
  const db = h.upstream('redis');
  const client = h.connect();
  client.send(Array.from({ length: 1000 }, (_, at) => array('GET', `k${at}`)).join(''));
  const [peer] = db.peers;
  let answered = 0;
  for (let round = 0; answered < 1000 && round < 1000; round += 1) {
    const asked = peer!.text().split('*2').length - 1;
    t.true(asked <= 128);
    for (let at = 0; at < asked; at += 1) peer!.send(bulk(`v${answered + at}`));
    answered += asked;
  }
  t.is(client.text(), Array.from({ length: 1000 }, (_, at) => bulk(`v${at}`)).join(''));
});

test('a fresh instance goes on with those who wait for nothing', async (t) => {
  const h = await fronting('lanes=1');
  redis(h);
  const [idle, waiting] = [h.connect(), h.connect()];
  idle.send('PING\r\n');
  t.is(idle.text(), '+PONG\r\n');
  h.upstream('redis').silence();
  waiting.send(array('GET', 'a'));
  h.trap();
  t.is(waiting.state, 'reset');
  redis(h);
  idle.send(array('SET', 'a', '1') + array('GET', 'a'));
  t.is(idle.text(), `+OK\r\n${bulk('1')}`);
});

test('a reply that is longer than a frame is passed on in pieces, and others are served behind it', async (t) => {
  const h = await fronting('lanes=1');
  const [first, second] = [h.connect(), h.connect()];
  first.send(array('GET', 'long') + array('GET', 'short'));
  second.send(array('GET', 'other'));
  const [peer] = h.upstream('redis').peers;
  const long = bulk('0123456789'.repeat(100_000));
  for (let at = 0; at < long.length; at += 70_000) peer!.send(long.slice(at, at + 70_000));
  peer!.send(bulk('s') + bulk('o'));
  t.is(first.text(), long + bulk('s'));
  t.is(second.text(), bulk('o'));
  // It is not remembered: the next one asks again.
  second.send(array('GET', 'long'));
  t.is(peer!.text().split(array('GET', 'long')).length - 1, 2);
  t.deepEqual(h.traps, []);
});

test('a client that leaves in the middle of a long reply costs the others nothing', async (t) => {
  const h = await fronting('lanes=1');
  const [first, second] = [h.connect(), h.connect()];
  first.send(array('GET', 'long'));
  second.send(array('GET', 'other'));
  const [peer] = h.upstream('redis').peers;
  const long = bulk('x'.repeat(400_000));
  peer!.send(long.slice(0, 150_000));
  t.is(first.text().length, 150_000);
  first.reset();
  peer!.send(long.slice(150_000) + bulk('o'));
  t.is(second.text(), bulk('o'));
});

test('a client that has a part of a reply is cut off when the rest will not come', async (t) => {
  const h = await fronting('lanes=1');
  const [first, second] = [h.connect(), h.connect()];
  first.send(array('GET', 'long'));
  second.send(array('GET', 'other'));
  const [peer] = h.upstream('redis').peers;
  peer!.send(bulk('x'.repeat(400_000)).slice(0, 150_000));
  peer!.reset();
  t.is(first.state, 'reset');
  t.regex(second.text(), /^-ERR the upstream is gone/);
});

test('what one client writes is no more at a time than an upstream can be behind with', async (t) => {
  const h = await fronting('lanes=1');
  const [writer, other] = [h.connect(), h.connect()];
  const db = h.upstream('redis');
  const value = 'v'.repeat(100_000);
  const writes = 120;
  for (let at = 0; at < writes; at += 1) writer.send(array('SET', `k${at}`, value));
  other.send(array('GET', 'mine'));
  const [peer] = db.peers;
  let asked = 0;
  for (let round = 0; asked < writes && round < writes; round += 1) {
    const text = peer!.text();
    t.true(text.length <= 512 * 1024, `${text.length} bytes at a time`);
    for (const [command] of text.matchAll(/\*\d\r/g)) {
      peer!.send(command === '*3\r' ? '+OK\r\n' : bulk('served'));
      if (command === '*3\r') asked += 1;
    }
  }
  t.is(writer.text(), '+OK\r\n'.repeat(writes));
  t.is(other.text(), bulk('served'));
  t.is(db.peers.length, 1);
});

test('all clients find room in the end, however many wait for a lane', async (t) => {
  const h = await fronting('lanes=1\nttl=0', 256);
  const clients = Array.from({ length: 200 }, () => h.connect());
  for (const [at, client] of clients.entries()) {
    client.send(Array.from({ length: 20 }, (_, each) => array('GET', `${at}-${each}`)).join(''));
  }
  // Some have gone by the time that it is their turn.
  const leavers = clients.filter((_, at) => at % 7 === 3);
  for (const client of leavers) client.reset();
  const [peer] = h.upstream('redis').peers;
  for (let round = 0; round < 20; round += 1) {
    const asked = peer!.text().split('*2\r\n').length - 1;
    t.true(asked <= 1024);
    // All at once: one callback is given a thousand replies.
    peer!.send(bulk('v').repeat(asked));
  }
  for (const client of clients) {
    if (!leavers.includes(client)) t.is(client.text(), bulk('v').repeat(20));
  }
  t.deepEqual(h.traps, []);
});

test('when a lane is lost all who had a command in it are told, and those who waited for room go on', async (t) => {
  const h = await fronting('lanes=1\nttl=0', 256);
  const clients = Array.from({ length: 100 }, () => h.connect());
  for (const [at, client] of clients.entries()) {
    client.send(Array.from({ length: 20 }, (_, each) => array('GET', `${at}-${each}`)).join(''));
  }
  const db = h.upstream('redis');
  db.peers[0]!.reset();
  for (let round = 0; round < 5; round += 1) {
    const asked = db.peers[1]!.text().split('*2\r\n').length - 1;
    db.peers[1]!.send(bulk('v').repeat(asked));
  }
  const texts = clients.map((client) => client.text());
  const told = texts.join('').split('-ERR the upstream is gone').length - 1;
  const served = texts.join('').split(bulk('v')).length - 1;
  t.is(told, 1024);
  t.is(told + served, 2000);
  t.deepEqual(h.traps, []);
});

test('an upstream that answers what nobody has asked is given up', async (t) => {
  const h = await fronting('lanes=1');
  const client = h.connect();
  client.send(array('GET', 'a'));
  const [peer] = h.upstream('redis').peers;
  peer!.send(bulk('1') + bulk('2'));
  t.is(client.text(), bulk('1'));
  t.is(peer!.state, 'reset');
});
