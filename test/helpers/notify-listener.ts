// A service manager's end of sd_notify(3): a datagram socket whose messages are collected. Node has none; Python
// does.

import { startProgram } from './installed.ts';
import { type LogOwner, type Running, temporary } from './process.ts';

const SCRIPT = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print("bound", flush=True)
while True:
    print(s.recv(65536).decode().replace("\\n", " "), flush=True)
`;

export interface NotifyListener {
  /** For NOTIFY_SOCKET. */
  readonly path: string;
  /** The messages, a line each. */
  readonly process: Running;
}

/** @param abstract the socket has a name and no file */
export async function listenForNotes(t: LogOwner, abstract = false): Promise<NotifyListener> {
  const folder = temporary(t);
  const path = abstract ? `@${folder}` : `${folder}/notify`;
  const process = startProgram(t, 'python3', ['-c', SCRIPT, path]);
  await process.written('stdout', /^bound\n/);
  return { path, process };
}
