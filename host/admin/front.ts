// Front: the HTTP server in front of the routes. It bounds what a client can cost: connections, bytes, time.
// A fault of a route is a reply of 500 and a log line; nothing here ends the process.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../errors.ts';
import type { Logger } from '../server/logger.ts';
import type { HostCheck } from './hosts.ts';
import { type Reply, refusal } from './reply.ts';
import { foreign, Refused, type Request, readBody } from './request.ts';
import type { Routes } from './routes.ts';

/**
 * Connections to one address at once. Together with those that wait for room in the server they are what is
 * kept in reserve of the descriptors.
 */
const MOST_CONNECTIONS = 16;
// Whoever is slow makes room as soon as somebody else comes; the times can be long, so that a machine that is
// busy itself takes nobody for slow.
const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 20_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
};
/** A client that takes nothing of its answer for so long is gone. */
const SILENCE_MS = 30_000;

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'self'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

export interface FrontOptions {
  /** Whoever can connect may command: the system lets nobody else in. */
  readonly commands: boolean;
  readonly hosts: HostCheck;
  readonly logger: Logger;
}

/** `leaving`: it has asked for too much at once, and nothing more is read of it. */
type Doing = 'idle' | 'answering' | 'leaving';

export class Front {
  readonly #routes: Routes;
  readonly #options: FrontOptions;
  readonly #server: Server;
  /** Connections, the oldest first. */
  readonly #sockets = new Map<Socket, Doing>();

  constructor(routes: Routes, options: FrontOptions) {
    this.#routes = routes;
    this.#options = options;
    this.#server = createServer(LIMITS, (request, response) => this.#receive(request, response));
    this.#server.on('connection', (socket) => this.#admit(socket));
    this.#server.on('error', (error) => this.#failed(error));
  }

  /** Takes over a listening descriptor. */
  listen(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ fd }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  // When all places are taken, whoever has been silent the longest makes room for the one who comes: those
  // who hold connections open cannot keep others out.
  #admit(socket: Socket): void {
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    this.#sockets.set(socket, 'idle');
    if (this.#sockets.size <= MOST_CONNECTIONS) return;
    const sockets = [...this.#sockets];
    const [oldest] = sockets.find(([, doing]) => doing === 'idle') ?? sockets[0]!;
    this.#sockets.delete(oldest);
    oldest.destroy();
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    response.on('error', () => undefined);
    request.on('error', () => undefined);
    const before = this.#sockets.get(socket);
    if (before !== 'idle') {
      this.#refuseMore(socket, before, request, response);
      return;
    }
    this.#sockets.set(socket, 'answering');
    response.on('close', () => {
      if (this.#sockets.get(socket) === 'answering') this.#sockets.set(socket, 'idle');
    });
    void this.#answer(request, response).then((reply) => {
      if (reply === null) return;
      const { method, url } = request;
      // Who commands leaves a trace.
      if (method === 'POST') this.#options.logger.info({ url, status: reply.status }, 'command');
      write(request, response, reply);
    });
  }

  // The requests of one packet would keep the event loop from everybody else until all are answered. The second
  // is told, behind the answer to the first; then the connection is over.
  #refuseMore(
    socket: Socket,
    before: Doing | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    if (before !== 'answering') return;
    this.#sockets.set(socket, 'leaving');
    response.setHeader('Connection', 'close');
    write(request, response, refusal(400, 'the request before is not answered: one at a time'));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Reply | null> {
    try {
      for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
      const { host } = request.headers;
      if (!this.#options.hosts(host)) return refusal(421, `Host: ${host} is not a name of this`);
      const reply = request.method === 'POST' && this.#options.commands ? foreign(request) : null;
      return reply ?? (await this.#routes.answer(this.#read(request, response)));
    } catch (error) {
      if (error instanceof Refused) return error.reply;
      this.#failed(error);
      return response.headersSent ? null : refusal(500, 'the request failed; the log says why');
    }
  }

  #read(request: IncomingMessage, response: ServerResponse): Request {
    const { method = 'GET', url = '/' } = request;
    const at = url.indexOf('?');
    const path = at < 0 ? url : url.slice(0, at);
    const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
    const { accept } = request.headers;
    const { commands } = this.#options;
    const body = (): ReturnType<typeof readBody> => readBody(request);
    return { method, path, query, accept, commands, response, body };
  }

  #failed(error: unknown): void {
    this.#options.logger.error({}, `admin: ${messageOf(error)}`);
  }

  /** Resolves when it listens no more, and every connection is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function write(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  if (response.destroyed) return;
  const body = Buffer.from(reply.body as string);
  response.writeHead(reply.status, {
    ...{ 'Content-Type': reply.type, 'Content-Length': body.length },
    ...reply.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
