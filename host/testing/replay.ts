// Replay: a crash file is played again on a harness, and a recording to an instance alone. It knows the order of the
// steps; what the files say is crash.ts's and recorded-crash.ts's.

import { type Crash, isCut, readCrash } from '../crashes/crash.ts';
import { type CrashRecording, readRecording } from '../crashes/recorded-crash.ts';
import { WasmpollError } from '../errors.ts';
import { play } from '../guest/recording/player.ts';
import { loadModule, type ModuleSource } from '../module/protocol-module.ts';
import { type Harness, harness } from './harness.ts';

export interface Replayed {
  /** The guest has failed for the reason that the file says. */
  readonly reproduced: boolean;
  /** What the file says, and what the guest has failed of now; nothing if it has not. */
  readonly expected: string;
  readonly found: readonly string[];
  /** As the guest has left it. */
  readonly harness: Harness;
}

// Buffers for all connections of the server would be cleared for the one. Any handle has a place in such a table.
const CONNECTIONS = 16;

/**
 * Makes a connection without `on_open`, puts the state block back, has `on_restore` called, and then the callback that
 * failed. What the guest held in globals, and what others did, is not in the file; there are no upstreams. A guest that
 * hung hangs again, and this with it.
 * @param crash the text of the file
 * @param config what `config` gives the guest; it is not in the file either
 * @throws WasmpollError ERR_OPTION for what is no crash file, or one without its data; ERR_MODULE for another module
 */
export async function replay(
  crash: string | Crash,
  source: ModuleSource,
  config: string | Uint8Array = '',
): Promise<Replayed> {
  const {
    module,
    reason: expected,
    policy,
    call,
  } = typeof crash === 'string' ? readCrash(crash) : crash;
  if (isCut(call)) {
    throw new WasmpollError(
      'ERR_OPTION',
      'the file lacks data that the callback was given; raise crashBytes',
    );
  }
  await checkModule(source, module);
  const network = await harness(source, {
    name: module.name,
    config,
    policy: { ...policy, maxConnections: CONNECTIONS, tickMs: 0 },
    wallClock: call.wall - call.now,
  });
  network.advance(call.now - network.now);
  network.repeat(call);
  const found = [...network.traps];
  return { reproduced: found.includes(expected), expected, found, harness: network };
}

export interface ReplayedRecording extends Omit<Replayed, 'harness'> {
  /** Where the guest did another thing than it had done, in words; null if it did all the same. */
  readonly diverged: string | null;
  /** Lines that it has logged. */
  readonly logs: readonly { readonly level: number; readonly text: string }[];
}

/**
 * Gives an instance all that another one was given, from its start to the callback in which that one failed. Host
 * functions answer what they have answered. A guest that hung hangs again, and this with it.
 * @param recording the text of the file
 * @throws WasmpollError ERR_OPTION for what is no recording, or not all of one; ERR_MODULE for another module
 */
export async function replayRecording(
  recording: string | CrashRecording,
  source: ModuleSource,
): Promise<ReplayedRecording> {
  const read = typeof recording === 'string' ? readRecording(recording) : recording;
  const { module, reason: expected, policy, entries, complete, callback } = read;
  if (!complete) {
    throw new WasmpollError(
      'ERR_OPTION',
      'the recording lacks its end: the instance was given more than there is room for',
    );
  }
  await checkModule(source, module);
  const played = play(await loadModule(source, policy, module.name), policy, entries);
  const { failure, diverged, logs } = played;
  const found = failure === null ? [] : [failure];
  // Of on_start the server says more than why it has failed.
  const reproduced = failure !== null && expected.endsWith(failure) && played.callback === callback;
  return { reproduced, expected, found, diverged, logs };
}

async function checkModule(source: ModuleSource, { name, sha256 }: Crash['module']): Promise<void> {
  const isBytes = source instanceof Uint8Array || source instanceof ArrayBuffer;
  // A module that was compiled before has no bytes to look at.
  if (sha256 === '' || !isBytes) return;
  const copy = new Uint8Array(source);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', copy));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found === sha256) return;
  const digits = 12;
  const which = `it has sha256 ${found.slice(0, digits)}…, not ${sha256.slice(0, digits)}…`;
  throw new WasmpollError(
    'ERR_MODULE',
    `${name}: another module than the one that failed: ${which}`,
  );
}
