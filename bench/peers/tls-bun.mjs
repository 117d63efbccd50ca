// Echo on Bun's own sockets, with TLS. What is not taken at once waits here. bun tls-bun.mjs CERTIFICATE KEY

const [cert, key] = process.argv.slice(2).map((file) => Bun.file(file));
const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  tls: { cert, key },
  socket: {
    data(socket, data) {
      if (socket.data !== undefined) {
        socket.data = Buffer.concat([socket.data, data]);
        return;
      }
      const written = socket.write(data);
      if (written < data.length) socket.data = Buffer.from(data.subarray(Math.max(0, written)));
    },
    drain(socket) {
      if (socket.data === undefined) return;
      const written = socket.write(socket.data);
      const left = socket.data.subarray(Math.max(0, written));
      socket.data = left.length > 0 ? left : undefined;
    },
  },
});
console.log(`listening on 127.0.0.1:${server.port}`);
