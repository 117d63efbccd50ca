// A guest that fails for as many reasons as wanted: it claims to have consumed more than it was given, 100 bytes and the
// number that its input's first byte is. What begins with z is echoed.

import { add, call, drop, equal, get, guest, i32, load8, returns, when } from './wasm.ts';

const [CONNECTION, DATA, LENGTH] = [0, 2, 3];

export const overeating = (): Uint8Array<ArrayBuffer> =>
  guest({
    functions: {
      on_data: [
        [get(DATA), load8(), i32('z'.charCodeAt(0)), equal],
        when([get(CONNECTION), get(DATA), get(LENGTH), call('send'), drop], [get(LENGTH), returns]),
        [get(DATA), load8(), i32(100), add],
      ],
    },
  });
