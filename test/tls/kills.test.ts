// Threads that hang or end at random moments while clients of TLS stream through them.

import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import { Certificates } from '../helpers/certificates.ts';
import { storm } from '../helpers/kills-under-load.ts';

test.serial('callbacks that hang cost no other session a byte', async (t) => {
  const { certFile: cert, keyFile: key } = new Certificates(t).make('localhost');
  const report = await storm({ kind: 'hang', rounds: 4, clients: 8, seed: 4, tls: { cert, key } });
  t.log(`${report.bytes} bytes, ${report.lost} streams lost`);
  t.deepEqual(report.faults, []);
  t.is(report.lost, 0);
  t.is(native.tlsSessions(), 0);
});

test.serial('a thread that ends costs what it was changing, and no byte', async (t) => {
  const { certFile: cert, keyFile: key } = new Certificates(t).make('localhost');
  const report = await storm({ kind: 'end', rounds: 8, clients: 8, seed: 5, tls: { cert, key } });
  t.log(`${report.bytes} bytes, ${report.lost} streams lost`);
  t.deepEqual(report.faults, []);
  t.true(report.lost <= 2 * 8, `${report.lost}`);
  t.is(native.tlsSessions(), 0);
});
