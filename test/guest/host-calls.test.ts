// Host calls at times and depths at which nobody should make them.

import test from 'ava';
import { REASON_TRAP, STATUS_STATE } from '../../assembly/abi.ts';
import { harness } from '../../host/testing/harness.ts';
import {
  block,
  brIf,
  type Code,
  call,
  drop,
  equal,
  get,
  getGlobal,
  guest,
  i32,
  load8,
  returns,
  setGlobal,
  store,
  tryCatchAll,
  when,
} from '../helpers/wasm.ts';

const first = (letter: string): Code => [get(2), load8(), i32(letter.charCodeAt(0)), equal];

/** Every import, in so far as its answer is a status: all statuses or'ed into a global. */
const everything: Code = [
  [i32(0x2100), i32(0), i32(1), call('send'), setGlobal('status')],
  [i32(33), i32(0), call('close'), getGlobal('status'), equal, setGlobal('same')],
  [i32(33), call('pause'), drop, i32(33), call('resume'), drop],
  [i32(33), i32(1), call('want'), drop, i32(33), i32(1), call('set_timer'), drop],
  [i32(33), i32(0), i32(8), call('peer_address'), drop, call('now'), drop],
  [i32(1), i32(0), i32(1), call('log')],
  [i32(33), i32(0), i32(1), i32(0), i32(8), call('property'), drop, call('wall_clock'), drop],
  [i32(0), i32(8), call('random'), drop],
];

const echo: Code = [get(0), get(2), get(3), call('send'), drop, get(3), returns];

test('calls from the start function and from inside _initialize do nothing and give STATE', async (t) => {
  const server = await harness(
    guest({
      globals: { status: 0, same: 0 },
      functions: {
        begin: everything,
        _initialize: everything,
        on_data: [
          [i32(64), getGlobal('status'), store(), i32(68), getGlobal('same'), store()],
          [get(0), i32(64), i32(8), call('send'), drop, get(3)],
        ],
      },
      start: 'begin',
    }),
  );
  const peer = server.connect();
  peer.send('?');
  const answer = new DataView(peer.received().slice().buffer);
  t.deepEqual([answer.getInt32(0, true), answer.getInt32(4, true)], [STATUS_STATE, 1]);
  t.deepEqual(server.logs, []);
});

test('calls from inside allocate do nothing and give STATE', async (t) => {
  const server = await harness(
    guest({
      memory: { min: 4 },
      globals: { status: 0, same: 0 },
      functions: {
        allocate: [everything, i32(65_536)],
        on_data: [
          [i32(64), getGlobal('status'), store(), i32(68), getGlobal('same'), store()],
          [get(0), i32(64), i32(8), call('send'), drop, get(3)],
        ],
      },
    }),
  );
  const peer = server.connect();
  peer.send('?');
  const answer = new DataView(peer.received().slice().buffer);
  t.deepEqual([answer.getInt32(0, true), answer.getInt32(4, true)], [STATUS_STATE, 1]);
  t.deepEqual(server.logs, []);
});

test('a guest that catches its own abort is dead all the same: nothing of the callback happens', async (t) => {
  const server = await harness(
    guest({
      functions: {
        on_data: [
          first('A'),
          when(
            tryCatchAll([i32(0), i32(0), i32(1), i32(2), call('abort')]),
            // From the dead: nothing is sent, closed or logged.
            ...[get(0), get(2), get(3), call('send'), drop],
            ...[get(0), i32(0), call('close'), drop, i32(1), get(2), get(3), call('log')],
            ...[get(3), returns],
          ),
          echo,
          get(3),
        ],
      },
    }),
  );
  const [evil, other] = [server.connect(), server.connect()];
  evil.send('A');
  t.is(evil.closeReason, REASON_TRAP);
  t.is(evil.received().length, 0);
  t.deepEqual(server.logs, []);
  t.regex(server.traps[0]!, /abort/);
  other.send('still here');
  t.is(other.text(), 'still here');
});

// Down to where the stack ends, with a frame of so many locals that it ends elsewhere each time; at each
// depth the call, and whatever it throws is caught.
const deep = (target: Code, locals: number, caught: boolean): Uint8Array => {
  const body: Code = [target, call('deeper')];
  return guest({
    globals: { own: 0 },
    functions: {
      deeper: {
        locals: new Array(locals).fill('i64'),
        body: caught ? tryCatchAll(body) : body,
      },
      on_data: [
        [get(0), setGlobal('own')],
        [first('D'), when(call('deeper'), get(3), returns)],
        block(first('D'), brIf(0), echo),
        get(3),
      ],
    },
  });
};

test('a stack that ends inside a host function tears nothing, caught or not', async (t) => {
  const handle = 0x41;
  const calls: Code[] = [
    // To the other connection: its stream would be torn.
    [i32(handle), i32(64), i32(7), call('send'), drop],
    [i32(handle), i32(64), i32(100), call('send'), drop],
    [i32(handle), i32(50), call('set_timer'), drop],
    [i32(handle), call('pause'), drop],
    [i32(handle), i32(0), i32(64), call('peer_address'), drop],
    [i32(1), i32(64), i32(9), call('log')],
    [i32(handle), i32(64), i32(9), i32(128), i32(64), call('property'), drop],
    [i32(64), i32(64), call('random'), drop],
    [i32(128), i32(64), call('config'), drop],
    [i32(0), [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f], call('measure'), drop],
    [i32(1), i32(64), i32(1), i32(80), call('fd_write'), drop],
  ];
  const policy = { hostCallsPerCallback: 1_000_000, maxStagedSends: 65_536, poolBytes: 1 << 24 };
  for (const target of calls) {
    for (let locals = 0; locals < 12; locals += 5) {
      for (const caught of [true, false]) {
        const server = await harness(deep(target, locals, caught), { policy });
        const evil = server.connect();
        const other = server.connect();
        other.send('before');
        t.is(other.text(), 'before');
        evil.send('D');
        t.is(evil.closeReason, REASON_TRAP, `${locals} locals`);
        t.is(other.text(), '', 'nothing of the callback has happened');
        const large = 'x'.repeat(100_000);
        other.send(large);
        t.is(other.text(), large);
        t.is(server.stats().backlogBytes, 0);
      }
    }
  }
});
