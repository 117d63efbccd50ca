// Commands for WASI preview 1, hand-assembled. It knows how they import; not what hosts them.

import { WASI_MODULE, type WasiName, wasiImports } from '../../host/wasi/preview1/interface.ts';
import {
  assemble,
  block,
  brIf,
  type Code,
  call,
  drop,
  forever,
  i32,
  load,
  type ModuleSpec,
  memoryGrow,
  store,
  when,
} from './wasm.ts';

/** A command that imports `names` and whose _start is `body`; memory of one page. */
export function command(
  names: readonly WasiName[],
  body: Code,
  spec: ModuleSpec = {},
): Uint8Array<ArrayBuffer> {
  const imports = Object.fromEntries(
    names.map((name) => [`${WASI_MODULE}.${name}`, wasiImports[name]]),
  );
  const functions = { _start: body, ...spec.functions };
  return assemble({
    memory: { min: 1 },
    ...spec,
    imports: { ...imports, ...spec.imports },
    functions,
  });
}

const [NUMBER, COUNT, VECTOR, BUFFER, BYTES] = [0, 4, 16, 1024, 32_768];
const EQUAL_TO_ZERO: Code = [0x45];
const EQUAL: Code = [0x46];

/** Writes so many bytes from `at` to a descriptor; the result of the call is dropped. */
const write = (number: Code, at: number, bytes: Code): Code => [
  ...[i32(VECTOR), i32(at), store(), i32(VECTOR), bytes, store(4)],
  ...[number, i32(VECTOR), i32(1), i32(COUNT), call('fd_write'), drop],
];

/** Reads into BUFFER; leaves the number of bytes on the stack. */
const read = (number: Code): Code => [
  ...[i32(VECTOR), i32(BUFFER), store(), i32(VECTOR), i32(BYTES), store(4)],
  ...[i32(COUNT), i32(0), store()],
  ...[number, i32(VECTOR), i32(1), i32(COUNT), call('fd_read'), drop, i32(COUNT), load()],
];

const length = (text: string): number => new TextEncoder().encode(text).length;

/** Writes the text to a descriptor. */
export const prints = (text: string, number = 1): Uint8Array<ArrayBuffer> =>
  command(['fd_write'], write(i32(number), BUFFER, i32(length(text))), {
    data: [{ at: BUFFER, bytes: text }],
  });

/** Writes to a descriptor again and again, and exits with the error of the first write that fails. */
export const writesOn = (number = 1): Uint8Array<ArrayBuffer> =>
  command(
    ['fd_write', 'proc_exit'],
    [
      ...[i32(VECTOR), i32(BUFFER), store(), i32(VECTOR), i32(BYTES), store(4)],
      forever(
        ...[i32(NUMBER), i32(number), i32(VECTOR), i32(1), i32(COUNT), call('fd_write'), store()],
        ...[i32(NUMBER), load(), when(i32(NUMBER), load(), call('proc_exit'))],
      ),
    ],
  );

/** Copies standard input to standard output. */
export const copies = (): Uint8Array<ArrayBuffer> =>
  command(
    ['fd_read', 'fd_write'],
    block(
      forever(read(i32(0)), EQUAL_TO_ZERO, brIf(1), write(i32(1), BUFFER, [i32(COUNT), load()])),
    ),
  );

/** Prints its arguments or its environment, each with a zero byte at its end. */
export function tells(what: 'args' | 'environ'): Uint8Array<ArrayBuffer> {
  const names = [`${what}_get`, `${what}_sizes_get`, 'fd_write'] as const;
  return command(names, [
    ...[
      i32(NUMBER),
      i32(COUNT),
      call(`${what}_sizes_get`),
      drop,
      i32(8),
      i32(COUNT),
      load(),
      store(),
    ],
    ...[i32(64), i32(BUFFER), call(`${what}_get`), drop],
    write(i32(1), BUFFER, [i32(8), load()]),
  ]);
}

/**
 * Serves one client after the other: what it sends is sent back, until it ends.
 * An error of sock_accept is the exit status.
 */
export const echoes = (listener = 3): Uint8Array<ArrayBuffer> =>
  command(
    ['sock_accept', 'fd_read', 'fd_write', 'fd_close', 'proc_exit'],
    forever(
      ...[i32(8), i32(listener), i32(0), i32(NUMBER), call('sock_accept'), store()],
      ...[i32(8), load(), when(i32(8), load(), call('proc_exit'))],
      block(
        forever(
          ...[read([i32(NUMBER), load()]), EQUAL_TO_ZERO, brIf(1)],
          write([i32(NUMBER), load()], BUFFER, [i32(COUNT), load()]),
        ),
      ),
      ...[i32(NUMBER), load(), call('fd_close'), drop],
    ),
  );

/** Accepts a client, sends it a zero byte, reads once, and exits with the status. */
export const servesOne = (status: number, listener = 3): Uint8Array<ArrayBuffer> =>
  command(
    ['sock_accept', 'fd_write', 'fd_read', 'proc_exit'],
    [
      ...[i32(listener), i32(0), i32(NUMBER), call('sock_accept'), drop],
      ...write([i32(NUMBER), load()], BUFFER, i32(1)),
      ...read([i32(NUMBER), load()]),
      ...[drop, i32(status), call('proc_exit')],
    ],
  );

/** Accepts a client, sends it a zero byte, and computes from then on, without another call. */
export const hoards = (listener = 3): Uint8Array<ArrayBuffer> =>
  command(
    ['sock_accept', 'fd_write'],
    [
      ...[i32(listener), i32(0), i32(NUMBER), call('sock_accept'), drop],
      ...write([i32(NUMBER), load()], BUFFER, i32(1)),
      forever(),
    ],
  );

/** Takes memory page by page until there is no more, and then does as it is told. */
export const grows = (then: Code, pages = 1): Uint8Array<ArrayBuffer> =>
  command(['proc_exit'], forever(...[i32(pages), memoryGrow, i32(-1), EQUAL, when(then)]));

/** Calls again and again, and never waits. */
export const spins = (): Uint8Array<ArrayBuffer> =>
  command(['sched_yield'], forever(call('sched_yield'), drop));
