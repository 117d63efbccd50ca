// A process that floods a listener with hellos: `node hello-flood.js PORT CONNECTIONS`, the hello in hex on its
// standard input. Each is the same one, so that it costs the server a key exchange and a signature, and the
// flood next to nothing. An answer is the end of a connection, and another one takes its place.

import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

const [port = '', connections = '1'] = process.argv.slice(2);
const hello = Buffer.from((await text(process.stdin)).trim(), 'hex');

function begin(): void {
  const socket = connect(Number(port), '127.0.0.1');
  let over = false;
  const next = (): void => {
    if (over) return;
    over = true;
    socket.resetAndDestroy();
    begin();
  };
  socket.on('connect', () => socket.write(hello));
  socket.on('data', next);
  socket.on('error', next);
  socket.on('close', next);
}

for (let count = 0; count < Number(connections); count += 1) begin();
process.stdout.write('flooding\n');
