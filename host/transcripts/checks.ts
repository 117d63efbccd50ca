// Checks: what a line expects of a client, held against what has come. It plays nothing.

import { REASON_GUEST, REASON_PEER } from '../../assembly/abi.ts';
import type { Client } from './client.ts';
import { Failed } from './fault.ts';
import { reasonName } from './transcript.ts';

const NEWLINE = 0x0a;

/** @throws Failed when something else has come, or not all of it */
export function checkBytes(client: Client, expected: Uint8Array): void {
  const { came, line } = client;
  const wrong = expected.findIndex((byte, at) => byte !== came[at]);
  if (wrong < 0) {
    client.take(expected.length);
    return;
  }
  const bytes = { expected, came: firstOf(came, expected.length) };
  const over = client.isOver ? `; ${stateOf(client)}` : '';
  if (came.length === 0) throw new Failed(line, `nothing came${over}`, bytes);
  if (wrong < came.length) throw new Failed(line, `something else came${over}`, bytes);
  throw new Failed(line, `not all of it came${over}`, bytes);
}

// Up to the end of the line in which the expected bytes would end.
function firstOf(came: Uint8Array, length: number): Uint8Array {
  const newline = came.indexOf(NEWLINE, Math.max(0, length - 1));
  return came.slice(0, newline < 0 ? came.length : newline + 1);
}

/** @throws Failed when something has come */
export function checkNothing(client: Client): void {
  if (client.came.length === 0) return;
  throw new Failed(client.line, 'something came', {
    expected: new Uint8Array(),
    came: client.came,
  });
}

/** @throws Failed when the connection is not over in this way */
export function checkOver(client: Client, how: 'ends' | 'resets'): void {
  const { line, peer } = client;
  const wanted = how === 'ends' ? 'ended' : 'reset';
  if (peer.state !== wanted) {
    throw new Failed(line, `${stateOf(client)}; expected that the server ${how} it`);
  }
  if (how === 'ends') checkNothing(client);
  client.isOverSaid = true;
}

/**
 * @param paused the guest has paused the connection, and so does not hear that it ends
 * @throws Failed when the connection is not over for the guest, or for another reason
 */
export function checkReason(client: Client, reason: number, paused: boolean): void {
  const { line, peer } = client;
  const { closeReason } = peer;
  const wanted = reasonName(reason);
  if (closeReason === undefined) {
    const why = paused ? ' (it is paused)' : '';
    throw new Failed(line, `the connection is open for the guest${why}; expected closed ${wanted}`);
  }
  if (closeReason !== reason) {
    const found = `it was closed ${reasonName(closeReason)}`;
    throw new Failed(line, `${found}; expected closed ${wanted}`);
  }
  client.isOverSaid = true;
}

/** When all lines are played. @throws Failed when something has come, or ended, that no line speaks of */
export function checkRest(client: Client): void {
  const { came, line, peer } = client;
  if (came.length > 0) {
    const what = 'more came than the lines say; write < and what came, if that is right';
    throw new Failed(line, what, { expected: new Uint8Array(), came });
  }
  if (client.isOverSaid || client.left) return;
  const { closeReason: reason, state } = peer;
  // Whoever finishes expects the same of the server.
  const natural =
    client.finished && state === 'ended' && (reason === undefined || isWanted(reason));
  if (natural || (state === 'open' && reason === undefined)) return;
  const advice = state === 'reset' ? 'resets' : 'ends';
  const closed = reason === undefined ? '' : `, or closed ${reasonName(reason)}`;
  throw new Failed(line, `${stateOf(client)}; write ${advice}${closed}, if that is right`);
}

const isWanted = (reason: number): boolean => reason === REASON_PEER || reason === REASON_GUEST;

/** How it stands with a connection. */
export function stateOf({ peer, left, kind }: Client): string {
  if (left) return `the ${kind} has left`;
  const { state, closeReason } = peer;
  const reason = closeReason === undefined ? '' : ` (${reasonName(closeReason)})`;
  if (state === 'reset') return `the connection was reset${reason}`;
  return state === 'ended'
    ? `the server has ended the connection${reason}`
    : 'the connection is open';
}
