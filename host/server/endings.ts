// Endings: how the end of a connection looks in words: what its reason is called, and what a line says of one
// that the host has ended for a limit or a fault.

import * as abi from '../../assembly/abi.ts';
import type { Ending } from '../threads/engine.ts';

/** A connection that is over, as programs and lines of the log have it. */
export interface ClosedConnection {
  readonly id: number;
  /** As in docs/abi.md, in small letters: `peer`, `write timeout`. */
  readonly reason: string;
  /** The peer's; empty when it could not be found out. */
  readonly address: string;
  /** As it was given to `listen`. */
  readonly listener: string;
  /** How long it was open. */
  readonly durationMs: number;
  /** Of its stream. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export const closedConnection = (ending: Ending): ClosedConnection => ({
  id: ending.connection,
  reason: reasonName(ending.reason),
  address: ending.peer,
  listener: ending.listener,
  durationMs: Math.round(ending.lasted * 10) / 10,
  bytesIn: ending.bytesIn,
  bytesOut: ending.bytesOut,
});

const reasons: ReadonlyMap<number, string> = new Map(
  Object.entries(abi)
    .filter(([name]) => name.startsWith('REASON_'))
    .map(([name, value]) => [
      value,
      name.slice('REASON_'.length).toLowerCase().replaceAll('_', ' '),
    ]),
);

/** `peer`, `guest`, `write timeout`, …: the reason's name in abi.ts. */
export const reasonName = (reason: number): string => reasons.get(reason) ?? `reason ${reason}`;

const FAULTS: ReadonlyMap<number, string> = new Map([
  [abi.REASON_FRAME, 'the guest used nothing of a whole maxFrameBytes'],
  [abi.REASON_LIMIT, 'more than maxBacklogBytes of output waited for the peer'],
  [abi.REASON_MEMORY, 'the page pool (poolBytes) was nearly full'],
  [abi.REASON_WRITE_TIMEOUT, 'the peer took none of the output for writeTimeoutMs'],
  [abi.REASON_FRAME_TIMEOUT, 'what the peer sent stayed incomplete for frameTimeoutMs'],
  [abi.REASON_TRAP, 'the guest failed while it served this connection'],
  [abi.REASON_TLS, 'what came from the peer was no TLS, or not what it had sent'],
  [abi.REASON_HUNG, 'the guest did not return while it served this connection'],
]);

/** Why the host has ended it. */
export const faultOf = (reason: number): string =>
  `closed: ${FAULTS.get(reason) ?? 'the server could not go on with it'}`;
