// The functions of WASI that a guest may import: what each answers, in a callback and in start-up.

import test from 'ava';
import { LOG_ERROR, LOG_INFO, REASON_TRAP } from '../../assembly/abi.ts';
import { type Harness, type HarnessOptions, harness } from '../../host/testing/harness.ts';
import { E } from '../../host/wasi/preview1/numbers.ts';
import {
  type Code,
  call,
  drop,
  get,
  guest,
  i32,
  type ModuleSpec,
  store,
  unreachable,
} from '../helpers/wasm.ts';

const RESULT = 64;
const OUT = 72;
const i64 = (value: number): Code => [[0x42, value]];

/** The answer of one function, called in on_data, and what it wrote at OUT. */
async function ask(name: string, args: Code, options?: HarnessOptions, spec: ModuleSpec = {}) {
  const server = await harness(
    guest({
      ...spec,
      functions: {
        on_data: [
          [i32(RESULT), args, call(name), store()],
          [get(0), i32(RESULT), i32(40), call('send'), drop, get(3)],
        ],
      },
    }),
    options,
  );
  const peer = server.connect();
  peer.send('?');
  const answer = peer.received().slice();
  const result = new DataView(answer.buffer);
  return { result: result.getInt32(0, true), out: new DataView(answer.buffer, 8), server };
}

const lines = (server: Harness): [number, string][] =>
  server.logs.map(({ level, text }) => [level, text]);

/** A guest that writes each text with an fd_write of its own, one piece each, in the callback. */
const writing = (fd: number, texts: readonly string[], end: Code = []): Uint8Array<ArrayBuffer> => {
  // Behind the window.
  let at = 3 * 65_536;
  const data: { at: number; bytes: string | Uint8Array }[] = [];
  const calls = texts.map((text, index) => {
    const bytes = new TextEncoder().encode(text);
    const piece = new Uint8Array(Uint32Array.of(at, bytes.length).buffer);
    data.push({ at: 128 + index * 8, bytes: piece }, { at, bytes });
    at += bytes.length;
    return [i32(fd), i32(128 + index * 8), i32(1), i32(OUT), call('fd_write'), drop];
  });
  return guest({ memory: { min: 4 }, data, functions: { on_data: [calls, end, get(3)] } });
};

test('there are neither arguments nor an environment', async (t) => {
  for (const group of ['args', 'environ']) {
    const sizes = await ask(
      `${group}_sizes_get`,
      [i32(OUT), i32(OUT + 4)],
      {},
      {
        data: [{ at: OUT, bytes: 'xxxxxxxx' }],
      },
    );
    t.deepEqual([sizes.result, sizes.out.getBigUint64(0, true)], [E.SUCCESS, 0n]);
    t.is((await ask(`${group}_sizes_get`, [i32(-1), i32(OUT)])).result, E.FAULT);
    t.is((await ask(`${group}_get`, [i32(OUT), i32(OUT)])).result, E.SUCCESS);
  }
});

test('clocks show the virtual time, in nanoseconds', async (t) => {
  const wallClock = Date.UTC(2030, 0, 1);
  const at = (clock: number, out = OUT): Code => [i32(clock), i64(0), i32(out)];
  const real = await ask('clock_time_get', at(0), { wallClock });
  t.deepEqual(
    [real.result, real.out.getBigUint64(0, true)],
    [E.SUCCESS, BigInt(wallClock + 1) * 1_000_000n],
  );
  const monotonic = await ask('clock_time_get', at(1));
  t.is(monotonic.out.getBigUint64(0, true), 1_000_000n);
  t.is((await ask('clock_time_get', at(2))).result, E.NOTSUP);
  t.is((await ask('clock_time_get', at(0, -4))).result, E.FAULT);
  const resolution = await ask('clock_res_get', [i32(1), i32(OUT)]);
  t.is(resolution.out.getBigUint64(0, true), 1_000_000n);
  t.is((await ask('clock_res_get', [i32(9), i32(OUT)])).result, E.NOTSUP);
});

