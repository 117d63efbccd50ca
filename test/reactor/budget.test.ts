// The budget of a turn: however slow callbacks are, the others of the thread are served within it.

import test, { type ExecutionContext } from 'ava';
import { Loopback } from '../../host/kernel/loopback/loopback.ts';
import type { Socket } from '../../host/kernel/loopback/loopback-socket.ts';
import { ControlWords } from '../../host/memory/control-words.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import type { Observer } from '../../host/reactor/observer.ts';
import { Reactor } from '../../host/reactor/reactor.ts';
import { LOOP, SIGNAL } from '../../host/reactor/turn.ts';
import { scriptedModule } from '../helpers/guests.ts';

const BUDGET_MS = 10;
const SLOW_MS = 900;

/** Enters the guest as any other does, and lets time pass there. */
class SlowControl extends ControlWords {
  ms = 0;
  now = 1;
  entered = 0;

  /** When each slot's last callback began. */
  readonly at = new Map<number, number>();

  override enter(slot: number, callback: number): void {
    this.at.set(slot, this.now);
    this.entered += 1;
    this.now += this.ms;
    super.enter(slot, callback);
  }
}

interface Setup {
  readonly kernel: Loopback;
  readonly reactor: Reactor;
  readonly control: SlowControl;
  readonly signals: () => number;
  /** A client whose guest handles one byte a call, or all of them. */
  connect(most?: number): Socket;
}

/** Fails the test when anything goes wrong. */
const strictFor = (t: ExecutionContext): Observer => ({
  open: null,
  data: null,
  close: null,
  restart: ({ why }) => t.fail(why),
  failure: (error) => t.fail(String(error)),
  fault: () => t.fail(),
  log: () => true,
});

async function setUp(t: ExecutionContext): Promise<Setup> {
  const resolved = resolvePolicy({ maxConnections: 600, frameTimeoutMs: 0 });
  const kernel = new Loopback();
  const control = new SlowControl(new ArrayBuffer(ControlWords.bytes));
  let signals = 0;
  const reactor = new Reactor({
    kernel,
    control,
    module: await loadModule(scriptedModule, resolved),
    policy: resolved,
    observer: strictFor(t),
    now: () => control.now,
    buffer: ArrayBuffer,
    signalled: () => {
      signals += 1;
    },
  });
  return {
    kernel,
    reactor,
    control,
    signals: () => signals,
    connect(most = 100) {
      const { fd, client } = kernel.connect(100_000, `!q;m 1,${most};`);
      reactor.open(fd);
      return client;
    },
  };
}

const turns = {
  turn: (reactor: Reactor) => void reactor.turn(),
  serve: (reactor: Reactor) => void reactor.serve(0),
};

