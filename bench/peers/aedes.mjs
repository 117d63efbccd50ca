// A broker of npm's aedes on one thread: node aedes.mjs MODULE, which is the path of its package's main file.

import { createServer } from 'node:net';
import { pathToFileURL } from 'node:url';

const { Aedes } = await import(pathToFileURL(process.argv[2]).href);
const broker = await Aedes.createBroker();
const server = createServer((socket) => {
  socket.setNoDelay(true);
  broker.handle(socket);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.stdout.write(`listening on 127.0.0.1:${server.address().port}\n`),
);
