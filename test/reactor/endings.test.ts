// What those who watch are told of connections that are over.

import test, { type ExecutionContext } from 'ava';
import { REASON_ERROR, REASON_FRAME_TIMEOUT, REASON_PEER } from '../../assembly/abi.ts';
import { Loopback } from '../../host/kernel/loopback/loopback.ts';
import { ConnectionRows } from '../../host/memory/connection-rows.ts';
import { ControlWords, IN_START_UP } from '../../host/memory/control-words.ts';
import { BUSY, RECEIVED, SENT } from '../../host/memory/layout.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import type { Ending, Observer } from '../../host/reactor/observer.ts';
import { Reactor } from '../../host/reactor/reactor.ts';
import { linesModule } from '../helpers/guests.ts';

const policy = resolvePolicy({
  maxConnections: 8,
  poolBytes: 16 * 1024 * 1024,
  frameTimeoutMs: 50,
});

/** A reactor whose clock is `time.now`, and what it has told of faults, or of all that ended. */
async function watched(t: ExecutionContext, more: Partial<Observer> = {}) {
  const kernel = new Loopback();
  const epoll = kernel.epoll();
  const time = { now: 1 };
  const told: Ending[] = [];
  const observer: Observer = {
    ...{ open: null, data: null, close: null },
    fault: (ending) => told.push(ending) > 0,
    restart: ({ why }) => t.fail(why),
    failure: (error) => t.fail(String(error)),
    log: () => true,
    ...more,
  };
  const module = await loadModule(linesModule(), policy);
  const control = new ControlWords(new SharedArrayBuffer(ControlWords.bytes));
  const ground = { kernel, module, policy, observer, epoll, control, buffer: SharedArrayBuffer };
  const options = { ...ground, now: () => time.now };
  return { kernel, epoll, time, told, options, control };
}

function settle(reactor: Reactor): void {
  const events = new Uint32Array(3);
  while (reactor.turn() || reactor.epoll.wait(events, 0) > 0);
}

test('a connection that was lost with the thread that served it is told as the fault of the host', async (t) => {
  const { kernel, told, options, time } = await watched(t);
  const reactor = new Reactor(options);
  const lost = kernel.connect(1000, '192.0.2.1:7');
  const other = kernel.connect(1000, '192.0.2.2:7');
  reactor.open(lost.fd);
  reactor.open(other.fd);
  other.client.send(Buffer.from('hello\n'));
  settle(reactor);
  // The thread ends while it works on the first one.
  new Int32Array(reactor.segment)[BUSY] = 1;
  time.now = 8.5;
  const { segment, states } = reactor;
  const remains = { segment, states, before: null, slot: IN_START_UP, reason: REASON_ERROR };
  const successor = new Reactor({ ...options, remains });
  settle(successor);
  t.is(told.length, 1);
  const expected = { reason: REASON_ERROR, fault: true, peer: '192.0.2.1:7', lasted: 7.5 };
  t.like(told[0], { ...expected, bytesIn: 0, bytesOut: 0 });
  t.true(lost.client.reset);
  t.false(other.client.reset);
});

test('faults alone are told if nobody asks for more, and what is left out is counted', async (t) => {
  const { kernel, told, options, time } = await watched(t, { fault: () => false });
  const reactor = new Reactor(options);
  const slow = kernel.connect(1000, 'a');
  reactor.open(slow.fd);
  const quick = kernel.connect(1000, 'b');
  reactor.open(quick.fd);
  slow.client.send(Buffer.from('no end'));
  quick.client.finish();
  settle(reactor);
  t.is(reactor.connections, 1);
  time.now += 100;
  settle(reactor);
  t.deepEqual(told, []);
  t.is(reactor.snapshot().logLinesDropped, 1);
});

test('who asks for all is told of each once, and of no fault besides', async (t) => {
  const all: Ending[] = [];
  const close = (ending: Ending): void => void all.push(ending);
  const { kernel, told, options, time } = await watched(t, { close });
  const reactor = new Reactor(options);
  const slow = kernel.connect(1000, 'a');
  const quick = kernel.connect(1000, 'b');
  reactor.open(slow.fd);
  reactor.open(quick.fd);
  quick.client.send(Buffer.from('hello\n'));
  quick.client.finish();
  slow.client.send(Buffer.from('no end'));
  settle(reactor);
  time.now += 100;
  settle(reactor);
  slow.client.finish();
  settle(reactor);
  t.deepEqual(told, []);
  t.deepEqual(
    all.map(({ peer, reason, fault, bytesIn, bytesOut }) => [
      peer,
      reason,
      fault,
      bytesIn,
      bytesOut,
    ]),
    [
      ['b', REASON_PEER, false, 6, 6],
      ['a', REASON_FRAME_TIMEOUT, true, 6, 0],
    ],
  );
});

test('bytes are counted on where the words of a row are full, and the budget of the turn with them', async (t) => {
  const all: Ending[] = [];
  const close = (ending: Ending): void => void all.push(ending);
  const { kernel, options } = await watched(t, { close });
  const reactor = new Reactor(options);
  const { fd, client } = kernel.connect(1000, 'a');
  reactor.open(fd);
  const table = new Int32Array(reactor.segment);
  const nearly = 2 ** 30 - 4;
  table[RECEIVED] = nearly;
  table[SENT] = nearly;
  // The first line passes the mark, the second finds the words empty.
  client.send(Buffer.from('hello\n'));
  settle(reactor);
  t.deepEqual([table[RECEIVED], table[SENT]], [0, 6]);
  const row = new ConnectionRows(reactor.segment, policy.maxConnections).row(0);
  t.deepEqual([row.bytesIn, row.bytesOut], [nearly + 6, nearly + 6]);
  client.send(Buffer.from('hello\n'));
  client.finish();
  settle(reactor);
  t.is(client.receive(new Uint8Array(64)), 12);
  t.like(all[0], { reason: REASON_PEER, bytesIn: nearly + 12, bytesOut: nearly + 12 });
});
