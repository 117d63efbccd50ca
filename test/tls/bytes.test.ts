// Every byte of a handshake, and of records: cut off there, or with a wrong bit. Either the handshake comes to
// nothing, or all that was said is heard; nothing else is ever delivered.

import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import * as numbers from '../../host/kernel/tls/tls-rows.ts';
import { Certificates } from '../helpers/certificates.ts';
import {
  apart,
  ClientEnd,
  established,
  exchange,
  type Passes,
  ServerEnd,
  textsOf,
  tlsOf,
} from '../helpers/tls-end.ts';

const { TLS_FAILED, TLS_MORE, TLS_OVER, TLS_TRUNCATED } = numbers;
const { EAGAIN, SHUT_WR } = native.constants;
const SAID = 'said with the end of the handshake';

let own: ReturnType<Certificates['make']>;
let pair: ReturnType<Certificates['make']>;
let authority: ReturnType<Certificates['make']>;
const atEnd: (() => void)[] = [];
test.before(() => {
  const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
  authority = certificates.authority('authority');
  pair = certificates.make('localhost');
  own = certificates.make('client', { by: authority });
});
test.after.always(() => {
  for (const end of atEnd) end();
});

interface Shaken {
  readonly end: ServerEnd;
  readonly last: number;
}

/** A handshake in which every message is there that a client may send: it is asked for a certificate. */
function start(t: ExecutionContext, version: 'TLSv1.2' | 'TLSv1.3') {
  const tls = tlsOf(t, textsOf(pair, { ca: authority.cert, clients: 2 }));
  return (pass: Passes, then: (shaken: Shaken) => void = () => undefined): Promise<void> =>
    apart(t, async (scope) => {
      const end = new ServerEnd(scope, tls);
      const limits = { minVersion: version, maxVersion: version } as const;
      const client = new ClientEnd(scope, end, { ...limits, cert: own.cert, key: own.key });
      client.socket.write(SAID);
      const last = await exchange(end, client, pass);
      then({ end, last });
    });
}

/** How many bytes a client sends, up to the data behind its handshake. */
async function whole(t: ExecutionContext, shake: ReturnType<typeof start>): Promise<number> {
  let bytes = 0;
  const count: Passes = (piece) => {
    bytes += piece.length;
    return [piece];
  };
  await shake(count, ({ end }) => t.is(end.received.toString(), SAID));
  return bytes;
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test.serial(
    `${version}: a handshake that is cut off at any byte is told as truncated`,
    async (t) => {
      const shake = start(t, version);
      const bytes = await whole(t, shake);
      t.true(bytes > 700, `${bytes}`);
      for (let cut = 0; cut < bytes - SAID.length; cut += 1) {
        let left = cut;
        const pass: Passes = (piece) => {
          const part = piece.subarray(0, left);
          left -= part.length;
          return [part];
        };
        await shake(pass, ({ end }) => {
          native.shutdown(end.peer, SHUT_WR);
          t.is(end.receive(), TLS_TRUNCATED, `cut at ${cut} of ${bytes}`);
          t.is(end.received.length, 0);
        });
      }
    },
  );

  test.serial(
    `${version}: a handshake with a wrong bit in any byte comes to nothing, or to all`,
    async (t) => {
      const shake = start(t, version);
      const bytes = await whole(t, shake);
      const harmless: number[] = [];
      for (let at = 0; at < bytes; at += 1) {
        let passed = 0;
        const pass: Passes = (piece) => {
          const copy = Buffer.from(piece);
          const index = at - passed;
          passed += piece.length;
          if (index >= 0 && index < copy.length) copy[index]! ^= 1 << (at % 8);
          return [copy];
        };
        await shake(pass, ({ end, last }) => {
          const said = end.received.toString();
          t.true(said === '' || said === SAID, `at ${at}: ${said}`);
          t.true([TLS_FAILED, TLS_MORE, -EAGAIN, SAID.length].includes(last), `at ${at}: ${last}`);
          if (said === SAID) harmless.push(at);
        });
      }
      // The version in front of a record, which nobody may look at.
      t.log(`${harmless.length} of ${bytes} wrong bits change nothing: ${harmless.join(', ')}`);
      t.true(harmless.length <= 2 * 8, `${harmless}`);
    },
  );

  test.serial(
    `${version}: a wrong bit in a record ends the session behind what came before it`,
    async (t) => {
      const tls = tlsOf(t, textsOf(pair));
      const limits = { minVersion: version, maxVersion: version } as const;
      let length = 1;
      for (let at = 0; at < 8 * length; at += 1) {
        await apart(t, async (scope) => {
          const { end, client } = await established(scope, tls, limits);
          client.socket.write('first');
          const good = await client.take();
          client.socket.write('other');
          const bad = await client.take();
          length = bad.length;
          bad[at >> 3]! ^= 1 << (at & 7);
          client.put(Buffer.concat([good, bad]));
          t.is(end.receive(), 5, `bit ${at}`);
          t.is(end.received.toString(), 'first');
          const over = (end.events & TLS_OVER) !== 0;
          // A length that is larger makes it wait for more.
          t.true(over || at >> 3 === 3 || at >> 3 === 4, `bit ${at}`);
          t.is(end.receive(), over ? TLS_FAILED : -EAGAIN, `bit ${at}`);
        });
      }
    },
  );
}
