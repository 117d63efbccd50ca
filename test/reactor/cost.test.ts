// What a message costs, in counts that are the same on every machine: native calls, system calls, and
// bytes of garbage. The rounds are those of bench/.

import { fileURLToPath } from 'node:url';
import test from 'ava';
import { Rounds } from '../../bench/ruler/rounds.ts';
import { Peers, reactorOn } from '../../bench/shared/ground.ts';
import type { Epoll, Io, Kernel } from '../../host/kernel/contract.ts';
import { native } from '../../host/kernel/native.ts';
import type { SharedSeat } from '../../host/shared/contract.ts';
import { connect } from '../helpers/client.ts';
import { compiledGuest, echoModule } from '../helpers/guests.ts';
import { Running, runNode, startCli } from '../helpers/process.ts';
import { traced } from '../helpers/strace.ts';

class Counts {
  runs = 0;
  binds = 0;
  waits = 0;
  changes = 0;
}

/** The real kernel, with what the reactor calls on the way of a message counted. */
function counting(counts: Counts): Kernel {
  const epoll = (): Epoll => {
    const real = native.epoll();
    const counted =
      (change: (...args: [number, number, number, number]) => number) =>
      (...args: [number, number, number, number]): number => {
        counts.changes += 1;
        return change.apply(real, args);
      };
    return {
      fd: real.fd,
      add: counted(real.add),
      modify: counted(real.modify),
      remove(fd) {
        counts.changes += 1;
        return real.remove(fd);
      },
      wait(events, timeoutMs) {
        counts.waits += 1;
        return real.wait(events, timeoutMs);
      },
      close: () => real.close(),
    };
  };
  const io = (rows: Int32Array): Io => {
    const real = native.io(rows);
    return {
      bind(index, view) {
        counts.binds += 1;
        real.bind(index, view);
      },
      run(from, to) {
        counts.runs += 1;
        return real.run(from, to);
      },
    };
  };
  return { ...native, epoll, io };
}

// Compiled now: it takes its time, and blocks this thread.
const guests = { 'without state': echoModule(), 'with state': compiledGuest('ledger') };
const relay = compiledGuest('relay');

for (const [which, guest] of Object.entries(guests)) {
  for (const connections of [1, 2, 64, 200]) {
    test(`a message costs one native call, a batch one more: ${connections} connections, guest ${which}`, async (t) => {
      const counts = new Counts();
      const kernel = counting(counts);
      const options = { guest, connections, messageBytes: 64, kernel, now: () => 1 };
      const rounds = await Rounds.create(options);
      rounds.run(2);
      Object.assign(counts, new Counts());
      rounds.run(10);
      t.deepEqual(
        { ...counts },
        {
          runs: 10 * (connections + 1),
          // The second one finds nothing more; after a lone message it is not made.
          waits: connections === 1 ? 10 : 20,
          binds: 0,
          changes: 0,
        },
      );
      t.is(rounds.reactor.snapshot().messages, 12 * connections);
      rounds.close();
    });
  }
}

test('a message for 200 members costs a few native calls, not one for each', async (t) => {
  const message = new Uint8Array(64).fill(0x61);
  const members = 200;
  const counts = new Counts();
  const peers = new Peers();
  const { reactor, shared } = await reactorOn(counting(counts), relay, members + 1);
  for (let peer = 0; peer <= members; peer += 1) reactor.open(peers.add());
  while (reactor.turn());
  const before = counts.runs;
  peers.say(0, message);
  while (reactor.turn());
  const runs = counts.runs - before;
  for (let peer = 1; peer <= members; peer += 1) peers.hear(peer, message.length);
  peers.close();
  while (reactor.connections > 0) reactor.turn();
  reactor.close();
  shared.release();
  // What is received, what is sent, and a look for more; a slow machine ends a round in between.
  t.true(runs <= 10, `${runs}`);
});

test('messages that wait for the same members go out together', async (t) => {
  const message = new Uint8Array(64).fill(0x61);
  const members = 40;
  const counts = new Counts();
  const peers = new Peers();
  const { reactor, shared } = await reactorOn(counting(counts), relay, members);
  for (let peer = 0; peer < members; peer += 1) reactor.open(peers.add());
  while (reactor.turn());
  const before = counts.runs;
  for (let peer = 0; peer < members; peer += 1) peers.say(peer, message);
  while (reactor.turn());
  const runs = counts.runs - before;
  for (let peer = 0; peer < members; peer += 1) peers.hear(peer, (members - 1) * message.length);
  peers.close();
  while (reactor.connections > 0) reactor.turn();
  reactor.close();
  shared.release();
  // One for what each has said; each of the others sends to many.
  t.true(runs <= 1.5 * members, `${runs}`);
});

test('a guest that shares nothing costs shared state no call, whatever its connections do', async (t) => {
  const calls: string[] = [];
  const noted =
    <Answer>(name: string, answer: Answer) =>
    (): Answer => {
      calls.push(name);
      return answer;
    };
  const seat: SharedSeat = {
    ...{ bind: noted('bind', undefined), check: noted('check', 0), commit: noted('commit', 0) },
    ...{ take: noted('take', 0), again: noted('again', undefined) },
    ...{ poison: noted('poison', undefined), leaveAll: noted('leaveAll', undefined) },
    ...{ retained: noted('retained', 0), adopt: noted('adopt', undefined) },
  };
  const guest = guests['with state'];
  const options = { guest, connections: 8, messageBytes: 64, now: () => 1, seat };
  const rounds = await Rounds.create(options);
  rounds.run(10);
  rounds.close();
  // What may have come for a thread before is looked for, once.
  t.deepEqual(calls, ['bind', 'take']);
});

