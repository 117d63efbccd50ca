// What a command asks of its process: arguments, environment, clocks, random bytes, its end.

import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import { E } from '../../host/wasi/preview1/numbers.ts';
import { Exit } from '../../host/wasi/preview1/waiter.ts';
import { DATA, OUT, RESULT, WasiHost } from '../helpers/wasi-host.ts';

/** The strings of args_get or environ_get, and what the sizes were. */
function strings(host: WasiHost, kind: 'args' | 'environ') {
  const { call, view } = host;
  const error = call[`${kind}_sizes_get`](OUT, OUT + 4);
  const [count, bytes] = [view.getUint32(OUT, true), view.getUint32(OUT + 4, true)];
  const texts: string[] = [];
  if (error === E.SUCCESS && call[`${kind}_get`](OUT, DATA) === E.SUCCESS) {
    for (let index = 0; index < count; index += 1) {
      const at = view.getUint32(OUT + index * 4, true);
      texts.push(host.text(host.bytes.indexOf(0, at) - at, at));
    }
  }
  return { count, bytes, texts };
}

test('arguments and environment are what was given, and nothing of the host', (t) => {
  const args = ['program', '', '--flag', 'ümlaut'];
  const host = new WasiHost(t, [], { args, environment: ['A=1', 'B=x=y', 'C='] });
  t.deepEqual(strings(host, 'args'), { count: 4, bytes: 8 + 1 + 7 + 8, texts: args });
  const environ = { count: 3, bytes: 4 + 6 + 3, texts: ['A=1', 'B=x=y', 'C='] };
  t.deepEqual(strings(host, 'environ'), environ);
});

test('without arguments and environment there are none', (t) => {
  const host = new WasiHost(t, []);
  t.deepEqual(strings(host, 'args'), { count: 0, bytes: 0, texts: [] });
  t.deepEqual(strings(host, 'environ'), { count: 0, bytes: 0, texts: [] });
});

test('clocks tell the time in nanoseconds, and their resolution; others are INVAL', (t) => {
  const host = new WasiHost(t, []);
  const time = (clock: number): bigint => {
    t.is(host.call.clock_time_get(clock, 0n, RESULT), E.SUCCESS);
    return host.view.getBigUint64(RESULT, true);
  };
  for (const clock of [0, 1, 2, 3]) {
    const first = time(clock);
    t.true(time(clock) >= first && first > 0n);
    t.is(host.call.clock_res_get(clock, RESULT), E.SUCCESS);
    t.true(host.view.getBigUint64(RESULT, true) > 0n);
  }
  const [before, real, after] = [Date.now(), time(0) / 1_000_000n, Date.now()];
  t.true(real >= before && real <= after);
  const monotonic = process.hrtime.bigint();
  t.true(time(1) >= monotonic);
  for (const clock of [4, 99, -1]) {
    t.is(host.call.clock_time_get(clock, 0n, RESULT), E.INVAL);
    t.is(host.call.clock_res_get(clock, RESULT), E.INVAL);
  }
});

test('random bytes fill their buffer, and nothing else', (t) => {
  const host = new WasiHost(t, []);
  t.is(host.call.random_get(DATA, 0), E.SUCCESS);
  t.is(host.call.random_get(DATA, 1024), E.SUCCESS);
  const bytes = host.bytes.slice(DATA, DATA + 1024);
  t.true(new Set(bytes).size > 200);
  t.true(host.bytes.every((byte, at) => byte === 0 || (at >= DATA && at < DATA + 1024)));
});

test('an exit has the status as a u32; signals there are none; yielding succeeds', (t) => {
  const host = new WasiHost(t, []);
  t.is(host.call.proc_raise(9), E.NOSYS);
  t.is(host.call.sched_yield(), E.SUCCESS);
  t.is(t.throws(() => host.call.proc_exit(-1), { instanceOf: Exit })!.status, 2 ** 32 - 1);
});

test('a host that fails ends the guest, and each of its further calls', (t) => {
  const broken = {
    ...native,
    clockTime: () => {
      throw new TypeError('broken');
    },
  };
  const host = new WasiHost(t, [], { native: broken });
  t.throws(() => host.call.clock_time_get(0, 0n, RESULT), { message: 'broken' });
  t.throws(() => host.call.sched_yield(), { message: 'broken' });
});

test('random bytes fill a buffer beyond 2 GiB as well', (t) => {
  const GiB = 2 ** 30;
  const host = new WasiHost(t, [], { pages: (2 * GiB) / 65_536 + 1 });
  t.is(host.call.random_get((2 * GiB) | 0, 4096), E.SUCCESS);
  t.false(host.bytes.subarray(2 * GiB, 2 * GiB + 4096).every((byte) => byte === 0));
});
