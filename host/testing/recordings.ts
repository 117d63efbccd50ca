// Recordings: what a harness notes of all that its guest is given, and the texts that are made of it. It knows neither how
// it is noted, nor how it is played.

import { recordedText } from '../crashes/recorded-crash.ts';
import { CallRecord } from '../guest/call-record.ts';
import { Recorder } from '../guest/recording/recorder.ts';
import { TAPE_BYTES } from '../guest/recording/tape.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import type { Policy } from '../policy.ts';
import type { Failure } from '../reactor/observer.ts';

/** What a reactor is made with that is to note. */
export interface Notes {
  readonly record: CallRecord;
  readonly recorder: Recorder;
}

export function makeNotes(policy: Policy, buffer: BufferConstructor): Notes {
  return {
    record: CallRecord.make(policy, buffer),
    recorder: Recorder.on(new buffer(TAPE_BYTES)),
  };
}

/** A text for each failure that was noted. The same is noted once a minute. */
export function recordingsOf(
  failures: readonly Failure[],
  name: string,
  policy: Policy,
): readonly string[] {
  return failures.flatMap(({ why: reason, connection, crash }) => {
    if (crash === null || crash.tape === null) return [];
    const { call, frames, tape } = crash;
    const module = { name, sha256: call.sha256 };
    return [recordedText({ module, reason, source: null, frames, connection, policy, call, tape })];
  });
}