test('random bytes come by the seed, at most 64 KiB a call', async (t) => {
  const bytes = async (seed: number): Promise<bigint> => {
    const { result, out } = await ask('random_get', [i32(OUT), i32(8)], { seed });
    t.is(result, E.SUCCESS);
    return out.getBigUint64(0, true);
  };
  t.is(await bytes(1), await bytes(1));
  t.not(await bytes(1), await bytes(2));
  const memory = { memory: { min: 3 } };
  t.is((await ask('random_get', [i32(4096), i32(65_537)], {}, memory)).result, E.INVAL);
  t.is((await ask('random_get', [i32(-8), i32(16)])).result, E.FAULT);
});

test('descriptors 0 to 2 are terminals, and there are no others', async (t) => {
  for (const fd of [0, 1, 2]) {
    const { result, out } = await ask('fd_fdstat_get', [i32(fd), i32(OUT)]);
    t.deepEqual([result, out.getUint8(0)], [E.SUCCESS, 2]);
    // Without SEEK and TELL wasi-libc takes it for a terminal, and writes line by line.
    t.is(out.getUint32(8, true) & 0b100100, 0);
  }
  t.is((await ask('fd_fdstat_get', [i32(3), i32(OUT)])).result, E.BADF);
  t.is((await ask('fd_fdstat_get', [i32(-1), i32(OUT)])).result, E.BADF);
  t.is((await ask('fd_fdstat_get', [i32(1), i32(-8)])).result, E.FAULT);
});

test('what needs a file is BADF, to wait is NOTSUP, and to yield succeeds', async (t) => {
  t.is((await ask('fd_close', [i32(1)])).result, E.BADF);
  t.is((await ask('fd_seek', [i32(1), i64(0), i32(0), i32(OUT)])).result, E.BADF);
  t.is((await ask('fd_prestat_get', [i32(3), i32(OUT)])).result, E.BADF);
  t.is((await ask('fd_prestat_dir_name', [i32(3), i32(OUT), i32(8)])).result, E.BADF);
  t.is((await ask('poll_oneoff', [i32(OUT), i32(OUT), i32(1), i32(OUT)])).result, E.NOTSUP);
  t.is((await ask('sched_yield', [])).result, E.SUCCESS);
});

test('what is written to 1 and 2 becomes lines of the log', async (t) => {
  const out = await harness(writing(1, ['one\ntwo\n', 'th', 'ree\n\n', 'rest']));
  out.connect().send('?');
  t.deepEqual(lines(out), [
    [LOG_INFO, 'one'],
    [LOG_INFO, 'two'],
    [LOG_INFO, 'three'],
    [LOG_INFO, ''],
  ]);
  const error = await harness(writing(2, ['bad \x1b[2J\n']));
  error.connect().send('?');
  t.deepEqual(lines(error), [[LOG_ERROR, 'bad \\x1b[2J']]);
  const both = await ask('fd_write', [i32(3), i32(0), i32(0), i32(OUT)]);
  t.is(both.result, E.BADF);
});

test('a line that has not ended is logged when the instance fails', async (t) => {
  const server = await harness(writing(2, ['panicked at ', 'the end'], [[unreachable]]));
  const peer = server.connect();
  peer.send('?');
  t.is(peer.closeReason, REASON_TRAP);
  t.deepEqual(lines(server), [[LOG_ERROR, 'panicked at the end']]);
});

test('a line is cut after 4,096 bytes, and so is a write', async (t) => {
  const server = await harness(writing(1, ['x'.repeat(4096), 'y'.repeat(5000)]));
  server.connect().send('?');
  t.deepEqual(
    server.logs.map(({ text }) => [text[0], text.length]),
    [
      ['x', 4096],
      ['y', 4096],
    ],
  );
  const piece = new Uint8Array(Uint32Array.of(4096, 5000).buffer);
  const { out } = await ask(
    'fd_write',
    [i32(1), i32(128), i32(1), i32(OUT)],
    {},
    {
      data: [{ at: 128, bytes: piece }],
    },
  );
  t.is(out.getUint32(0, true), 4096);
});

