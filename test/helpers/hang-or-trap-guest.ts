// A guest that does what its input's first byte says: H hangs, T traps, ? answers with the number of
// on_data calls of this connection so far, as a digit, which the state block holds; others are echoed.

import {
  add,
  type Code,
  call,
  drop,
  equal,
  forever,
  get,
  guest,
  i32,
  load,
  load8,
  returns,
  store,
  store8,
  unreachable,
  when,
} from './wasm.ts';

const CONNECTION = 0;
const STATE = 1;
const DATA = 2;
const LENGTH = 3;

const first = (letter: string): Code => [get(DATA), load8(), i32(letter.charCodeAt(0)), equal];

export const hazard = (): Uint8Array<ArrayBuffer> =>
  guest({
    functions: {
      state_size: [i32(8)],
      on_data: [
        [get(STATE), get(STATE), load(), i32(1), add, store()],
        [first('H'), when(forever())],
        [first('T'), when(unreachable)],
        first('?'),
        when(
          [get(STATE), get(STATE), load(), i32(0x30), add, store8(4)],
          [get(CONNECTION), get(STATE), i32(4), add, i32(1), call('send'), drop],
          [get(LENGTH), returns],
        ),
        [get(CONNECTION), get(DATA), get(LENGTH), call('send'), drop],
        get(LENGTH),
      ],
    },
  });
