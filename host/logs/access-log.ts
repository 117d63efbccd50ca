// Access log: one line of JSON for each connection, when it is over. It knows what a line has, and not where the
// lines go.

import type { ClosedConnection } from '../server/endings.ts';
import { printableJson } from '../text.ts';

/** As far as it is needed here. */
interface Served {
  on(name: 'close', listener: (closed: ClosedConnection) => void): unknown;
}

/**
 * Writes a line for each connection of a server from now on.
 * @param service the server's name
 */
export function logAccess(server: Served, service: string, write: (line: string) => void): void {
  server.on('close', ({ id, address, listener, durationMs, bytesIn, bytesOut, reason }) => {
    const when = { time: new Date().toISOString(), service, id };
    const what = { peer: address, listener, durationMs, bytesIn, bytesOut, reason };
    write(`${printableJson(JSON.stringify({ ...when, ...what }))}\n`);
  });
}
