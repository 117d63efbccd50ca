// What a guest can ask of its surroundings, in the harness: configuration, time, random bytes, properties,
// metrics, and the two callbacks that belong to no connection.

import test from 'ava';
import { REASON_TRAP, STATUS_LIMIT } from '../../assembly/abi.ts';
import { type Harness, harness, type Peer } from '../../host/testing/harness.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { call, drop, get, getGlobal, guest, i32, setGlobal, store } from '../helpers/wasm.ts';

const module = compiledGuest('surroundings');
const start = (options: Parameters<typeof harness>[1] = {}): Promise<Harness> =>
  harness(module, options);

function ask(peer: Peer, command: string): string {
  peer.send(command);
  return peer.text().trimEnd();
}

const value = (server: Harness, name: string): number => {
  const metric = server.stats().guest[name]!;
  return metric.kind === 'histogram' ? metric.count : metric.value;
};

// config

test('a guest reads its configuration in start-up and later, and is told its full length', async (t) => {
  const peer = (await start({ config: 'colour=blue' })).connect();
  t.is(ask(peer, 'c'), 'colour=blue');
  t.is(ask(peer, 'C 100'), '11 colour=blue');
  t.is(ask(peer, 'C 6'), '6 colour');
});

test('a configuration may be any bytes', async (t) => {
  const peer = (await start({ config: Uint8Array.of(65, 66, 67) })).connect();
  t.is(ask(peer, 'c'), 'ABC');
});

test('without a configuration there are no bytes of it', async (t) => {
  const peer = (await start()).connect();
  t.is(ask(peer, 'C 9'), '0');
});

test('a configuration of more than 1 MiB is refused in one line', async (t) => {
  await t.notThrowsAsync(start({ config: 'x'.repeat(1024 * 1024) }));
  await t.throwsAsync(start({ config: 'x'.repeat(1024 * 1024 + 1) }), {
    code: 'ERR_OPTION',
    message: 'config has 1048577 bytes, over the limit of 1048576; make it smaller',
  });
  await t.throwsAsync(start({ config: 7 as unknown as string }), {
    code: 'ERR_OPTION',
    message: 'config must be text or bytes, got number',
  });
});

test('a swap keeps the configuration, or brings another one; instances after it have that', async (t) => {
  const server = await start({ config: 'one' });
  const peer = server.connect();
  await server.swap(module);
  t.is(ask(peer, 'c'), 'one');
  await server.swap(module, { config: 'two' });
  t.is(ask(peer, 'c'), 'two');
  server.connect().send('T');
  t.is(ask(peer, 'c'), 'two');
});

// random

test('random bytes are the same for the same seed, and others for another one', async (t) => {
  const bytes = async (seed?: number): Promise<string> => {
    const peer = (await start(seed === undefined ? {} : { seed })).connect();
    peer.send('r 16');
    const first = Buffer.from(peer.received()).toString('hex');
    peer.send('r 16');
    return first + Buffer.from(peer.received()).toString('hex');
  };
  const [a, b, c] = [await bytes(7), await bytes(7), await bytes(8)];
  t.is(a.length, 64);
  t.is(a, b);
  t.not(a, c);
  t.not(a.slice(0, 32), a.slice(32), 'the next ones are others');
  t.is(await bytes(), await bytes(), 'there is a seed by default');
});

test('random gives at most 64 KiB a call, and only into memory that there is', async (t) => {
  const asked = (length: number, address = 0): Uint8Array =>
    guest({
      memory: { min: 3 },
      functions: {
        on_data: [
          [i32(64), i32(address), i32(length), call('random'), store()],
          [get(0), i32(64), i32(4), call('send'), drop, get(3)],
        ],
      },
    });
  const status = async (module: Uint8Array): Promise<number> => {
    const peer = (await harness(module)).connect();
    peer.send('?');
    return new DataView(peer.received().slice().buffer).getInt32(0, true);
  };
  t.is(await status(asked(65_536)), 0);
  t.is(await status(asked(65_537)), -3);
  t.is(await status(asked(65_536, 3 * 65_536 - 65_535)), -2);
  t.is(await status(asked(0)), 0);
});

