// A stream client for TCP and Unix sockets, in clear or by TLS. It reads all the time unless it is paused, half-closes
// only when told, and knows nothing of any protocol.

import { connect as connectSocket, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { parseAddress } from '../../host/listen/address.ts';

export interface ConnectOptions {
  /** Nothing is read until `resume()`; what the kernel's buffers hold is all that the server can send. */
  readonly paused?: boolean;
  /** The client is destroyed when the test ends: give the test's `t`. */
  readonly owner?: { teardown(end: () => void): void };
  /** By TLS, with any certificate. */
  readonly secure?: ConnectionOptions;
}

/**
 * Connects to an address as `--listen` takes it and the server prints it.
 * Rejects with the system's error: ECONNREFUSED, ENOENT, …
 */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Client> {
  const to = parseAddress(address);
  const target = to.kind === 'unix' ? { path: to.path } : { host: to.host, port: to.port };
  const { secure, paused = false } = options;
  // Over a socket of the caller's, if it has given one.
  const socket =
    (options.secure?.socket as Socket | undefined) ??
    connectSocket({ ...target, allowHalfOpen: true, noDelay: true });
  const client =
    secure === undefined
      ? new Client(socket, paused, 'connect')
      : new Client(over(socket, secure), paused, 'secureConnect', socket);
  options.owner?.teardown(() => client.destroy());
  await client.opened;
  return client;
}

/** TLS, with any certificate, over a socket, connected or not, whose own end nobody listens to any more. */
export function over(socket: Socket, secure: ConnectionOptions = {}): TLSSocket {
  const options = { allowHalfOpen: true, rejectUnauthorized: false, ...secure };
  return connectTls({ ...options, socket } as ConnectionOptions);
}

/** One reader at a time; any number of senders, in order of their calls. */
export class Client {
  /** Resolves when connected. */
  readonly opened: Promise<void>;
  /** How the server's side ended: `end` for a FIN, or the error's code; `destroyed` by the client. */
  readonly closed: Promise<string>;
  readonly #socket: Socket;
  readonly #below: Socket;
  #chunks: Buffer[] = [];
  #length = 0;
  #over: string | undefined;
  #error: Error | undefined;
  #news: () => void = () => undefined;

  /** @param below the socket that TLS goes over */
  constructor(
    socket: Socket,
    paused: boolean,
    opens: 'connect' | 'secureConnect' = 'connect',
    below = socket,
  ) {
    this.#socket = socket;
    this.#below = below;
    if (paused) socket.pause();
    this.opened = new Promise((resolve, reject) => {
      socket.once(opens, resolve);
      socket.once('error', reject);
    });
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#news();
    });
    // Listening for data starts the flow, whatever was said before.
    if (paused) socket.pause();
    this.closed = new Promise((resolve) => {
      const finish = (how: string): void => {
        this.#over ??= how;
        // From here on nothing comes that the process would have to wait for.
        socket.unref();
        this.#news();
        resolve(this.#over);
      };
      // A reset that a write has met looks like a FIN to the read before it; the error is on its way.
      socket.once('end', () => setImmediate(() => finish('end')));
      socket.once('error', (error: NodeJS.ErrnoException) => {
        this.#error = error;
        finish(error.code ?? error.message);
      });
      socket.once('close', () => finish(socket.readableEnded ? 'end' : 'destroyed'));
    });
  }

  /** This end as the server names its peer: `127.0.0.1:40123`; empty for a Unix socket. */
  get localAddress(): string {
    const { localAddress: host, localPort } = this.#socket;
    if (host === undefined) return '';
    return host.includes(':') ? `[${host}]:${localPort}` : `${host}:${localPort}`;
  }

  /** What is below it; of one by TLS, what that knows. */
  get socket(): Socket {
    return this.#socket;
  }

  get tls(): TLSSocket {
    return this.#socket as TLSSocket;
  }

  /** Bytes that were received and not yet read. */
  get waiting(): number {
    return this.#length;
  }

  /** Resolves when the kernel has taken all of it; rejects when the connection is lost before. */
  send(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** FIN, behind everything that was sent. Reading goes on. */
  end(): void {
    this.#socket.end();
  }

  /** RST for TCP; a Unix socket has none, and is closed. */
  reset(): void {
    if (this.#socket.localPort === undefined) this.#socket.destroy();
    else this.#below.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Exactly so many bytes. Rejects when the connection ends before; they stay for `readAll()`. */
  async readExactly(length: number): Promise<Buffer> {
    while (this.#length < length) {
      if (this.#over !== undefined) throw this.#lost(length);
      await this.#more();
    }
    const all = Buffer.concat(this.#chunks);
    const rest = all.subarray(length);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    return all.subarray(0, length);
  }

  /** Everything up to the server's FIN; rejects with the connection's error instead. */
  async readAll(): Promise<Buffer> {
    while (this.#over === undefined) await this.#more();
    if (this.#over !== 'end') throw this.#lost(this.#length);
    return this.readExactly(this.#length);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#news = resolve;
    });
  }

  #lost(wanted: number): Error {
    const message = `${this.#over} after ${this.#length} of ${wanted} bytes`;
    const error = new Error(message, { cause: this.#error });
    return Object.assign(error, { code: this.#over });
  }
}
