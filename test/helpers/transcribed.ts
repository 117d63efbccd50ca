// Guests and transcripts for tests of transcripts: guests that are wrong in one way each.

import { parseTranscript } from '../../host/transcripts/parse.ts';
import { judge, type Verdict, type VerdictOptions } from '../../host/transcripts/verdict.ts';
import {
  add,
  type Code,
  call,
  drop,
  equal,
  get,
  getGlobal,
  guest,
  i32,
  load,
  load8,
  returns,
  setGlobal,
  store,
  store8,
  when,
} from './wasm.ts';

const [CONNECTION, STATE, DATA, LENGTH] = [0, 1, 2, 3];
const SCRATCH = 2048;

export const judged = (
  source: Uint8Array,
  text: string,
  options: VerdictOptions = {},
): Promise<Verdict> => judge(source, parseTranscript(text, 'x.txt'), { seeds: 1, ...options });

const sendDigit = (value: Code): Code => [
  [i32(SCRATCH), value, i32(0x30), add, store8()],
  [get(CONNECTION), i32(SCRATCH), i32(1), call('send'), drop],
];

/** Takes each piece for a message, and answers with its length as a digit. */
export const hasty = (): Uint8Array<ArrayBuffer> =>
  guest({ functions: { on_data: [sendDigit(get(LENGTH)), get(LENGTH)] } });

/** Counts bytes, one a call, and answers ? with how many there were: in a global, or in the state block. */
const counter = (count: Code, counted: Code, state: Code): Uint8Array<ArrayBuffer> =>
  guest({
    functions: {
      ...(state.length > 0 && { state_size: state }),
      on_data: [
        [get(DATA), load8(), i32('?'.charCodeAt(0)), equal],
        when(sendDigit(count), i32(1), returns),
        counted,
        i32(1),
      ],
    },
    globals: { count: 0 },
  });

export const forgetful = (): Uint8Array<ArrayBuffer> =>
  counter(getGlobal('count'), [getGlobal('count'), i32(1), add, setGlobal('count')], []);

export const lasting = (): Uint8Array<ArrayBuffer> =>
  counter([get(STATE), load()], [get(STATE), get(STATE), load(), i32(1), add, store()], [i32(16)]);
