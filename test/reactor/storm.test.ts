// A storm of traps: whoever makes the guest fail takes from the others the time that a fresh instance needs.
// They get it back before anybody new is let in.

import test from 'ava';
import { Loopback } from '../../host/kernel/loopback/loopback.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { Reactor } from '../../host/reactor/reactor.ts';
import { sharingModule } from '../helpers/sharing.ts';

// What each on_restore takes, by the clock of the test.
const RESTORE_MS = 100;
// Twice as long as a fresh instance needed.
const BACK_MS = 2 * 2 * RESTORE_MS;

/** Two connections whose on_restore takes its time, and a third. */
async function place() {
  const policy = resolvePolicy({
    ...{ maxConnections: 8, poolBytes: 1 << 20, maxBacklogBytes: 1 << 20 },
  });
  const kernel = new Loopback();
  const clock = { now: 1 };
  const reactor = new Reactor({
    kernel,
    module: await loadModule(sharingModule, policy),
    policy,
    observer: {
      ...{ open: null, data: null, close: null },
      restart: () => undefined,
      failure: (error) => {
        throw error;
      },
      fault: () => true,
      log: (_level, text) => {
        if (text === '= -2') clock.now += RESTORE_MS;
        return true;
      },
    },
    now: () => clock.now,
    buffer: ArrayBuffer,
  });
  const connect = (script = '') => {
    const { fd, client } = kernel.connect(1 << 16, 'unix:');
    reactor.admit(fd, 0);
    client.send(new TextEncoder().encode(script));
    while (reactor.turn());
    return client;
  };
  // A close that there is no such way for is logged, and does nothing.
  for (let slow = 0; slow < 2; slow += 1) connect('e 4 {x 9;};');
  return { reactor, clock, connect };
}

test('nobody new is let in until the others have had back what a restart has taken', async (t) => {
  const { reactor, clock, connect } = await place();
  connect('T;');
  const until = clock.now + BACK_MS;
  connect();
  connect();
  t.deepEqual([reactor.connections, reactor.waiting], [2, 2]);
  t.is(reactor.deadline, until);
  clock.now = until - 1;
  while (reactor.turn());
  t.is(reactor.connections, 2);
  clock.now = until;
  while (reactor.turn());
  t.deepEqual([reactor.connections, reactor.waiting], [4, 0]);
  t.is(reactor.deadline, Infinity);
});

test('what several restarts have taken is given back one after the other', async (t) => {
  const { reactor, clock, connect } = await place();
  const attackers = [connect(), connect(), connect()];
  for (const attacker of attackers) attacker.send(new TextEncoder().encode('T;'));
  while (reactor.turn());
  connect();
  t.is(reactor.deadline, clock.now + 3 * BACK_MS);
});

test('those who wait are let in at once when the server drains', async (t) => {
  const { reactor, connect } = await place();
  connect('T;');
  connect();
  t.is(reactor.waiting, 1);
  reactor.drain();
  t.deepEqual([reactor.connections, reactor.waiting], [3, 0]);
});