// wall_clock

test('the wall clock goes on with the virtual clock, from where it was set', async (t) => {
  const server = await start({ wallClock: 1_000_000 });
  const peer = server.connect();
  t.is(ask(peer, 'w'), '1000001.0 1000001.0');
  server.advance(1500);
  t.is(ask(peer, 'w'), '1001501.0 1001501.0');
  t.is(ask(peer, 'n'), '1501.0 1501.0');
});

test('the wall clock starts with the year 2000 by default', async (t) => {
  const peer = (await start()).connect();
  const milliseconds = Number(ask(peer, 'w').split(' ')[0]);
  t.is(new Date(milliseconds).toISOString(), '2000-01-01T00:00:00.001Z');
});

// property

test('a connection has its listener, its local address and its transport as properties', async (t) => {
  const server = await start();
  const usual = server.connect();
  t.is(ask(usual, 'p listener'), '15 127.0.0.1:33445');
  t.is(ask(usual, 'p local'), '15 127.0.0.1:33445');
  t.is(ask(usual, 'p transport'), '3 tcp');
  const other = server.connect({ listener: '[::]:80', local: '[::1]:80' });
  t.is(ask(other, 'p listener'), '7 [::]:80');
  t.is(ask(other, 'p local'), '8 [::1]:80');
  const unix = server.connect({ listener: 'unix:/run/x' });
  t.is(ask(unix, 'p listener'), '11 unix:/run/x');
  t.is(ask(unix, 'p transport'), '4 unix');
  t.is(ask(usual, 'p listener'), '15 127.0.0.1:33445');
});

test('a property that there is not is ABSENT, whatever its name', async (t) => {
  const peer = (await start()).connect();
  for (const key of ['tls.version', 'proxy.source', 'Local', 'constructor', 'x'.repeat(500)]) {
    t.is(ask(peer, `p ${key}`), '-5', key);
  }
});

test('a property is cut at the capacity, and its full length is told', async (t) => {
  const peer = (await start()).connect();
  t.is(ask(peer, 'P 9 local'), `15 127.0.0.1${'.'.repeat(6)}`);
});

// metrics

test('counters add, gauges stand, histograms count into buckets', async (t) => {
  const server = await start({ config: 'metric 1 level\nmetric 0 bytes' });
  const peer = server.connect();
  t.is(ask(peer, 'D'), '3 4');
  for (const command of ['m 4 2', 'm 4 3.5', 'm 3 7', 'm 3 -1']) t.is(ask(peer, command), '0');
  for (const size of ['0.5', '1', '1.01', '1e9', '2e9', '-4']) ask(peer, `m 2 ${size}`);
  const { level, bytes, sizes } = server.stats().guest;
  t.deepEqual(level, { kind: 'gauge', value: -1 });
  t.deepEqual(bytes, { kind: 'counter', value: 5.5 });
  if (sizes?.kind !== 'histogram') return t.fail();
  t.is(sizes.count, 6);
  t.is(sizes.sum, 0.5 + 1 + 1.01 + 3e9 - 4);
  t.is(sizes.buckets.length, 37);
  const counts = new Map(sizes.buckets.map(({ le, count }) => [le, count]));
  t.deepEqual(
    [0.001, 0.2, 0.5, 1, 2, 5e8, 1e9].map((le) => counts.get(le)),
    [1, 1, 2, 3, 4, 4, 5],
  );
});

test('what a metric cannot take is refused with BOUNDS', async (t) => {
  const server = await start();
  const peer = server.connect();
  t.is(ask(peer, 'm 0 -1'), '-2', 'a counter does not go back');
  for (const value of ['NaN', 'Infinity', '-Infinity']) t.is(ask(peer, `m 2 ${value}`), '-2');
  for (const id of ['3', '-1', '2147483647']) t.is(ask(peer, `m ${id} 1`), '-2');
  t.is(value(server, 'starts'), 1);
  t.is(value(server, 'sizes'), 0);
});

