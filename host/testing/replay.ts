// Replay: a crash file is played again on a harness. It knows the order of the steps; what the file says is crash.ts's.

import { type Crash, isCut, readCrash } from '../crashes/crash.ts';
import { WasmpollError } from '../errors.ts';
import type { ModuleSource } from '../module/protocol-module.ts';
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

// Buffers for all connections of the server would be cleared for the one.
const CONNECTIONS = 16;

/**
 * Opens a connection, puts the state block back, has `on_restore` called, and then the callback that failed. What the
 * guest held in globals, and what others did, is not in the file. A guest that hung hangs again, and this with it.
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
  const { connection } = network.connect();
  network.repeat(connection, call);
  const found = [...network.traps];
  return { reproduced: found.includes(expected), expected, found, harness: network };
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
