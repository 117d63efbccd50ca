// Playground: READ THIS FIRST. A small HTTP server for the files of a page, on this machine's loopback address. What
// the page does with a guest happens in the browser; nothing that is done there comes back here.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostOf } from '../admin/hosts.ts';
import { TEXT } from '../admin/reply.ts';
import { messageOf } from '../errors.ts';
import { Files } from './files.ts';

const HOST = '127.0.0.1';
const HEADERS = {
  'Cache-Control': 'no-store',
  // The page takes nothing from elsewhere, and sends nothing anywhere. A guest needs to be compiled.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    ...["style-src 'self'", "img-src 'self'", "connect-src 'self'", "worker-src 'self'"],
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

export interface PlaygroundOptions {
  /** 0 is any that is free. */
  readonly port: number;
  /** Paths of modules that the page offers besides the bundled ones. */
  readonly modules: readonly string[];
}

export class Playground {
  readonly #files: Files;
  readonly #server: Server;
  readonly #isOurs = hostOf({ kind: 'tcp', host: HOST, port: 0 }, false);

  private constructor(files: Files) {
    this.#files = files;
    this.#server = createServer((request, response) => void this.#receive(request, response));
  }

  /**
   * Serves the page until it is closed.
   * @throws WasmpollError ERR_MODULE for a module that cannot be read; Error in Node's form when it cannot listen
   */
  static async open({ port, modules }: PlaygroundOptions): Promise<Playground> {
    const playground = new Playground(await Files.read(modules));
    playground.#server.listen(port, HOST);
    await once(playground.#server, 'listening');
    return playground;
  }

  get url(): string {
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that goes away takes nothing with it.
    response.on('error', () => undefined);
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    try {
      const { status, type, bytes } = await this.#answer(request);
      const length = bytes.length;
      response.writeHead(status, { 'Content-Type': type, 'Content-Length': length });
      response.end(request.method === 'HEAD' ? undefined : bytes);
    } catch (error) {
      if (!response.headersSent) response.writeHead(500, { 'Content-Type': TEXT });
      response.end(`${messageOf(error)}\n`);
    }
  }

  async #answer({ method, url = '/', headers }: IncomingMessage): Promise<Answer> {
    // A page of somebody else's, whose name has been made to lead here, is told nothing.
    if (!this.#isOurs(headers.host)) return line(421, 'Host: that is not a name of this');
    if (method !== 'GET' && method !== 'HEAD') return line(405, 'there is only GET here');
    const path = url.replace(/\?.*$/s, '');
    const body = await this.#files.get(path);
    return body === null ? line(404, 'there is no such file') : { status: 200, ...body };
  }
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly bytes: Uint8Array;
}

const line = (status: number, text: string): Answer => ({
  ...{ status, type: TEXT },
  bytes: Buffer.from(`${text}\n`),
});
