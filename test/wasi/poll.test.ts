// poll_oneoff over real sockets: what is ready, what it costs, and what other hosts got wrong.

import { openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type NativeEpoll, native } from '../../host/kernel/native.ts';
import { KIND_FILE } from '../../host/wasi/preview1/descriptors.ts';
import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  E,
  EVENT_HANGUP,
  EVENTTYPE_CLOCK,
  EVENTTYPE_FD_READ,
  EVENTTYPE_FD_WRITE,
} from '../../host/wasi/preview1/numbers.ts';
import { MOST_SUBSCRIPTIONS } from '../../host/wasi/preview1/poll.ts';
import { Stop } from '../../host/wasi/preview1/waiter.ts';
import { owned } from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';
import {
  arrived,
  IN,
  listener,
  OUT,
  type PollEvent,
  RESULT,
  sendAll,
  socket,
  stream,
  tcpPair,
  WasiHost,
} from '../helpers/wasi-host.ts';

const HOUR = 3_600_000_000_000n;
const NEVER = { clock: CLOCK_MONOTONIC, nanoseconds: HOUR } as const;
const NOW = { clock: CLOCK_MONOTONIC, nanoseconds: 0n } as const;

/** Connections: their clients' descriptors, and a host whose numbers are the accepted ones. */
function connections(t: ExecutionContext, count: number, kernel = native) {
  const pairs = Array.from({ length: count }, tcpPair);
  const clients = pairs.map(([client]) => owned(t, client));
  const given = pairs.map(([, accepted]) => socket(accepted));
  return { clients, host: new WasiHost(t, given, { native: kernel, limit: count + 8 }) };
}

/** A client's descriptor, and a host whose listener is 0 and that has accepted it. */
function serving(t: ExecutionContext) {
  const waiting = native.listenTcp('127.0.0.1', 0, false, 1);
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  const client = owned(t, native.connectTcp('127.0.0.1', port));
  const host = new WasiHost(t, [listener(waiting, 0)]);
  t.is(host.call.sock_accept(0, 0, RESULT), E.SUCCESS);
  return { client, host, number: host.result };
}

const event = (userdata: number, type: number, rest: Partial<PollEvent> = {}): PollEvent => ({
  userdata: BigInt(userdata),
  type,
  error: 0,
  bytes: 0n,
  flags: 0,
  ...rest,
});

test('a poll returns when the first descriptor is ready, and does not wait for the others', (t) => {
  const { clients, host } = connections(t, 3);
  sendAll(clients[1]!, 'five!');
  arrived(host.descriptors.fd(1));
  t.deepEqual(host.poll({ read: 0 }, { read: 1 }, { read: 2 }, NEVER), [
    event(1, EVENTTYPE_FD_READ, { bytes: 5n }),
  ]);
});

test('a poll collects all descriptors that are ready', (t) => {
  const { clients, host } = connections(t, 3);
  sendAll(clients[0]!, 'a');
  sendAll(clients[2]!, 'abc');
  for (const number of [0, 2]) arrived(host.descriptors.fd(number));
  t.deepEqual(host.poll({ read: 0 }, { read: 1 }, { read: 2 }), [
    event(0, EVENTTYPE_FD_READ, { bytes: 1n }),
    event(2, EVENTTYPE_FD_READ, { bytes: 3n }),
  ]);
});

test('what is ready suppresses a clock that has run out as well', (t) => {
  const { host } = connections(t, 1);
  t.deepEqual(host.poll(NOW, { write: 0 }), [event(1, EVENTTYPE_FD_WRITE)]);
});

test('a timeout of 0 looks and returns', (t) => {
  const { host } = connections(t, 1);
  t.deepEqual(host.poll({ read: 0 }, NOW), [event(1, EVENTTYPE_CLOCK)]);
});

test('reading and writing of one descriptor are two events', (t) => {
  const { clients, host } = connections(t, 1);
  sendAll(clients[0]!, 'x');
  arrived(host.descriptors.fd(0));
  t.deepEqual(host.poll({ read: 0 }, { write: 0 }), [
    event(0, EVENTTYPE_FD_READ, { bytes: 1n }),
    event(1, EVENTTYPE_FD_WRITE),
  ]);
});

