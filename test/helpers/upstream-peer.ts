// An upstream that a test plays: a listening socket, and what has connected to it.

import { createServer, type Server, type Socket } from 'node:net';

export interface UpstreamPeer {
  readonly address: string;
  readonly server: Server;
  /** In the order in which they came. */
  readonly sockets: Socket[];
  /** Resolves when so many have come. */
  came(count: number): Promise<Socket>;
  /** Nobody is let in any more. */
  stop(): Promise<void>;
}

/** @param serve is given each that connects */
export async function upstreamPeer(
  t: { teardown(end: () => void): void },
  serve: (socket: Socket) => void = () => undefined,
): Promise<UpstreamPeer> {
  const sockets: Socket[] = [];
  let news = (): void => undefined;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    serve(socket);
    news();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return {
    address: `127.0.0.1:${port}`,
    server,
    sockets,
    came: async (count) => {
      while (sockets.length < count) {
        await new Promise<void>((resolve) => {
          news = resolve;
        });
      }
      return sockets[count - 1]!;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** All that a socket receives until its end, or its error's code. */
export function received(socket: Socket): Promise<{ bytes: Buffer; how: string }> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const end = (how: string): void => resolve({ bytes: Buffer.concat(chunks), how });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('end', () => end('end'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? ''));
    socket.once('close', () => end('close'));
  });
}
