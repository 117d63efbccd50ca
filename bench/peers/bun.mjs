// Echo on Bun's own sockets. What the kernel does not take at once waits here, and the socket is
// paused meanwhile.

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      socket.setNoDelay(true);
    },
    data(socket, data) {
      if (socket.data !== undefined) {
        socket.data = Buffer.concat([socket.data, data]);
        return;
      }
      const written = socket.write(data);
      if (written === data.length) return;
      // Bun reuses the buffer that it hands over.
      socket.data = Buffer.from(data.subarray(Math.max(0, written)));
      socket.pause();
    },
    drain(socket) {
      if (socket.data === undefined) return;
      const written = socket.write(socket.data);
      if (written < socket.data.length) {
        socket.data = socket.data.subarray(Math.max(0, written));
        return;
      }
      socket.data = undefined;
      socket.resume();
    },
  },
});
console.log(`listening on 127.0.0.1:${server.port}`);