test('what a metric cannot be is refused when it is declared', async (t) => {
  const names = ['1st', 'Upper', 'a-b', 'ü', 'a.b'].map((name) => `metric 0 ${name}`);
  const lines = [
    ...[...names, 'metric 3 kind', 'metric -1 kind', `metric 0 ${'n'.repeat(64)}`],
    ...[`metric 0 ${'n'.repeat(65)}`, 'metric 0 starts', 'metric 1 starts', 'metric 1 _a0'],
  ];
  const peer = (await start({ config: lines.join('\n') })).connect();
  t.is(ask(peer, 'D'), '-2 -2 -2 -2 -2 -2 -2 3 -3 0 -2 4');
});

test('an instance declares at most 256 metrics, and none when its start-up is over', async (t) => {
  const lines = Array.from({ length: 254 }, (_, index) => `metric 0 m${index}`);
  const server = await start({ config: lines.join('\n') });
  const peer = server.connect();
  const ids = ask(peer, 'D').split(' ').map(Number);
  t.deepEqual(ids.slice(-2), [255, -3]);
  t.is(ask(peer, 'd 0 late'), '-4');
  t.is(Object.keys(server.stats().guest).length, 256);
  t.is(ask(peer, 'm 255 2'), '0');
  t.is(value(server, 'm252'), 2);
});

test('a name that an object has by itself is a name like others', async (t) => {
  const server = await start({ config: 'metric 0 __proto__\nmetric 0 constructor' });
  const peer = server.connect();
  ask(peer, 'm 3 2');
  t.deepEqual(Object.keys(server.stats().guest), [
    'starts',
    'ticks',
    'sizes',
    '__proto__',
    'constructor',
  ]);
});

test('a callback that traps has measured nothing; those before it have', async (t) => {
  const server = await start({ config: 'metric 0 hits' });
  const [bad, good] = [server.connect(), server.connect()];
  ask(bad, 'm 3 1');
  bad.send('M 3 10');
  t.is(bad.closeReason, REASON_TRAP);
  t.is(value(server, 'hits'), 1);
  t.is(ask(good, 'm 3 1'), '0');
  t.is(value(server, 'hits'), 2, 'the fresh instance goes on with it');
});

// f64.const 1.
const countsOne = [i32(0), [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f], call('measure')];

test('measures of pipelined messages are all counted', async (t) => {
  // 1,000 messages of one byte come in one receive.
  const counting = guest({
    data: [{ at: 64, bytes: 'hits' }],
    functions: {
      _initialize: [i32(0), i32(64), i32(4), call('metric'), drop],
      on_data: [
        [countsOne, drop],
        [get(0), get(2), i32(1), call('send'), drop, i32(1)],
      ],
    },
  });
  const server = await harness(counting);
  const peer = server.connect();
  peer.send('x'.repeat(1000));
  t.is(peer.text(), 'x'.repeat(1000));
  t.is(value(server, 'hits'), 1000);
});

test('measures count among the effects of a callback, of which there can be so many', async (t) => {
  const counting = guest({
    data: [{ at: 64, bytes: 'hits' }],
    globals: { last: 0 },
    functions: {
      _initialize: [i32(0), i32(64), i32(4), call('metric'), drop],
      on_data: [Array.from({ length: 17 }, () => [countsOne, setGlobal('last')]), get(3)],
      on_end: [i32(64), getGlobal('last'), store(), get(0), i32(64), i32(4), call('send')],
    },
  });
  const server = await harness(counting, { policy: { maxStagedSends: 16 } });
  const peer = server.connect();
  peer.send('x');
  t.is(value(server, 'hits'), 16);
  peer.end();
  t.is(new DataView(peer.received().slice().buffer).getInt32(0, true), STATUS_LIMIT);
});

