// Crash: what is kept of a callback in which a guest failed, as a text of JSON. It knows the form, and neither files
// nor how it is played again. It runs in a browser, too.

import { messageOf, WasmpollError } from '../errors.ts';
import type { RecordedCall } from '../guest/recorded-call.ts';
import { type Policy, resolvePolicy } from '../policy.ts';
import { base64Of, fromBase64, fromHex, hexOf, list, number, table, text } from './fields.ts';

const FORMAT = 'wasmpoll-crash-1';

export interface Crash {
  /** What the module is called, and the digest of its bytes in hexadecimal; '' when it is not known. */
  readonly module: { readonly name: string; readonly sha256: string };
  readonly reason: string;
  /** The line of the source, if that is known. */
  readonly source: string | null;
  /** The guest's functions that it was in, the innermost first. */
  readonly frames: readonly string[];
  /** As in the server's log lines; null when it was none's callback. */
  readonly connection: number | null;
  readonly policy: Policy;
  readonly call: RecordedCall;
}

/** Data that it was given is missing: it cannot be played again. */
export const isCut = ({ state, bytes, length }: RecordedCall): boolean =>
  state === null || bytes === null || bytes.length < length;

export function crashText({ call, ...crash }: Crash): string {
  const { callback, handle, numbers, now, wall, state, stateVersion, bytes, length, topicLength } =
    call;
  const content = {
    format: FORMAT,
    module: crash.module,
    time: new Date(wall).toISOString(),
    reason: crash.reason,
    source: crash.source,
    frames: crash.frames,
    callback,
    arguments: numbers,
    connection: crash.connection,
    handle,
    clock: { now, wall },
    state: { version: stateVersion, hex: state === null ? null : hexOf(state) },
    bytes: { length, topic: topicLength, base64: bytes === null ? null : base64Of(bytes) },
    cut: isCut(call),
    policy: crash.policy,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** @throws WasmpollError ERR_OPTION for what is no crash file */
export function readCrash(text: string): Crash {
  try {
    return crashFrom(JSON.parse(text));
  } catch (error) {
    throw new WasmpollError('ERR_OPTION', `not a crash file: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function crashFrom(value: unknown): Crash {
  const file = table(value, 'it');
  if (file.format !== FORMAT) throw new Error(`its format is not ${FORMAT}`);
  const [module, clock] = [table(file.module, 'module'), table(file.clock, 'clock')];
  const [state, bytes] = [table(file.state, 'state'), table(file.bytes, 'bytes')];
  const { source, connection } = file;
  return {
    module: {
      name: text(module.name, 'module.name'),
      sha256: text(module.sha256, 'module.sha256'),
    },
    reason: text(file.reason, 'reason'),
    source: source === null ? null : text(source, 'source'),
    frames: list(file.frames, 'frames').map((frame) => text(frame, 'frames')),
    connection: connection === null ? null : number(connection, 'connection'),
    policy: resolvePolicy(table(file.policy, 'policy') as Partial<Policy>),
    call: {
      callback: text(file.callback, 'callback'),
      // Older files have none. Guests know it as a number of 32 bits.
      handle: number(file.handle ?? 0, 'handle') | 0,
      numbers: list(file.arguments, 'arguments').map((one) => number(one, 'arguments')),
      now: number(clock.now, 'clock.now'),
      wall: number(clock.wall, 'clock.wall'),
      sha256: text(module.sha256, 'module.sha256'),
      stateVersion: number(state.version, 'state.version'),
      state: state.hex === null ? null : fromHex(text(state.hex, 'state.hex')),
      bytes: bytes.base64 === null ? null : fromBase64(text(bytes.base64, 'bytes.base64')),
      length: number(bytes.length, 'bytes.length'),
      topicLength: number(bytes.topic, 'bytes.topic'),
    },
  };
}
