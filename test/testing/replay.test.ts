// Crash files are played again on the harness: each callback, with the state block that it had.

import test from 'ava';
import { type Crash, crashText, readCrash } from '../../host/crashes/crash.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { replay } from '../../host/testing/index.ts';
import {
  type Code,
  call,
  drop,
  equal,
  get,
  guest,
  i32,
  load8,
  unreachable,
  when,
} from '../helpers/wasm.ts';

const CALLBACKS = [
  ...['on_data', 'on_end', 'on_drain', 'on_timer', 'on_close', 'on_restore', 'on_missed'],
  ...['on_message', 'on_reply'],
];

/** Each callback traps if the state block begins with its number. */
function bomb(): Uint8Array<ArrayBuffer> {
  const traps = (number: number, state = 1): Code => [
    [get(state), load8(), i32(number), equal],
    when(unreachable),
  ];
  const functions: Record<string, Code> = { state_size: [i32(8)] };
  for (const [index, name] of CALLBACKS.entries()) {
    const answers = name === 'on_data' || name === 'on_end';
    functions[name] = [traps(index + 1), answers ? i32(0) : []];
  }
  return guest({ functions });
}

const crash = (
  callback: string,
  state: readonly number[],
  more: Partial<Crash['call']> = {},
): Crash => ({
  module: { name: 'bomb', sha256: '' },
  reason: 'unreachable',
  source: null,
  frames: [],
  connection: 1,
  policy: resolvePolicy(),
  call: {
    callback,
    handle: 0,
    numbers: [],
    now: 1_000_000,
    wall: 2_000_000,
    sha256: '',
    stateVersion: 0,
    state: new Uint8Array(8).fill(0).map((_, at) => state[at] ?? 0),
    bytes: new Uint8Array([1, 2, 3]),
    length: 3,
    topicLength: 1,
    ...more,
  },
});

for (const [index, callback] of CALLBACKS.entries()) {
  test(`a trap in ${callback} comes again from its state block, and not from another`, async (t) => {
    const { reproduced, found } = await replay(crash(callback, [index + 1]), bomb());
    t.deepEqual([reproduced, found], [true, ['unreachable']]);
    const other = await replay(crash(callback, [100]), bomb());
    t.deepEqual([other.reproduced, other.found], [false, []]);
  });
}

test('on_open, on_tick and migrate are entered as they were', async (t) => {
  const onOpen = guest({ functions: { on_open: [unreachable] } });
  t.true((await replay(crash('on_open', []), onOpen)).reproduced);
  const onTick = guest({ functions: { on_tick: [unreachable] } });
  const stateless = { state: new Uint8Array(0) };
  t.true((await replay(crash('on_tick', [], stateless), onTick)).reproduced);
  // The old block, which lies in the window, begins with 1.
  const migrates = guest({
    functions: {
      state_size: [i32(16)],
      migrate: [[get(1), load8(), i32(1), equal], when(unreachable)],
    },
  });
  t.true((await replay(crash('migrate', [], { numbers: [3] }), migrates)).reproduced);
});

const lessThan: Code = [0x48];
/** As a proxy does, the guest closes a client for whom there is no upstream. */
const CLOSES_WITHOUT_UPSTREAM: Code = [
  ...[get(0), i32(1024), i32(2), i32(0), call('connect')],
  ...[i32(0), lessThan],
  when(get(0), i32(1), call('close'), drop),
];

for (const callback of ['on_connect', 'on_data']) {
  test(`a trap in ${callback} comes again though on_open would close the connection`, async (t) => {
    const module = guest({
      functions: {
        on_open: CLOSES_WITHOUT_UPSTREAM,
        on_connect: [],
        [callback]: callback === 'on_data' ? [unreachable, i32(0)] : unreachable,
      },
      data: [{ at: 1024, bytes: 'db' }],
    });
    const bare = { state: new Uint8Array(0) };
    const { reproduced, found } = await replay(crash(callback, [], bare), module);
    t.deepEqual([reproduced, found], [true, ['unreachable']]);
  });
}

test('a trap in on_open alone does not come again for another callback', async (t) => {
  const module = guest({ functions: { on_open: [unreachable], on_data: i32(0) } });
  const bare = { state: new Uint8Array(0) };
  const { reproduced, found } = await replay(crash('on_data', [], bare), module);
  t.deepEqual([reproduced, found], [false, []]);
});

