// Open: makes what the listeners of a server share, before any of them is opened: the table that other threads
// read, that of the addresses, and the count of those who were kept out.

import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native } from '../kernel/native.ts';
import type { Policy } from '../policy.ts';
import { TlsContexts } from '../tls/contexts.ts';
import { Listening } from './listening.ts';
import { ListenerTable } from './peer/listener-table.ts';
import { Refusals, type Refused } from './peer/refusals.ts';
import type { ListenSpec } from './spec.ts';

/** Rows of the table of addresses for each connection: those without one are remembered for their rate. */
const ROWS_PER_CONNECTION = 2;

/** Who is told of what happens to listeners. */
interface Told {
  refused(refused: Refused): void;
  warn(message: string): void;
}

/**
 * Nothing is listened on yet.
 * @param specs of what will be: certificates that are wrong are told before anything is begun
 * @throws WasmpollError ERR_TLS
 */
export function openListening(
  native: Native,
  policy: Policy,
  told: Told,
  specs: readonly ListenSpec[],
): Listening {
  const secured = specs.flatMap(({ name, tls }) => (tls === null ? [] : [{ name, options: tls }]));
  const contexts = new TlsContexts(native, policy, (message) => told.warn(message));
  contexts.check(secured);
  const { connectionsPerAddress, acceptRate, maxConnections } = policy;
  const limited = connectionsPerAddress > 0 || acceptRate > 0;
  const rows = ROWS_PER_CONNECTION * maxConnections;
  const addresses = limited ? new native.Peers(rows, connectionsPerAddress, acceptRate) : null;
  const refusals = new Refusals((refused) => told.refused(refused), monotonicMs);
  const table = ListenerTable.make(SharedArrayBuffer);
  const parts = { native, table, refusals, peers: addresses?.id ?? 0, contexts };
  return new Listening(native, policy, parts, addresses);
}
