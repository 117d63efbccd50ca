// Health and readiness, of servers that are not well.

import test from 'ava';
import { Health } from '../../host/admin/health.ts';
import { Services } from '../../host/admin/services.ts';
import type { Server } from '../../host/index.ts';

/** As much of a server as is asked, in whatever state. */
class Patient {
  /** Workers that do not turn. */
  silent: number[] = [];
  /** How often it was asked. */
  asked = 0;
  state = 'serving';
  listener = 'listening';
  worker = 'serving';
  engines = { ready: true };

  async stuck(): Promise<number[]> {
    this.asked += 1;
    return this.silent;
  }

  status(): object {
    return {
      state: this.state,
      listeners: [{ address: '127.0.0.1:1', state: this.listener }],
      workers: [{ index: 0, state: this.worker }],
      stats: { engines: this.engines },
    };
  }
}

function shown(patient: Patient): { services: Services; health: Health } {
  const services = new Services();
  services.add('one', { server: patient as unknown as Server });
  return { services, health: new Health(services) };
}

async function askedAgain(patient: Patient): Promise<void> {
  const until = patient.asked + 2;
  while (patient.asked < until) await new Promise((resolve) => setImmediate(resolve));
}

test('a worker that does not turn is told by its number, until it turns again', async (t) => {
  const patient = new Patient();
  const { health } = shown(patient);
  t.teardown(() => health.close());
  t.is(health.alive().status, 200);
  patient.silent = [1];
  await askedAgain(patient);
  t.like(health.alive(), { status: 503, body: 'one: worker 1 does not turn\n' });
  patient.silent = [];
  await askedAgain(patient);
  t.is(health.alive().status, 200);
});

test('a service is ready when it serves, listens, and reaches what it needs', (t) => {
  const patient = new Patient();
  const { services, health } = shown(patient);
  t.teardown(() => health.close());
  const body = (): unknown => health.ready().body;
  t.is(body(), 'starting\n');
  services.started();
  t.is(body(), 'ready\n');
  patient.engines.ready = false;
  t.is(body(), 'one: an engine is not connected\n');
  patient.worker = 'starting';
  t.is(body(), 'one: worker 0 is starting\n');
  patient.listener = 'paused';
  t.is(body(), 'one: 127.0.0.1:1 is paused\n');
  patient.state = 'leaving';
  t.is(body(), 'one: leaving\n');
  t.is(health.ready().status, 503);
});

test('a service that was drained is not missed while another one serves', (t) => {
  const patient = new Patient();
  const other = new Patient();
  const { services, health } = shown(patient);
  services.add('two', { server: other as unknown as Server });
  services.started();
  t.teardown(() => health.close());
  patient.state = 'draining';
  t.like(health.ready(), { status: 503, body: 'one: draining\n' });
  patient.state = 'closed';
  t.is(health.ready().status, 200);
  other.state = 'closed';
  t.like(health.ready(), { status: 503, body: 'one: closed\n' });
});