for (const [name, turn] of Object.entries(turns)) {
  test(`a connection whose callbacks are slow is left after one of them: ${name}()`, async (t) => {
    const { reactor, control, connect } = await setUp(t);
    const [attacker, other] = [connect(1), connect()];
    control.ms = SLOW_MS;
    attacker.send(new Uint8Array(1000));
    other.send(Uint8Array.of(1));
    const start = control.now;
    while (other.drain().length === 0) turn(reactor);
    const waited = control.at.get(1)! - start;
    t.true(waited <= BUDGET_MS + SLOW_MS, `${waited} ms`);
    t.true(reactor.ready);
  });

  test(`callbacks of 1 ms, one byte each, have no more than a budget together: ${name}()`, async (t) => {
    const { reactor, control, connect } = await setUp(t);
    const [attacker, other] = [connect(1), connect()];
    // Looks at the clock become rare.
    for (let round = 0; round < 200; round += 1) {
      attacker.send(new Uint8Array(50));
      turn(reactor);
    }
    control.ms = 1;
    attacker.send(new Uint8Array(50_000));
    other.send(Uint8Array.of(1));
    const start = control.now;
    while (other.drain().length === 0) turn(reactor);
    // 16 callbacks at the most pass between two looks.
    const waited = control.at.get(1)! - start;
    t.true(waited <= BUDGET_MS + 16, `${waited} ms`);
  });

  test(`callbacks of 15 ms overrun one turn, and no other: ${name}()`, async (t) => {
    const { reactor, control, connect } = await setUp(t);
    const attacker = connect(1);
    // Looks at the clock become rare.
    for (let round = 0; round < 200; round += 1) {
      attacker.send(new Uint8Array(50));
      turn(reactor);
    }
    control.ms = 15;
    attacker.send(new Uint8Array(1000));
    turn(reactor);
    for (let round = 0; round < 10; round += 1) {
      const before = control.entered;
      turn(reactor);
      t.is(control.entered - before, 1);
    }
  });

  test(`behind 299 attackers another connection waits for one callback of each, or two: ${name}()`, async (t) => {
    const { reactor, control, connect } = await setUp(t);
    const attackers = Array.from({ length: 299 }, () => connect(1));
    const other = connect();
    control.ms = SLOW_MS;
    for (const attacker of attackers) attacker.send(new Uint8Array(400));
    other.send(Uint8Array.of(1));
    let [answered, most] = [0, 0];
    const opened = control.entered;
    for (let turned = 0; answered === 0 && turned < 1000; turned += 1) {
      const before = control.entered;
      turn(reactor);
      most = Math.max(most, control.entered - before);
      answered = other.drain().length;
    }
    t.is(answered, 1);
    t.true(most <= 2, `${most} callbacks in a turn`);
    t.true(control.entered - opened <= 2 * 300, `${control.entered - opened} callbacks`);
  });

  test(`timers that are due do not hold up the turn either: ${name}()`, async (t) => {
    const { kernel, reactor, control } = await setUp(t);
    for (let index = 0; index < 100; index += 1) {
      reactor.open(kernel.connect(1000, '!q;t .,50;').fd);
    }
    control.now += 50;
    control.ms = SLOW_MS;
    for (let fired = 0; fired < 100; fired += 1) {
      const before = control.entered;
      turn(reactor);
      t.is(control.entered - before, 1);
    }
    t.is(reactor.deadline, Infinity);
  });
}

test('during an attack the signal and the event loop have their turn after each budget', async (t) => {
  const { kernel, reactor, control, signals, connect } = await setUp(t);
  const attackers = Array.from({ length: 50 }, () => connect(1));
  const [signal, loop] = [SIGNAL, LOOP].map((handle) => {
    const { fd, client } = kernel.connect(1000, '');
    reactor.epoll.add(fd, kernel.constants.EPOLLIN, handle, 0);
    return client;
  });
  control.ms = SLOW_MS;
  for (const attacker of attackers) attacker.send(new Uint8Array(100));
  signal!.send(Uint8Array.of(1));
  loop!.send(Uint8Array.of(1));
  for (let turned = 1; turned < 200; turned += 1) {
    const before = control.entered;
    t.true(reactor.serve(0), `turn ${turned}`);
    t.true(control.entered - before <= 2, `turn ${turned}`);
    t.true(signals() >= turned >> 1, `turn ${turned}`);
  }
});

test('a slow on_open leaves the other descriptors that were handed over to the next turn', async (t) => {
  const resolved = resolvePolicy({ maxConnections: 100 });
  const kernel = new Loopback();
  const control = new SlowControl(new ArrayBuffer(ControlWords.bytes));
  const reactor: Reactor = new Reactor({
    kernel,
    control,
    module: await loadModule(scriptedModule, resolved),
    policy: resolved,
    observer: strictFor(t),
    now: () => control.now,
    buffer: ArrayBuffer,
    signalled: () => reactor.openHanded(),
  });
  const { fd, client } = kernel.connect(1000, '');
  reactor.epoll.add(fd, kernel.constants.EPOLLIN, SIGNAL, 0);
  for (let index = 0; index < 50; index += 1) control.hand(kernel.connect(1000, '').fd);
  client.send(Uint8Array.of(1));
  control.ms = SLOW_MS;
  reactor.serve(0);
  t.is(reactor.connections, 1);
  t.true(reactor.ready);
  // Drained, as an eventfd is.
  reactor.epoll.remove(fd);
  for (let turned = 2; turned <= 50; turned += 1) {
    reactor.serve(0);
    t.is(reactor.connections, turned);
  }
  t.false(reactor.ready);
});