test('a descriptor that is subscribed twice for the same is reported twice', (t) => {
  const { clients, host } = connections(t, 1);
  sendAll(clients[0]!, 'x');
  arrived(host.descriptors.fd(0));
  const twice = [7n, 8n].map((userdata) => ({ read: 0, userdata }));
  t.deepEqual(host.poll(...twice, { write: 0, userdata: 9n }, { write: 0, userdata: 10n }), [
    event(7, EVENTTYPE_FD_READ, { bytes: 1n }),
    event(8, EVENTTYPE_FD_READ, { bytes: 1n }),
    event(9, EVENTTYPE_FD_WRITE),
    event(10, EVENTTYPE_FD_WRITE),
  ]);
});

test('a bad descriptor is an event with an error, and the others are reported beside it', (t) => {
  const { host } = connections(t, 1);
  t.deepEqual(host.poll({ read: 40 }, { write: 0 }, { write: 2 ** 32 - 1 }, NEVER), [
    event(0, EVENTTYPE_FD_READ, { error: E.BADF }),
    event(1, EVENTTYPE_FD_WRITE),
    event(2, EVENTTYPE_FD_WRITE, { error: E.BADF }),
  ]);
});

test('an event is 32 bytes, with nothing between its fields and nothing behind it', (t) => {
  const { host } = connections(t, 1);
  host.bytes.fill(0xff, OUT, OUT + 64);
  t.deepEqual(host.poll({ write: 0, userdata: 2n ** 64n - 2n }), [
    event(0, EVENTTYPE_FD_WRITE, { userdata: 2n ** 64n - 2n }),
  ]);
  const bytes = Buffer.from(host.bytes.slice(OUT, OUT + 64)).toString('hex');
  t.is(bytes, `feffffffffffffff${'0000020000000000'}${'00'.repeat(16)}${'ff'.repeat(32)}`);
});

test('no subscription at all, or too many, are INVAL', (t) => {
  const { host } = connections(t, 1);
  t.is(host.call.poll_oneoff(IN, OUT, 0, RESULT), E.INVAL);
  t.is(host.call.poll_oneoff(IN, OUT, MOST_SUBSCRIPTIONS + 1, RESULT), E.INVAL);
  t.is(host.call.poll_oneoff(IN, OUT, -1, RESULT), E.INVAL);
});

test('a subscription to something unknown is INVAL', (t) => {
  const { host } = connections(t, 1);
  host.subscribe([{ read: 0 }]);
  host.view.setUint8(IN + 8, 3);
  t.is(host.call.poll_oneoff(IN, OUT, 1, RESULT), E.INVAL);
});

test('readiness is a level: what was not read is reported again', (t) => {
  const { clients, host } = connections(t, 1);
  sendAll(clients[0]!, 'abc');
  arrived(host.descriptors.fd(0));
  for (const left of [3n, 2n, 1n]) {
    t.deepEqual(host.poll({ read: 0 }, NOW), [event(0, EVENTTYPE_FD_READ, { bytes: left })]);
    host.receive(0, 1);
  }
  t.deepEqual(host.poll({ read: 0 }, NOW), [event(1, EVENTTYPE_CLOCK)]);
});

test('a half-closed peer: first its bytes, then no bytes, which is no hang-up; writing goes on', (t) => {
  const { clients, host } = connections(t, 1);
  sendAll(clients[0]!, 'ab');
  native.shutdown(clients[0]!, native.constants.SHUT_WR);
  arrived(host.descriptors.fd(0));
  t.deepEqual(host.poll({ read: 0 }), [event(0, EVENTTYPE_FD_READ, { bytes: 2n })]);
  t.is(host.receive(0), 'ab');
  t.deepEqual(host.poll({ read: 0 }, { write: 0 }), [
    event(0, EVENTTYPE_FD_READ),
    event(1, EVENTTYPE_FD_WRITE),
  ]);
  t.is(host.receive(0), '');
});