test('pieces that are outside the memory, or too many, are refused', async (t) => {
  const piece = (from: number, length: number): ModuleSpec => ({
    data: [{ at: 128, bytes: new Uint8Array(Uint32Array.of(from, length).buffer) }],
  });
  const write = (count: number, spec: ModuleSpec, pieces = 128, out = OUT) =>
    ask('fd_write', [i32(1), i32(pieces), i32(count), i32(out)], {}, spec);
  t.is((await write(1, piece(65_536 * 64, 4))).result, E.FAULT);
  t.is((await write(1, piece(64, 0xffffffff))).result, E.FAULT);
  t.is((await write(1, piece(64, 4), -8)).result, E.FAULT);
  t.is((await write(1, piece(64, 4), 128, -2)).result, E.FAULT);
  t.is((await write(1025, piece(64, 0))).result, E.INVAL);
  t.is((await write(1024, piece(64, 0))).result, E.SUCCESS);
});

test('lines beyond logLinesPerSecond are dropped and counted, written ones as logged ones', async (t) => {
  const server = await harness(writing(1, ['a\n'.repeat(50)]), {
    policy: { logLinesPerSecond: 10 },
  });
  server.connect().send('?');
  t.is(server.logs.length, 10);
  t.is(server.stats().logLinesDropped, 40);
});

test('each function counts as a host call, and each further line', async (t) => {
  const calls: Code = Array.from({ length: 10 }, () => [call('sched_yield'), drop]);
  const yields = (): Uint8Array => guest({ functions: { on_data: [calls, get(3)] } });
  const traps = async (module: Uint8Array, most: number): Promise<string[]> => {
    const server = await harness(module, { policy: { hostCallsPerCallback: most } });
    server.connect().send('?');
    return server.traps;
  };
  t.deepEqual(await traps(yields(), 10), []);
  t.deepEqual(await traps(yields(), 9), ['more than 9 host calls in one callback']);
  t.deepEqual(await traps(writing(1, ['\n'.repeat(10)]), 11), []);
  t.deepEqual(await traps(writing(1, ['\n'.repeat(10)]), 10), [
    'more than 10 host calls in one callback',
  ]);
});

test('proc_exit is a trap that tells the exit code', async (t) => {
  const server = await harness(
    guest({ functions: { on_data: [i32(3), call('proc_exit'), get(3)] } }),
  );
  const [bad, good] = [server.connect(), server.connect()];
  bad.send('?');
  t.is(bad.closeReason, REASON_TRAP);
  t.regex(server.traps[0]!, /^proc_exit\(3\): the guest wanted to end/);
  t.is(good.state, 'open');
});

test('they work in start-up, too, and what is written there is logged', async (t) => {
  const text = new TextEncoder().encode('ready\n');
  const server = await harness(
    guest({
      data: [
        { at: 128, bytes: new Uint8Array(Uint32Array.of(136, text.length).buffer) },
        { at: 136, bytes: text },
      ],
      functions: {
        _initialize: [
          [i32(2), i32(128), i32(1), i32(OUT), call('fd_write'), drop],
          [i32(OUT), i32(8), call('random_get'), drop],
        ],
        on_data: [get(0), i32(OUT), i32(8), call('send'), drop, get(3)],
      },
    }),
  );
  t.deepEqual(lines(server), [[LOG_ERROR, 'ready']]);
  const peer = server.connect();
  peer.send('?');
  t.true(peer.received().some((byte) => byte !== 0));
});

test('a start-up that ends itself is refused with the exit code', async (t) => {
  const exits = guest({ functions: { _initialize: [i32(70), call('proc_exit')] } });
  await t.throwsAsync(harness(exits), {
    code: 'ERR_GUEST',
    message: /^guest: start-up failed: proc_exit\(70\): the guest wanted to end/,
  });
});
