// start_tls: a connection in clear begins TLS when its guest says so, and nothing of before is taken for it.

import { connect as connectTls } from 'node:tls';
import test from 'ava';
import {
  REASON_SHUTDOWN,
  REASON_TLS,
  STATUS_DENIED,
  STATUS_OK,
  STATUS_STATE,
} from '../../assembly/abi.ts';
import { serve } from '../../host/index.ts';
import { harness } from '../../host/testing/harness.ts';
import { Certificates } from '../helpers/certificates.ts';
import { connect } from '../helpers/client.ts';
import {
  add,
  type Code,
  call,
  drop,
  equal,
  get,
  guest,
  i32,
  load8,
  returns,
  store8,
  when,
} from '../helpers/wasm.ts';

const [CONNECTION, STATE, DATA, LENGTH] = [0, 1, 2, 3];
const first = (letter: string): Code => [get(DATA), load8(), i32(letter.charCodeAt(0)), equal];
const send = (address: Code, length: Code): Code => [
  [get(CONNECTION), address, length, call('send'), drop],
];
const start: Code = [get(CONNECTION), call('start_tls')];
const status = (code: Code): Code => [get(STATE), code, i32(100), add, store8(0)];

// S begins TLS behind the answer S, and uses one byte; D says what a second start_tls, and a send behind it,
// are answered, once TLS is there; ? says the status; all else is echoed.
const upgrading = guest({
  functions: {
    state_size: [i32(8)],
    on_data: [
      [first('S'), when(send(get(DATA), i32(1)), status(start), [i32(1), returns])],
      [first('D'), when([start, drop], status(start), [i32(1), returns])],
      [
        first('N'),
        when([start, drop], status([get(CONNECTION), get(DATA), i32(1), call('send')]), [
          i32(1),
          returns,
        ]),
      ],
      [first('?'), when(send(get(STATE), i32(1)), [i32(1), returns])],
      send(get(DATA), get(LENGTH)),
      get(LENGTH),
    ],
  },
});

const byte = (value: number): string => String.fromCharCode(100 + value);

test('what was sent before is in clear, and what comes after the handshake is not', async (t) => {
  const subject = await harness(upgrading);
  const peer = subject.connect({ starttls: true });
  peer.send('in clear');
  peer.send('S');
  t.is(peer.text(), 'in clearS');
  peer.shake();
  peer.send('?');
  t.is(peer.text(), byte(STATUS_OK));
  peer.truncate();
  t.is(peer.closeReason, REASON_TLS);
});

test('input that was left over is not taken for what TLS protects', async (t) => {
  const subject = await harness(upgrading);
  const peer = subject.connect({ starttls: true });
  peer.send('Ssmuggled');
  peer.shake();
  t.is(peer.state, 'reset');
  t.is(peer.text(), 'S');
  t.is(peer.closeReason, REASON_TLS);
});

test('it begins once, where the listener allows it, and nothing is sent behind it', async (t) => {
  const subject = await harness(upgrading);
  for (const [command, expected] of [
    ['D', STATUS_STATE],
    ['N', STATUS_STATE],
  ] as const) {
    const peer = subject.connect({ starttls: true });
    peer.send(command);
    peer.shake();
    peer.send('?');
    t.is(peer.text(), byte(expected));
  }
  const plain = subject.connect();
  plain.send('S?');
  t.is(plain.text(), `S${byte(STATUS_DENIED)}`);
  const secure = subject.connect({ tls: true });
  secure.send('S?');
  t.is(secure.text(), `S${byte(STATUS_STATE)}`);
});

test('a handshake that is begun and not done in time is reset, and its guest is told', async (t) => {
  const subject = await harness(upgrading, { policy: { handshakeTimeoutMs: 100 } });
  const peer = subject.connect({ starttls: true });
  subject.advance(1000);
  peer.send('S');
  subject.advance(99);
  t.is(peer.closeReason, undefined);
  subject.advance(1);
  t.is(peer.closeReason, REASON_TLS);
});

test('over sockets, a client upgrades its connection', async (t) => {
  const { certFile: cert, keyFile: key } = new Certificates(t).make('localhost');
  const server = await serve({
    protocol: upgrading,
    workers: 1,
    listen: { address: '127.0.0.1:0', tls: { cert, key, starttls: true } },
    policy: { drainQuietMs: 0, lingerMs: 200 },
  });
  t.teardown(() => server.close());
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('S');
  t.is((await client.readExactly(1)).toString(), 'S');
  const { socket } = client;
  socket.removeAllListeners();
  const secure = connectTls({ socket, rejectUnauthorized: false });
  t.teardown(() => secure.destroy());
  secure.write('hello');
  const data = await new Promise<Buffer>((resolve, reject) => {
    secure.once('data', resolve);
    secure.once('error', reject);
  });
  t.is(data.toString(), 'hello');
  t.like(server.stats(), { tls: { handshakes: 1 }, connections: { total: 1 } });
});

test('a drain does not wait for a client that was told to begin TLS, and says nothing', async (t) => {
  const subject = await harness(upgrading, { policy: { drainQuietMs: 10 } });
  const peer = subject.connect({ starttls: true });
  peer.send('S');
  subject.drain();
  subject.advance(9);
  t.is(peer.state, 'open');
  subject.advance(1);
  t.is(peer.state, 'reset');
  t.is(peer.closeReason, REASON_SHUTDOWN);
});