test('a reset completes both directions, reading with a hang-up; the error is told by reading', (t) => {
  const [client, accepted] = tcpPair();
  const host = new WasiHost(t, [socket(accepted)]);
  native.reset(client);
  arrived(accepted);
  t.deepEqual(host.poll({ read: 0 }, { write: 0 }, NEVER), [
    event(0, EVENTTYPE_FD_READ, { flags: EVENT_HANGUP }),
    event(1, EVENTTYPE_FD_WRITE),
  ]);
  t.is(host.receive(0), E.CONNRESET);
});

test('errors are events for libc’s poll alone, which is told by its struct pollfd', (t) => {
  const [client, accepted] = tcpPair();
  const host = new WasiHost(t, [
    socket(accepted),
    listener(native.listenTcp('127.0.0.1', 0, false, 1)),
  ]);
  native.reset(client);
  arrived(accepted);
  const [pollfd, other] = [0x100, 0x200];
  const asks = (at: number, fd: number, events: number) => {
    host.view.setUint32(at, fd, true);
    host.view.setUint16(at + 4, events, true);
  };
  const userdata = BigInt(pollfd);
  const [read, write] = [
    { read: 0, userdata },
    { write: 0, userdata },
  ];
  const readable = event(pollfd, EVENTTYPE_FD_READ, { flags: EVENT_HANGUP });
  const failed = (type: number) => event(pollfd, type, { error: E.IO });

  asks(pollfd, 0, 1);
  t.deepEqual(host.poll(read), [readable]);
  t.deepEqual(host.poll(read, NEVER), [readable, failed(EVENTTYPE_FD_READ)]);
  asks(pollfd, 0, 2);
  t.deepEqual(host.poll(write, NEVER), [
    event(pollfd, EVENTTYPE_FD_WRITE),
    failed(EVENTTYPE_FD_WRITE),
  ]);
  asks(pollfd, 0, 3);
  t.deepEqual(host.poll(read, write), [readable, failed(EVENTTYPE_FD_WRITE)]);
  t.deepEqual(host.poll(read, write, NEVER), [readable, failed(EVENTTYPE_FD_WRITE)]);

  // Of another descriptor, beyond the memory, or a 64-bit number: not libc's.
  asks(other, 1, 1);
  for (const data of [BigInt(other), 0x1_0000n - 4n, userdata + (1n << 32n)]) {
    t.deepEqual(host.poll({ read: 0, userdata: data }, NEVER), [
      event(Number(data), EVENTTYPE_FD_READ, { flags: EVENT_HANGUP }),
    ]);
  }
  t.is(host.receive(0), E.CONNRESET);
  t.deepEqual(host.poll(read, write, NEVER), [readable, event(pollfd, EVENTTYPE_FD_WRITE)]);
});

test('a listener is readable when a connection waits', (t) => {
  const waiting = native.listenTcp('127.0.0.1', 0, false, 8);
  const host = new WasiHost(t, [listener(waiting)]);
  t.deepEqual(host.poll({ read: 0 }, NOW), [event(1, EVENTTYPE_CLOCK)]);
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  owned(t, native.connectTcp('127.0.0.1', port));
  t.deepEqual(host.poll({ read: 0 }, NEVER), [event(0, EVENTTYPE_FD_READ)]);
});

test('an event of a closed descriptor does not reach the one that gets its number', (t) => {
  const { clients, host } = connections(t, 2);
  sendAll(clients[0]!, 'for the first');
  arrived(host.descriptors.fd(0));
  t.deepEqual(host.poll({ read: 0 }, { read: 1 }), [event(0, EVENTTYPE_FD_READ, { bytes: 13n })]);
  t.is(host.call.fd_renumber(1, 0), E.SUCCESS);
  t.deepEqual(host.poll({ read: 0 }, NOW), [event(1, EVENTTYPE_CLOCK)]);
  sendAll(clients[1]!, 'x');
  arrived(host.descriptors.fd(0));
  t.deepEqual(host.poll({ read: 0 }, NEVER), [event(0, EVENTTYPE_FD_READ, { bytes: 1n })]);
});

