// epoll_echo.py in TypeScript, and correct where that is not: clients may leave, and may be slow
// to read. Run it with: node dist/examples/epoll-echo.js [port]

import { EPOLLIN, EPOLLOUT, Epoll } from 'wasmpoll/epoll';
import { accept, close, listenTcp, localAddress, peerAddress, recv, send } from 'wasmpoll/socket';

const server = listenTcp('127.0.0.1', Number(process.argv[2] ?? 33445));
console.log('listening on', localAddress(server));

const epoll = new Epoll();
epoll.register(server, EPOLLIN);
const unsent = new Map<number, Buffer>();
const buffer = Buffer.alloc(4096);

while (true) {
  for (const [fd, event] of epoll.poll(1)) {
    try {
      if (fd === server) {
        const client = accept(server);
        if (client === null) continue;
        epoll.register(client, EPOLLIN);
        unsent.set(client, Buffer.alloc(0));
        console.log('client', client, peerAddress(client));
      } else if (event & EPOLLOUT) {
        echo(fd, unsent.get(fd)!);
      } else {
        const length = recv(fd, buffer);
        if (length === null) continue;
        if (length === 0) leave(fd);
        else {
          console.log('data', fd, buffer.toString('latin1', 0, length));
          echo(fd, buffer.subarray(0, length));
        }
      }
    } catch (error) {
      console.log('error', fd, String(error)); // a reset, for example
      if (fd !== server) leave(fd);
    }
  }
}

/** Sends what the kernel takes. Until it takes the rest, that client is not listened to. */
function echo(fd: number, data: Buffer): void {
  const rest = data.subarray(send(fd, data) ?? 0);
  const waited = unsent.get(fd)!.length > 0;
  unsent.set(fd, Buffer.from(rest));
  if (rest.length > 0 !== waited) epoll.modify(fd, waited ? EPOLLIN : EPOLLOUT);
}

function leave(fd: number): void {
  epoll.unregister(fd);
  unsent.delete(fd);
  close(fd);
  console.log('gone', fd);
}
