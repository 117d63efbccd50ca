// How long clients may resume: with a clock that is the machine's, since tickets live by it.

import { connect as connectTls } from 'node:tls';
import test from 'ava';
import { serve } from '../../host/index.ts';
import { Certificates } from '../helpers/certificates.ts';

const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const pair = certificates.make('localhost');
const authority = certificates.authority('authority');
const own = certificates.make('somebody', { by: authority });
test.after.always(() => {
  for (const end of atEnd) end();
});

interface Visit {
  readonly resumed: boolean;
  /** What the next visit begins with. */
  readonly session: Buffer;
}

/** One connection, until its echo has come, and with it what it may come back with. */
function visit(port: number, session: Buffer | undefined, more: object): Promise<Visit> {
  const { cert, key } = own;
  const client = connectTls({
    ...{ port, host: '127.0.0.1', rejectUnauthorized: false, cert, key },
    ...(session === undefined ? {} : { session }),
    ...more,
  });
  return new Promise((resolve, reject) => {
    let given = session;
    client.on('session', (ticket) => {
      given = ticket;
    });
    client.on('error', reject);
    client.write('x');
    client.once('data', () => {
      const resumed = client.isSessionReused();
      client.destroy();
      if (given === undefined) reject(new Error('there was no ticket'));
      else resolve({ resumed, session: given });
    });
  });
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a client with a certificate shows it again in time, however often it comes`, async (t) => {
    const { certFile: cert, keyFile: key } = pair;
    const server = await serve({
      protocol: 'echo',
      workers: 0,
      listen: {
        address: '127.0.0.1:0',
        tls: { cert, key, clients: 'require', ca: authority.certFile },
      },
      policy: { ticketLifetimeMs: 500, lingerMs: 100, drainQuietMs: 0 },
    });
    t.teardown(() => server.close());
    const port = Number(server.addresses[0]!.replace(/.*:/, ''));
    const versions = { minVersion: version, maxVersion: version };
    let { session, resumed } = await visit(port, undefined, versions);
    t.false(resumed);
    // It comes back faster than any ticket expires, and longer than one is good for.
    let visits = 0;
    const until = performance.now() + 10_000;
    do {
      ({ session, resumed } = await visit(port, session, versions));
      visits += 1;
    } while (resumed && performance.now() < until);
    t.false(resumed, `${visits} visits`);
  });
}