test('a number that is closed and given out again is watched anew', (t) => {
  const waiting = native.listenTcp('127.0.0.1', 0, false, 8);
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  const host = new WasiHost(t, [listener(waiting, 0)]);
  for (const text of ['first', 'second', 'third']) {
    const client = owned(t, native.connectTcp('127.0.0.1', port));
    t.is(host.call.sock_accept(0, 4, RESULT), E.SUCCESS);
    t.is(host.result, 1);
    t.deepEqual(host.poll({ read: 1 }, NOW), [event(1, EVENTTYPE_CLOCK)]);
    sendAll(client, text);
    t.deepEqual(host.poll({ read: 1 }, NEVER), [
      event(0, EVENTTYPE_FD_READ, { bytes: BigInt(text.length) }),
    ]);
    t.is(host.call.fd_close(1), E.SUCCESS);
  }
});

test('what was wanted before and is not wanted now does not end a poll', (t) => {
  const { clients, host } = connections(t, 2);
  t.deepEqual(host.poll({ read: 0 }, { write: 0 }, { read: 1 }), [event(1, EVENTTYPE_FD_WRITE)]);
  sendAll(clients[0]!, 'x');
  arrived(host.descriptors.fd(0));
  t.deepEqual(host.poll({ read: 1 }, { clock: 1, nanoseconds: 1_000_000n }), [
    event(1, EVENTTYPE_CLOCK),
  ]);
  t.deepEqual(host.poll({ read: 0 }, NEVER), [event(0, EVENTTYPE_FD_READ, { bytes: 1n })]);
});

for (const clock of [CLOCK_REALTIME, CLOCK_MONOTONIC]) {
  const nowOf = (): bigint => {
    const time = new Uint32Array(2);
    native.clockTime(clock, time);
    return (BigInt(time[1]!) << 32n) | BigInt(time[0]!);
  };
  const name = clock === CLOCK_REALTIME ? 'real' : 'monotonic';

  test(`a relative timeout on the ${name} clock is not over before its time`, (t) => {
    const { host } = connections(t, 1);
    for (const nanoseconds of [1n, 999_999n, 1_000_001n, 3_500_000n]) {
      const before = process.hrtime.bigint();
      t.deepEqual(host.poll({ read: 0 }, { clock, nanoseconds }), [event(1, EVENTTYPE_CLOCK)]);
      t.true(process.hrtime.bigint() - before >= nanoseconds);
    }
  });

  test(`an absolute time on the ${name} clock is waited for, and not if it is past`, (t) => {
    const { host } = connections(t, 1);
    const then = nowOf() + 3_000_000n;
    t.deepEqual(host.poll({ clock, nanoseconds: then, absolute: true }), [
      event(0, EVENTTYPE_CLOCK),
    ]);
    t.true(nowOf() >= then);
    t.deepEqual(host.poll({ clock, nanoseconds: 1n, absolute: true }), [event(0, EVENTTYPE_CLOCK)]);
  });
}

test('of several clocks the earliest ends the poll, alone', (t) => {
  const { host } = connections(t, 1);
  t.deepEqual(host.poll(NEVER, { clock: 0, nanoseconds: 1_000_000n }, NEVER), [
    event(1, EVENTTYPE_CLOCK),
  ]);
});

test('clocks that there are not, and unknown flags, are errors of their event', (t) => {
  const { host } = connections(t, 1);
  const bad = [
    { clock: 2, nanoseconds: 0n },
    { clock: 99, nanoseconds: 0n },
    { clock: 1, nanoseconds: 0n, flags: 2 },
  ];
  t.deepEqual(
    host.poll(...bad),
    [0, 1, 2].map((userdata) => event(userdata, EVENTTYPE_CLOCK, { error: E.INVAL })),
  );
});