test('in on_connect the connection leads to an upstream, whose name is not known', async (t) => {
  const traps: Code = [
    [get(0), i32(1024), i32(8), i32(2048), i32(64), call('property')],
    [i32(0), equal],
    when(unreachable),
  ];
  for (const callback of ['on_connect', 'on_timer']) {
    const module = guest({
      functions: { [callback]: traps },
      data: [{ at: 1024, bytes: 'upstream' }],
    });
    const { reproduced } = await replay(crash(callback, [], { state: new Uint8Array(0) }), module);
    t.is(reproduced, callback === 'on_connect');
  }
});

test('a handle that is no number of 32 bits is the one that it would be in a guest', async (t) => {
  const traps: Code = [[get(0), i32(19), equal], when(unreachable), i32(0)];
  const module = guest({ functions: { on_data: traps } });
  const text = crashText(
    crash('on_data', [], { state: new Uint8Array(0), handle: 2 ** 32 + 19.5 }),
  );
  t.is(readCrash(text).call.handle, 19);
  t.true((await replay(text, module)).reproduced);
});

test('the text of a crash says all that it has, and is read as it was written', (t) => {
  const one = crash('on_message', [1, 2, 255], { numbers: [7, 1] });
  t.deepEqual(readCrash(crashText(one)), one);
  const { state, cut } = JSON.parse(crashText(one));
  t.deepEqual([state, cut], [{ version: 0, hex: '0102ff0000000000' }, false]);
  const cutOff = crash('on_data', [], { length: 4 });
  t.true(JSON.parse(crashText(cutOff)).cut);
  t.deepEqual(readCrash(crashText(cutOff)), cutOff);
  const bare = crash('on_data', [], { state: null, bytes: null });
  t.deepEqual(readCrash(crashText(bare)), bare);
});

test('what is no crash file is refused, and so is one without its data', async (t) => {
  for (const text of ['', '{}', '[]', '{"format":"wasmpoll-crash-1"}']) {
    t.throws(() => readCrash(text), { code: 'ERR_OPTION', message: /^not a crash file: / });
  }
  const whole = JSON.parse(crashText(crash('on_data', [1])));
  for (const key of Object.keys(whole).filter((name) => !/^(?:time|cut|handle)$/.test(name))) {
    const text = JSON.stringify({ ...whole, [key]: undefined });
    t.throws(() => readCrash(text), { code: 'ERR_OPTION' }, key);
  }
  const options = { code: 'ERR_OPTION', message: /lacks data .* raise crashBytes/ };
  await t.throwsAsync(replay(crash('on_data', [1], { length: 9 }), bomb()), options);
  await t.throwsAsync(replay(crash('on_data', [1], { state: null }), bomb()), options);
});

test('another module is refused by its digest, and one with other state blocks by their size', async (t) => {
  const module = { name: 'bomb', sha256: '00'.repeat(32) };
  await t.throwsAsync(replay({ ...crash('on_data', [1]), module }, bomb()), {
    code: 'ERR_MODULE',
    message:
      /^bomb: another module than the one that failed: it has sha256 [\da-f]{12}…, not 0{12}…$/,
  });
  const state = new Uint8Array(9);
  await t.throwsAsync(replay(crash('on_data', [], { state }), bomb()), {
    code: 'ERR_OPTION',
    message: /has 9 bytes, and the module's has 8/,
  });
});

// The last connection of a small table, one of a large table, one whose generation has its sign bit, and one of many.
for (const handle of [3, 0x0001_0005, -0x7fff_fff1, 0x7fff_ffff]) {
  test(`a guest that fails for connection ${handle} alone fails for it again`, async (t) => {
    for (const callback of ['on_open', 'on_data', 'on_connect']) {
      const traps: Code = [[get(0), i32(handle), equal], when(unreachable)];
      const body = callback === 'on_data' ? [traps, i32(0)] : traps;
      const module = guest({ functions: { [callback]: body } });
      const bare = { state: new Uint8Array(0), handle };
      t.true((await replay(crash(callback, [], bare), module)).reproduced, callback);
      const other = { ...bare, handle: handle ^ 16 };
      t.false((await replay(crash(callback, [], other), module)).reproduced, callback);
    }
  });
}

test('a crash file of a version that did not note the connection is played with any', async (t) => {
  const { handle: _, ...old } = JSON.parse(crashText(crash('on_data', [1], { handle: 77 })));
  t.true((await replay(JSON.stringify(old), bomb())).reproduced);
});

test('the clocks stand where they stood', async (t) => {
  const { harness } = await replay(crash('on_data', [100]), bomb());
  t.is(harness.now, 1_000_000);
});