test('a message costs one receive and one send, and no change of what epoll watches', async (t) => {
  const connections = 8;
  const module = new URL('../../bench/ruler/rounds.js', import.meta.url).href;
  const script = (rounds: number): string => `
    import { readFileSync } from 'node:fs';
    import { Rounds } from ${JSON.stringify(module)};
    const guest = readFileSync(${JSON.stringify(ledger)});
    const rounds = await Rounds.create({ guest, connections: ${connections}, messageBytes: 64, now: () => 1 });
    rounds.run(${rounds});`;
  const made: Record<string, number>[] = [];
  for (const rounds of [10, 30]) {
    const calls = 'recvfrom,recvmsg,sendto,sendmsg,epoll_wait,epoll_ctl,shutdown';
    const tracing = traced(t, calls, []);
    if (tracing === null) return t.pass();
    const args = ['--input-type=module', '-e', script(rounds)];
    const { code } = await new Running(args, { prefix: tracing.prefix }).exited;
    t.is(code, 0);
    const count = (name: RegExp): number => tracing.calls(name).length;
    made.push({
      receives: count(/^recv(from|msg)$/),
      sends: count(/^send(to|msg)$/),
      waits: count(/^epoll_wait$/),
      changes: count(/^epoll_ctl$/),
    });
  }
  const more = Object.fromEntries(
    Object.entries(made[1]!).map(([name, count]) => [name, count - made[0]![name]!]),
  );
  const messages = 20 * connections;
  t.deepEqual(more, { receives: messages, sends: messages, waits: 2 * 20, changes: 0 });
});

for (const workers of ['0', '1']) {
  test(`a lone message costs what it costs in C: a wait, a receive and a send; --workers ${workers}`, async (t) => {
    const counts: Record<string, number>[] = [];
    for (const messages of [20, 120]) {
      const tracing = traced(t, 'epoll_wait,epoll_pwait,recvfrom,recvmsg,sendto,sendmsg', []);
      if (tracing === null) return t.pass();
      const args = ['--listen', '127.0.0.1:0', '--workers', workers, '--drain-quiet', '0'];
      const server = await startCli(t, args, { prefix: tracing.prefix });
      const client = await connect(server.addresses[0]!);
      for (let message = 0; message < messages; message += 1) {
        await client.send(Buffer.alloc(64, message));
        t.deepEqual(await client.readExactly(64), Buffer.alloc(64, message));
      }
      client.end();
      await client.readAll();
      server.kill('SIGTERM');
      t.is((await server.exited).code, 0);
      // A call that another thread's interrupts in the log has two lines.
      const calls = (name: RegExp): string[] =>
        tracing.calls(name).filter((line) => !line.includes(' resumed>'));
      const receives = calls(/^recv(from|msg)$/);
      const thread = `${/^\d+/.exec(receives[0]!)![0]} `;
      // Of the thread that serves, while it does: starting and stopping take rounds as well, and the main
      // thread's go on as time does.
      const between = calls(/^(recv(from|msg)|epoll_pwait)$/).filter((line) =>
        line.startsWith(thread),
      );
      const [first, last] = [between.indexOf(receives[0]!), between.lastIndexOf(receives.at(-1)!)];
      const serving = between.slice(first, last);
      counts.push({
        receives: receives.length,
        sends: calls(/^send(to|msg)$/).length,
        waits: calls(/^epoll_wait$/).length,
        rounds: serving.filter((line) => line.includes('epoll_pwait')).length,
      });
    }
    const more = (name: string): number => counts[1]![name]! - counts[0]![name]!;
    t.is(more('receives'), 100);
    t.is(more('sends'), 100);
    // The threads have other things to do now and then, and do not do them for each message.
    t.true(Math.abs(more('waits') - 100) < 30, `${more('waits')} waits`);
    t.true(Math.abs(more('rounds')) < 50, `${more('rounds')} rounds of the event loop`);
  });
}

const ledger = fileURLToPath(new URL('../../guests/ledger.wasm', import.meta.url));
const allocation = fileURLToPath(new URL('../../bench/allocation.js', import.meta.url));

// The smallest thing on the heap takes 16 bytes. What there is, is a number or two for each batch of 64,
// its time among them, and what the compiler still leaves behind.
const MOST_BYTES = 8;

test('a message allocates nothing that has to be collected', async (t) => {
  const { NODE_V8_COVERAGE: _counted, ...rest } = process.env;
  const env = rest as Record<string, string>;
  const { stdout, stderr } = await runNode([allocation, '100000', '64'], { env });
  t.is(stderr, '');
  const [, bytes, collections] = /: (-?\d+) bytes of heap, .*; (\d+) garbage/.exec(stdout)!;
  t.is(Number(collections), 0, stdout);
  t.true(Number(bytes) / 100_000 < MOST_BYTES, stdout);
  t.log(stdout.trim());
});