test('a timeout as long as a u64 can say is no timeout', (t) => {
  const { clients, host } = connections(t, 1);
  sendAll(clients[0]!, 'x');
  const long = { clock: CLOCK_REALTIME, nanoseconds: 2n ** 64n - 1n };
  t.deepEqual(host.poll(long, { ...long, absolute: true }, { read: 0 }), [
    event(2, EVENTTYPE_FD_READ, { bytes: 1n }),
  ]);
});

test('a pipe is waited for like a socket', (t) => {
  const [reading, writing] = native.pipe() as [number, number];
  const host = new WasiHost(t, [stream(reading), stream(writing)]);
  t.deepEqual(host.poll({ read: 0 }, { write: 1 }), [event(1, EVENTTYPE_FD_WRITE)]);
  t.deepEqual(host.poll({ read: 0 }, NOW), [event(1, EVENTTYPE_CLOCK)]);
  host.send(1, 'abcd');
  t.deepEqual(host.poll({ read: 0 }), [event(0, EVENTTYPE_FD_READ, { bytes: 4n })]);
  t.is(host.receive(0), 'abcd');
  t.is(host.call.fd_close(1), E.SUCCESS);
  t.deepEqual(host.poll({ read: 0 }), [event(0, EVENTTYPE_FD_READ, { flags: EVENT_HANGUP })]);
});

test('files and what epoll does not take are always ready', (t) => {
  const file = path.join(temporary(t), 'file');
  writeFileSync(file, 'twelve bytes');
  const host = new WasiHost(t, [
    { fd: openSync(file, 'r+'), kind: KIND_FILE, flags: 0 },
    stream(openSync('/dev/null', 'r+')),
  ]);
  host.receive(0, 5);
  for (let round = 0; round < 2; round += 1) {
    t.deepEqual(host.poll(NEVER, { read: 0 }, { write: 0 }, { read: 1 }, { write: 1 }), [
      event(1, EVENTTYPE_FD_READ, { bytes: 7n }),
      event(2, EVENTTYPE_FD_WRITE),
      event(3, EVENTTYPE_FD_READ),
      event(4, EVENTTYPE_FD_WRITE),
    ]);
  }
});

/** A kernel in which something happens at each wait. */
function waitingWith(around: (wait: () => number) => number): typeof native {
  const epoll = (): NativeEpoll => {
    const made = native.epoll();
    const { waitReady } = made;
    made.waitReady = (events, timeoutMs) => around(() => waitReady(events, timeoutMs));
    return made;
  };
  return { ...native, epoll };
}

/** A kernel whose calls are counted, by name. */
function counting() {
  const counts = new Map<string, number>();
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  const wrap = <T extends object>(target: T, prefix: string): T =>
    new Proxy(target, {
      get(object, name) {
        const value = Reflect.get(object, name, object) as unknown;
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) => {
          count(prefix + String(name));
          const made = (value as (...all: unknown[]) => unknown).apply(object, values);
          return name === 'epoll' ? wrap(made as NativeEpoll, 'epoll.') : made;
        };
      },
    });
  return { kernel: wrap({ ...native }, ''), counts };
}

test('a poll over 1,000 sockets is one native call, whatever is ready, and none that changes the set', (t) => {
  const { kernel, counts } = counting();
  const pairs = Array.from({ length: 1000 }, () => native.socketpair() as [number, number]);
  const given = pairs.map(([, end]) => socket(end));
  for (const [end] of pairs) owned(t, end);
  const host = new WasiHost(t, given, { native: kernel, limit: 1001, pages: 4 });
  const at = 0x20000;
  const poll = (): number => {
    t.is(host.call.poll_oneoff(IN, at, 1000, RESULT), E.SUCCESS);
    return host.result;
  };
  host.subscribe(given.map((_, read) => ({ read })));
  sendAll(pairs[0]![0], 'x');
  t.is(poll(), 1);
  t.is(counts.get('epoll.add'), 1001);
  for (const ready of [1, 10, 1000]) {
    for (let index = 0; index < ready; index += 1) sendAll(pairs[index]![0], 'x');
    counts.clear();
    t.is(poll(), ready);
    t.deepEqual([...counts], [['epoll.waitReady', 1]]);
  }
});

