// Floods of records that carry nothing: each kind of them ends the session after so many, whether they come
// together or one by one; and whoever sends data between them has no work done that data would not cost.

import test, { type ExecutionContext } from 'ava';
import * as numbers from '../../host/kernel/tls/tls-rows.ts';
import { Certificates } from '../helpers/certificates.ts';
import { textsOf, tlsOf } from '../helpers/tls-end.ts';
import {
  ALERT,
  CHANGE_CIPHER,
  CLOSE_NOTIFY,
  DATA,
  type Forged,
  forged,
  HANDSHAKE,
  HELLO_REQUEST,
  NO_RENEGOTIATION,
  USER_CANCELED,
  type Version,
} from '../helpers/tls-records.ts';

const { TLS_CAUSE_SHIFT, TLS_FAILED, TLS_MORE, TLS_OVER } = numbers;
const FLOOD = 8;
const MOST = 40;

let pair: ReturnType<Certificates['make']>;
const atEnd: (() => void)[] = [];
test.before(() => {
  const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
  pair = certificates.make('localhost');
});
test.after.always(() => {
  for (const end of atEnd) end();
});

const start = (t: ExecutionContext, version: Version): Promise<Forged> =>
  forged(t, tlsOf(t, textsOf(pair)), version);

/** One record of the flood, as often as it is asked for. */
type Flood = (client: Forged) => Buffer;

const nothing = Buffer.alloc(0);
const floods: readonly (readonly [string, Version, Flood])[] = [
  ['empty records', 'TLSv1.2', (client) => client.seal(DATA, nothing)],
  ['empty records', 'TLSv1.3', (client) => client.seal(DATA, nothing)],
  ['warnings', 'TLSv1.2', (client) => client.seal(ALERT, USER_CANCELED)],
  ['warnings', 'TLSv1.3', (client) => client.seal(ALERT, USER_CANCELED)],
  ['refusals', 'TLSv1.2', (client) => client.seal(ALERT, NO_RENEGOTIATION)],
  ['changes of keys', 'TLSv1.3', (client) => client.change()],
  ['changes of keys that want another', 'TLSv1.3', (client) => client.change(true)],
  ['wishes for a handshake', 'TLSv1.2', (client) => client.seal(HANDSHAKE, HELLO_REQUEST)],
  ['changes of ciphers', 'TLSv1.2', (client) => client.seal(CHANGE_CIPHER, Buffer.of(1))],
  ['changes of ciphers', 'TLSv1.3', () => Buffer.of(CHANGE_CIPHER, 3, 3, 0, 1, 1)],
];

/** How many records were taken until the session failed. */
function taken(client: Forged, next: () => Buffer, most: number): number {
  for (let count = 0; count < most; count += 1) {
    if (client.put(next()) === TLS_FAILED) return count;
    client.drain();
  }
  return most;
}

for (const [name, version, flood] of floods) {
  test(`${version}: a flood of ${name} ends the session`, async (t) => {
    const one = await start(t, version);
    t.true(taken(one, () => flood(one), 1000) <= MOST);
    const together = await start(t, version);
    const records = Array.from({ length: 200 }, () => flood(together));
    t.is(together.put(...records), TLS_FAILED);
    t.is(together.put(), TLS_FAILED);
  });
}

test('TLSv1.3: a few changes of keys are taken, and data goes on under the last', async (t) => {
  const client = await start(t, 'TLSv1.3');
  for (let count = 0; count < 20; count += 1) t.is(client.put(client.change()), TLS_MORE);
  t.is(client.put(client.seal(DATA, Buffer.from('hello'))), 5);
  t.is(client.end.received.toString(), 'hello');
});

test('TLSv1.3: a byte of data between changes of keys does not make them free', async (t) => {
  const client = await start(t, 'TLSv1.3');
  let data = false;
  const next = (): Buffer => {
    data = !data;
    return data ? client.seal(DATA, Buffer.of(1)) : client.change();
  };
  t.true(taken(client, next, 1000) <= 2 * MOST);
  t.is(client.end.events >> TLS_CAUSE_SHIFT, FLOOD);
  // Who says something between them may change keys for ever.
  const patient = await start(t, 'TLSv1.3');
  for (let count = 0; count < 200; count += 1) {
    t.is(patient.put(patient.change()), TLS_MORE);
    const records = Array.from({ length: 64 }, () => patient.seal(DATA, Buffer.of(1)));
    t.is(patient.put(...records), 64);
  }
});

test('TLSv1.3: who is sent much to may change keys and say nothing', async (t) => {
  const client = await start(t, 'TLSv1.3');
  for (let count = 0; count < 200; count += 1) {
    t.is(client.put(client.change()), TLS_MORE);
    for (let sent = 0; sent < 64; sent += 1) t.deepEqual(client.end.send(1).results, [1]);
    client.drain();
  }
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: an empty record before each that is not is nobody's mistake`, async (t) => {
    const client = await start(t, version);
    for (let count = 0; count < 200; count += 1) {
      t.is(client.put(client.seal(DATA, nothing), client.seal(DATA, Buffer.of(7))), 1);
    }
  });

  test(`${version}: what comes behind an end is nothing`, async (t) => {
    const client = await start(t, version);
    const records = [client.seal(DATA, Buffer.of(1)), client.seal(ALERT, CLOSE_NOTIFY)];
    t.is(client.put(...records, client.seal(DATA, Buffer.of(2))), 1);
    t.true((client.end.events & TLS_OVER) !== 0);
    t.is(client.put(), 0);
    t.deepEqual([...client.end.received], [1]);
  });

  test(`${version}: records of a kind that there is not, and the same record again, are failures`, async (t) => {
    const unknown = await start(t, version);
    t.is(unknown.put(unknown.seal(99, Buffer.of(1))), TLS_FAILED);
    const again = await start(t, version);
    const record = again.seal(DATA, Buffer.of(1));
    t.is(again.put(record, record), 1);
    t.is(again.put(), TLS_FAILED);
    const large = await start(t, version);
    t.is(large.put(large.seal(DATA, Buffer.alloc(16_385))), TLS_FAILED);
  });
}

test('TLSv1.3: alerts in clear are no alerts once there are keys', async (t) => {
  const client = await start(t, 'TLSv1.3');
  t.is(client.put(Buffer.of(ALERT, 3, 3, 0, 2, 1, 0)), TLS_FAILED);
});
