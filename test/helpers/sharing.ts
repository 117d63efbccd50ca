// A guest that does with topics and keys what its input says, and its language. Each command ends with `;`.
// Every callback but on_open is logged with the connection's number, counted from 0, and its arguments
// (`message 0 tag flags topic data`, `reply 0 tag status version value`, `missed 0`, `close 0 reason`), and
// so are the statuses that commands were given (`= 0 -3`).
//
// `C` is a connection: its handle, 0, or `.` for the one in whose callback we are. V is a version, −1 for
// none. DATA of the form *N is N bytes.
//
//   j C TAG FLAGS TOPIC;       join        g C TAG KEY;                  store_get
//   l C FLAGS TOPIC;           leave       u C TAG TTL V KEY DATA;       store_put
//   p FLAGS TOPIC DATA;        publish     d C TAG V KEY;                store_delete
//   f FLAGS TTL TOPIC DATA;    publish_for
//   s DATA;    send to this connection     a C TAG TTL DELTA KEY;        store_add
//   x HOW;     close it                    t MS;  set its timer          P 0;  pause it
//   H;         its handle                  T;     trap                   Z;    hang
//   L 1;       the peer is sent what is logged, each with a newline
//   E;         send what on_message was given, or on_reply behind the version
//   e N {…}    run on every on_message (0), on_reply (1), on_missed (2), on_close (3), on_restore (4),
//              on_drain (5), on_end (6), on_timer (7)

import {
  type Harness,
  type HarnessOptions,
  harness,
  type Peer,
} from '../../host/testing/harness.ts';
import { compiledGuest, logged } from './guests.ts';

// Compiled before the first test starts: it blocks the event loop, on which loading has a deadline.
export const sharingModule = compiledGuest('sharing');

export const sharing = (options?: HarnessOptions): Promise<Harness> =>
  harness(sharingModule, { name: 'sharing', ...options });

/** Has a peer run commands. @returns the statuses that they were given, and all that was logged after them */
export function runs(
  server: Harness,
  peer: Peer,
  commands: string,
): { statuses: number[]; log: string[] } {
  server.logs.splice(0);
  peer.send(commands);
  const lines = logged(server);
  const at = lines.findIndex((text) => text.startsWith('='));
  const statuses = (lines[at] ?? '=').split(' ').slice(1).map(Number);
  return { statuses, log: lines.filter((_, index) => index !== at) };
}
