// The call record: what a callback is given is noted before it runs, and can be read whatever it does then.

import test from 'ava';
import { CallRecord } from '../../host/guest/call-record.ts';
import { type Guest, makeGround, startGuest } from '../../host/guest/start.ts';
import { ControlWords } from '../../host/memory/control-words.ts';
import { makeControl } from '../../host/memory/timed-control.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { type Policy, resolvePolicy } from '../../host/policy.ts';
import { guest, i32 } from '../helpers/wasm.ts';

const [CONNECTION, NOW, WALL] = [99, 5, 7000];

async function recorded(
  policy: Partial<Policy> = {},
): Promise<{ record: CallRecord; guest: Guest; write(at: number, text: string): void }> {
  const module = guest({
    functions: {
      state_size: [i32(8)],
      state_version: [i32(3)],
      on_end: [i32(0)],
      on_message: [],
      on_missed: [],
      on_reply: [],
      on_replies: [],
      on_close: [],
      on_timer: [],
      on_tick: [],
      migrate: [],
    },
  });
  const limits = resolvePolicy(policy);
  const record = CallRecord.make(limits);
  const ground = makeGround({
    policy: limits,
    control: makeControl(new ArrayBuffer(ControlWords.bytes), null, false),
    observer: { log: () => true },
    now: () => NOW,
    wallNow: () => WALL,
    record,
  });
  const loaded = { ...(await loadModule(module, limits)), sha256: 'a1'.repeat(32) };
  const started = startGuest(loaded, ground);
  return {
    record,
    guest: started,
    write: (at, text) => {
      started.memory.bytes.set(new TextEncoder().encode(text), at);
    },
  };
}

const text = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? undefined);

test('nothing is there before the first callback', async (t) => {
  t.is((await recorded()).record.read(), null);
});

test('of on_data it has the state block, the bytes, the clocks and the module', async (t) => {
  const { record, guest, write } = await recorded();
  write(guest.state, 'state-of');
  write(guest.window, 'hello');
  guest.onData(CONNECTION, guest.state, guest.window, 5);
  const call = record.read()!;
  t.is(call.callback, 'on_data');
  t.is(text(call.state), 'state-of');
  t.is(text(call.bytes), 'hello');
  t.deepEqual([call.length, call.now, call.wall, call.stateVersion], [5, NOW, WALL, 3]);
  t.is(call.sha256, 'a1'.repeat(32));
  t.deepEqual(call.numbers, []);
});

test('what another thread reads is the same, also when the callback changes its memory', async (t) => {
  const { record, guest, write } = await recorded();
  write(guest.window, 'hello');
  guest.onData(CONNECTION, guest.state, guest.window, 5);
  write(guest.window, 'spoil');
  write(guest.state, 'spoil');
  const there = new CallRecord(record.buffer, resolvePolicy()).read()!;
  t.is(text(there.bytes), 'hello');
  t.deepEqual(there.state, new Uint8Array(8));
});

test('of pipelined messages each has the rest of the bytes', async (t) => {
  const { record, guest, write } = await recorded();
  write(guest.window, 'one two three');
  guest.onData(CONNECTION, guest.state, guest.window, 13);
  guest.onData(CONNECTION, guest.state, guest.window + 4, 9);
  t.is(text(record.read()!.bytes), 'two three');
  guest.onData(CONNECTION, guest.state, guest.window + 8, 5);
  t.is(text(record.read()!.bytes), 'three');
  write(guest.window, 'other');
  guest.onData(CONNECTION, guest.state, guest.window, 5);
  t.is(text(record.read()!.bytes), 'other');
});

test('other callbacks are noted with the numbers that they are given', async (t) => {
  const { record, guest, write } = await recorded();
  const { state, window } = guest;
  const noted = (): unknown[] => {
    const { callback, numbers, bytes, length, topicLength } = record.read()!;
    return [callback, [...numbers], text(bytes), length, topicLength];
  };
  write(window, 'topicdata');
  guest.onMessage!(CONNECTION, state, 7, 1, window, 5, window + 5, 4);
  t.deepEqual(noted(), ['on_message', [7, 1], 'topicdata', 9, 5]);
  guest.onReply!(CONNECTION, state, 8, -5, window + 5, 4);
  t.deepEqual(noted(), ['on_reply', [8, -5], 'data', 4, 0]);
  guest.migrate!(CONNECTION, window, 5, 2, state);
  t.deepEqual(noted(), ['migrate', [2], 'topic', 5, 0]);
  guest.onEnd!(CONNECTION, state, window, 5);
  t.deepEqual(noted(), ['on_end', [], 'topic', 5, 0]);
  guest.onClose!(CONNECTION, state, 9);
  t.deepEqual(noted(), ['on_close', [9], '', 0, 0]);
  guest.onTimer!(CONNECTION, state);
  t.deepEqual(noted(), ['on_timer', [], '', 0, 0]);
  guest.onTick!();
  t.deepEqual(noted(), ['on_tick', [], '', 0, 0]);
  t.is(guest.onDrain, null, 'a callback that is not there stays away');
});

test('of more bytes than crashBytes the first are kept, and of none neither bytes nor state', async (t) => {
  const short = await recorded({ crashBytes: 4 });
  short.write(short.guest.window, 'hello');
  short.guest.onData(CONNECTION, short.guest.state, short.guest.window, 5);
  t.is(text(short.record.read()!.bytes), 'hell');
  t.is(short.record.read()!.length, 5);
  const none = await recorded({ crashBytes: 0 });
  none.guest.onData(CONNECTION, none.guest.state, none.guest.window, 5);
  const { bytes, state, length } = none.record.read()!;
  t.deepEqual([bytes, state, length], [null, null, 5]);
});

test('replies that have come together are given, and noted, one by one', async (t) => {
  t.is((await recorded()).guest.onReplies, null);
});