test('a subscription that comes and goes changes the set once, and not with each poll', (t) => {
  const { kernel, counts } = counting();
  const { clients, host } = connections(t, 2, kernel);
  const changes = (): number =>
    ['add', 'modify', 'remove'].reduce((sum, name) => sum + (counts.get(`epoll.${name}`) ?? 0), 0);
  host.poll({ read: 0 }, { read: 1 }, NOW);
  counts.clear();
  host.poll({ read: 0 }, NOW);
  host.poll({ read: 1 }, NOW);
  t.is(changes(), 0, 'what is not wanted is left while it is quiet');
  sendAll(clients[0]!, 'x');
  arrived(host.descriptors.fd(0));
  for (let round = 0; round < 3; round += 1) host.poll({ read: 1 }, NOW);
  t.is(changes(), 1, 'and taken out when it shows up');
});

test('a stop ends a poll that has nothing to wait for', (t) => {
  const { host } = connections(t, 1);
  host.stop();
  t.throws(() => host.poll({ read: 0 }), { instanceOf: Stop });
});

test('a stop lets a poll report what has come by then, while a connection is open', (t) => {
  const { client, host, number } = serving(t);
  sendAll(client, 'x');
  arrived(host.descriptors.fd(number));
  host.stop();
  t.deepEqual(host.poll({ read: number }), [event(0, EVENTTYPE_FD_READ, { bytes: 1n })]);
  t.is(host.call.fd_close(number), E.SUCCESS);
  t.throws(() => host.poll({ read: 0 }), { instanceOf: Stop });
});

test('a stop that comes while a guest polls is not told as a client that waits', (t) => {
  const waiting = native.listenTcp('127.0.0.1', 0, false, 1);
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  owned(t, native.connectTcp('127.0.0.1', port));
  arrived(waiting);
  const kernel = waitingWith((wait) => {
    host.stop();
    return wait();
  });
  const host: WasiHost = new WasiHost(t, [listener(waiting, 0)], {
    native: kernel,
    quietMs: 3_600_000,
  });
  t.is(host.call.sock_accept(0, 0, RESULT), E.SUCCESS);
  const soon = { clock: CLOCK_MONOTONIC, nanoseconds: 20_000_000n } as const;
  t.deepEqual(host.poll({ read: 0 }, { read: host.result }, soon), [event(2, EVENTTYPE_CLOCK)]);
});

test('a stop ends a guest that only ever looks', (t) => {
  const { client, host, number } = serving(t);
  host.stop();
  sendAll(client, 'x');
  arrived(host.descriptors.fd(number));
  t.is((host.poll({ read: number }, NOW) as PollEvent[]).length, 1);
  t.throws(() => host.poll(NOW), { instanceOf: Stop });
});

test('an absolute real time comes sooner when the clock is set forward', (t) => {
  const HOUR_S = 3600;
  let ahead = 0;
  let waits = 0;
  const kernel = waitingWith((wait) => {
    ahead = HOUR_S;
    waits += 1;
    if (waits > 3) throw new Error('the new time was not noticed');
    return wait();
  });
  const clockTime: typeof native.clockTime = (clock, out) => {
    const result = native.clockTime(clock, out);
    const nanoseconds = BigInt(out[1]!) * 2n ** 32n + BigInt(out[0]!) + BigInt(ahead) * 10n ** 9n;
    out[0] = Number(BigInt.asUintN(32, nanoseconds));
    out[1] = Number(nanoseconds >> 32n);
    return result;
  };
  const host = new WasiHost(t, [], { native: { ...kernel, clockTime } });
  const nanoseconds = BigInt(Date.now() + (HOUR_S * 1000) / 2) * 1_000_000n;
  t.deepEqual(host.poll({ clock: CLOCK_REALTIME, nanoseconds, absolute: true }), [
    event(0, EVENTTYPE_CLOCK),
  ]);
});
