// Recorded crash: a crash with all that its instance was given, as a text: a line of JSON for the crash, and one for each
// callback. It knows the form, and neither files nor how it is played. It runs in a browser, too.

import { messageOf, WasmpollError } from '../errors.ts';
import type { Answer, Entry, Recording, Written } from '../guest/recording/recording.ts';
import { recordingOf } from '../guest/recording/tape.ts';
import { type Policy, resolvePolicy } from '../policy.ts';
import type { Crash } from './crash.ts';
import { base64Of, fromBase64, list, number, type Table, table, text } from './fields.ts';

const FORMAT = 'wasmpoll-recording-1';

/** A crash as the server has it. */
export interface RecordedCrash extends Crash {
  /** As `Tape.read` has given it. */
  readonly tape: Uint8Array<ArrayBuffer>;
}

/** And as a file has it. */
export interface CrashRecording extends Recording, Pick<Crash, 'module' | 'reason' | 'source'> {
  readonly frames: readonly string[];
  readonly callback: string;
  readonly connection: number | null;
  readonly policy: Policy;
}

export function recordedText({ call, tape, ...crash }: RecordedCrash): string {
  const { entries, complete } = recordingOf(tape);
  const { module, reason, source, frames, connection, policy } = crash;
  const { callback, wall } = call;
  const head = {
    ...{ format: FORMAT, module, time: new Date(wall).toISOString(), reason, source, frames },
    ...{ callback, connection, complete, policy },
  };
  const lines = [head, ...entries.map(lineOf)].map((line) => JSON.stringify(line));
  return `${lines.join('\n')}\n`;
}

function lineOf({ callback, numbers, now, wall, writes, answers, returned }: Entry): Table {
  return {
    callback,
    arguments: numbers,
    clock: { now, wall },
    ...(writes.length > 0 && { memory: writes.map(memoryOf) }),
    ...(answers.length > 0 && { calls: answers.map(callOf) }),
    returned,
  };
}

const callOf = ({ name, result, writes }: Answer): Table => ({
  name,
  answer: result,
  ...(writes.length > 0 && { memory: writes.map(memoryOf) }),
});

// What a person can read a person shall read.
const memoryOf = ({ at, bytes }: Written): Table => {
  const readable = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || LINE_BYTES.has(byte));
  return readable ? { at, text: new TextDecoder().decode(bytes) } : { at, base64: base64Of(bytes) };
};

/** Tab, line feed and carriage return. */
const LINE_BYTES: ReadonlySet<number> = new Set([9, 10, 13]);

/** Whether the text says that it is a recording. */
export const isRecording = (file: string): boolean =>
  file.startsWith(`{"format":${JSON.stringify(FORMAT)}`);

/** @throws WasmpollError ERR_OPTION for what is no recording */
export function readRecording(file: string): CrashRecording {
  const lines = file.split('\n').filter((line) => line !== '');
  let at = 0;
  try {
    const read = lines.map((line, index) => {
      at = index + 1;
      return table(JSON.parse(line), 'it');
    });
    at = 1;
    const head = headOf(read[0] ?? {});
    const entries = read.slice(1).map((line, index) => {
      at = index + 2;
      return entryOf(line);
    });
    return { ...head, entries };
  } catch (error) {
    const why = `not a recording: line ${at}: ${messageOf(error)}`;
    throw new WasmpollError('ERR_OPTION', why, { cause: error });
  }
}

function headOf(line: Table): Omit<CrashRecording, 'entries'> {
  if (line.format !== FORMAT) throw new Error(`its format is not ${FORMAT}`);
  const module = table(line.module, 'module');
  const { source, connection, complete } = line;
  return {
    module: {
      name: text(module.name, 'module.name'),
      sha256: text(module.sha256, 'module.sha256'),
    },
    reason: text(line.reason, 'reason'),
    source: source === null ? null : text(source, 'source'),
    frames: list(line.frames, 'frames').map((frame) => text(frame, 'frames')),
    callback: text(line.callback, 'callback'),
    connection: connection === null ? null : number(connection, 'connection'),
    complete: complete === true,
    policy: resolvePolicy(table(line.policy, 'policy') as Partial<Policy>),
  };
}

function entryOf(line: Table): Entry {
  const clock = table(line.clock, 'clock');
  const { returned } = line;
  return {
    callback: text(line.callback, 'callback'),
    numbers: list(line.arguments, 'arguments').map((one) => number(one, 'arguments')),
    now: number(clock.now, 'clock.now'),
    wall: number(clock.wall, 'clock.wall'),
    writes: writesOf(line),
    answers: list(line.calls ?? [], 'calls').map((call) => answerOf(table(call, 'calls'))),
    returned: returned === null ? null : number(returned, 'returned'),
  };
}

const answerOf = (call: Table): Answer => ({
  name: text(call.name, 'name'),
  result: call.answer === null ? null : number(call.answer, 'answer'),
  writes: writesOf(call),
});

const writesOf = (line: Table): Written[] =>
  list(line.memory ?? [], 'memory').map((one) => {
    const part = table(one, 'memory');
    const at = number(part.at, 'at');
    return part.base64 === undefined
      ? { at, bytes: new TextEncoder().encode(text(part.text, 'text')) }
      : { at, bytes: fromBase64(text(part.base64, 'base64')) };
  });