test('a swap goes on with metrics of the same name and kind, and forgets the others', async (t) => {
  const server = await start({ config: 'metric 0 kept\nmetric 1 changed\nmetric 0 gone' });
  const peer = server.connect();
  for (const command of ['m 3 5', 'm 4 6', 'm 5 7', 'm 2 10']) ask(peer, command);
  await server.swap(module, { config: 'metric 0 fresh\nmetric 0 changed\nmetric 0 kept' });
  const { kept, changed, gone, fresh, sizes } = server.stats().guest;
  t.deepEqual(kept, { kind: 'counter', value: 5 });
  t.deepEqual(changed, { kind: 'counter', value: 0 });
  t.deepEqual(fresh, { kind: 'counter', value: 0 });
  t.is(gone, undefined);
  t.like(sizes, { count: 1, sum: 10 });
  ask(peer, 'm 5 1');
  t.is(value(server, 'kept'), 6, 'by its new number');
});

test('a swap that is refused changes no metric', async (t) => {
  const server = await start();
  const peer = server.connect();
  ask(peer, 'm 2 10');
  const bad = guest({ functions: { _initialize: [[0x00]] } });
  await t.throwsAsync(server.swap(bad), { code: 'ERR_GUEST' });
  t.is(value(server, 'sizes'), 1);
});

// Start-up

test('in start-up all but config and metric give STATE', async (t) => {
  await t.notThrowsAsync(start({ config: 'early' }));
});

test('in the start function the memory is not known: config and metric give STATE', async (t) => {
  const server = await harness(
    guest({
      globals: { length: 0, id: 0 },
      functions: {
        begin: [
          [i32(0), i32(0), call('config'), setGlobal('length')],
          [i32(0), i32(0), i32(0), call('metric'), setGlobal('id')],
        ],
        on_data: [
          [i32(64), getGlobal('length'), store(), i32(68), getGlobal('id'), store()],
          [get(0), i32(64), i32(8), call('send'), drop, get(3)],
        ],
      },
      start: 'begin',
    }),
    { config: 'x' },
  );
  const peer = server.connect();
  peer.send('?');
  const answer = new DataView(peer.received().slice().buffer);
  t.deepEqual([answer.getInt32(0, true), answer.getInt32(4, true)], [-4, -4]);
});

test('calls in start-up are counted as those of a callback are', async (t) => {
  const many = guest({
    functions: {
      _initialize: Array.from({ length: 101 }, () => [i32(0), i32(0), call('config'), drop]),
    },
  });
  await t.notThrowsAsync(harness(many, { policy: { hostCallsPerCallback: 101 } }));
  await t.throwsAsync(harness(many, { policy: { hostCallsPerCallback: 100 } }), {
    code: 'ERR_GUEST',
    message: 'guest: start-up failed: more than 100 host calls in the start-up',
  });
});

// on_start

test('on_start is called once in each instance that goes into service', async (t) => {
  const server = await start();
  t.is(value(server, 'starts'), 1);
  server.connect().send('T');
  t.is(value(server, 'starts'), 2);
  await server.swap(module);
  t.is(value(server, 'starts'), 3);
  server.connect();
  t.is(value(server, 'starts'), 3);
});

test('on_start comes after on_restore, and what it asks for takes effect', async (t) => {
  const told = guest({
    globals: { last: 0 },
    functions: {
      on_restore: [get(0), setGlobal('last')],
      on_start: [getGlobal('last'), i32(64), i32(5), call('send'), drop],
    },
    data: [{ at: 64, bytes: 'hello' }],
  });
  const server = await harness(told);
  const peer = server.connect();
  await server.swap(told);
  t.is(peer.text(), 'hello');
});

test('an on_start that traps at the start is a refusal', async (t) => {
  await t.throwsAsync(start({ config: 'start trap' }), {
    code: 'ERR_GUEST',
    message: /^guest: on_start failed: unreachable in /,
  });
});

test('an on_start that traps later is told, and an instance goes into service without it', async (t) => {
  const server = await start();
  const peer = server.connect();
  await server.swap(module, { config: 'start trap' });
  t.is(server.traps.length, 1);
  t.regex(server.traps[0]!, /^on_start is left out, since it failed: unreachable in /);
  t.is(ask(peer, 'c'), 'start trap');
  t.is(peer.state, 'open');
  t.is(value(server, 'starts'), 1, 'what it measured is taken back');
  server.connect().send('T');
  t.is(server.traps.length, 3, 'the next instance tries again, and so on');
  t.is(ask(peer, 'c'), 'start trap');
});

// on_tick

test('on_tick comes at every tick, and not without one', async (t) => {
  const server = await start({ policy: { tickMs: 100 } });
  server.advance(99);
  t.is(value(server, 'ticks'), 0);
  server.advance(1);
  t.is(value(server, 'ticks'), 1);
  server.advance(1000);
  t.is(value(server, 'ticks'), 11);
  const off = await start();
  off.advance(100_000);
  t.is(value(off, 'ticks'), 0);
});

test('a guest without on_tick is not disturbed by ticks', async (t) => {
  const server = await harness(guest(), { policy: { tickMs: 10 } });
  server.advance(100);
  t.deepEqual(server.traps, []);
});

test('what on_tick sends goes out', async (t) => {
  const server = await start({ policy: { tickMs: 100 } });
  const peer = server.connect();
  t.is(ask(peer, 't 3'), 'ok');
  server.advance(200);
  t.is(peer.text(), 'tick\ntick\n');
});

test('a trap in on_tick costs no connection, and the next tick comes', async (t) => {
  const server = await start({ policy: { tickMs: 100 } });
  const peer = server.connect();
  ask(peer, 't 1');
  server.advance(100);
  t.is(server.traps.length, 1);
  t.regex(server.traps[0]!, /unreachable in .*on_tick/);
  t.is(value(server, 'ticks'), 0, 'taken back');
  t.is(peer.state, 'open');
  t.is(ask(peer, 'c'), '');
  server.advance(100);
  t.is(value(server, 'ticks'), 1);
});

test('an on_tick that fails each time is called less and less often, which is told once', async (t) => {
  const server = await start({ policy: { tickMs: 100 }, config: 'tick trap 300000' });
  const peer = server.connect();
  const failed: number[] = [];
  for (let calls = 0; server.now < 200_000; server.advance(10)) {
    const traps = server.traps.filter(
      (why) => why.includes('on_tick()') || why.includes('unreachable'),
    );
    for (; calls < traps.length; calls += 1) failed.push(server.now);
  }
  const waits = failed.slice(1).map((at, index) => at - failed[index]!);
  t.deepEqual(waits.slice(0, 7), [100, 1000, 2000, 4000, 8000, 16_000, 30_000]);
  t.true(waits.slice(7).every((ms) => ms === 30_000));
  const told = server.traps.filter((why) => why.includes('less often'));
  t.deepEqual(told, ['Error: on_tick fails each time: it is called less often']);
  t.is(peer.state, 'open');
  // One that succeeds is followed by all others.
  server.advance(130_000);
  const ticks = value(server, 'ticks');
  t.true(ticks > 0);
  server.advance(1000);
  t.is(value(server, 'ticks'), ticks + 10);
});

test('a module that is swapped in has its own on_tick called at the next tick', async (t) => {
  const server = await start({ policy: { tickMs: 100 }, config: 'tick trap 1000000' });
  server.advance(60_000);
  t.is(value(server, 'ticks'), 0);
  await server.swap(module, { config: '' });
  server.advance(100);
  t.is(value(server, 'ticks'), 1);
});

test('on_tick finds no state block, and changes none', async (t) => {
  const writes = guest({
    functions: {
      state_size: [i32(16)],
      on_data: [get(1), get(2), store(), get(0), get(1), i32(4), call('send'), drop, get(3)],
      // The block of the connection that was served last still lies where it lay.
      on_tick: [getGlobal('block'), i32(-1), store()],
      on_open: [get(1), setGlobal('block'), get(1), i32(7), store()],
      on_timer: [get(0), get(1), i32(4), call('send'), drop],
      on_end: [get(0), get(1), i32(4), call('send'), drop, i32(0)],
    },
    globals: { block: 0 },
  });
  const server = await harness(writes, { policy: { tickMs: 100 } });
  const peer = server.connect();
  server.advance(100);
  peer.end();
  t.deepEqual([...peer.received()], [7, 0, 0, 0]);
});
