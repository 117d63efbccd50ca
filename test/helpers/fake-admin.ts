// A stand-in for the admin socket, for what a real server does not show on demand: many workers, huge numbers,
// hostile text, a worker that hangs. It serves the real page, and a status that a test makes up.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Assets } from '../../host/admin/assets.ts';
import type {
  SeenCounts,
  SeenHistogram,
  SeenService,
  SeenStatus,
  SeenWorker,
} from '../../host/admin/view/seen.ts';
import type { Owner } from './process.ts';

const BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

/** `count` callbacks, half of which took up to `halfMs`. */
export function histogramOf(count: number, halfMs: number): SeenHistogram {
  const buckets = BOUNDS.map((le) => ({
    le,
    count: Math.round(count * (1 - 0.5 ** (le / halfMs))),
  }));
  return { count, sum: count * halfMs * 1.44, buckets };
}

export function countsOf(
  messages: number,
  open: number,
  given: Partial<SeenCounts> = {},
): SeenCounts {
  return {
    connections: { open, total: open + Math.round(messages / 50), refused: 0 },
    ...{ bytesIn: messages * 64, bytesOut: messages * 96, messages },
    ...{ backlogBytes: 0, poolBytes: 0, guestMemoryBytes: 2 * 1024 * 1024 },
    ...{ errors: {}, guestTraps: 0, logLinesDropped: 0 },
    histograms: { callbackMs: histogramOf(messages, 0.004) },
    ...given,
  };
}

export function workerOf(
  index: number,
  counts: SeenCounts,
  given: Partial<SeenWorker> = {},
): SeenWorker {
  return { index, state: 'serving', restarts: 0, ...counts, ...given };
}

/** A service whose figures are the sum of its workers'. */
export function serviceOf(
  name: string,
  workers: readonly SeenWorker[],
  given: object = {},
): SeenService {
  const sum = (of: (worker: SeenWorker) => number): number =>
    workers.reduce((before, worker) => before + of(worker), 0);
  const messages = sum((worker) => worker.messages);
  const counts = countsOf(
    messages,
    sum(({ connections }) => connections.open),
    {
      poolBytes: sum(({ poolBytes }) => poolBytes),
      guestMemoryBytes: sum(({ guestMemoryBytes }) => guestMemoryBytes),
      guestTraps: sum(({ guestTraps }) => guestTraps),
      backlogBytes: sum(({ backlogBytes }) => backlogBytes),
    },
  );
  const ready = workers.filter(({ state }) => state === 'serving').length;
  return {
    ...{ name, state: 'serving', startedAt: Date.now() - 3_700_000 },
    module: {
      name: `${name}.wasm`,
      sha256: 'ab12'.repeat(16),
      loadedAt: Date.now() - 60_000,
      swaps: 2,
    },
    listeners: [{ address: '127.0.0.1:7000', state: 'listening' }],
    policy: { maxConnections: 65_536, poolBytes: 256 * 1024 * 1024 },
    workers,
    stats: {
      ...counts,
      guest: {},
      upstreams: {},
      workers: { total: workers.length, ready, restarts: sum(({ restarts }) => restarts) },
      shared: { topics: 0, members: 0, keys: 0, storeBytes: 0 },
      engines: { ready: true, store: null, topics: null },
    },
    ...given,
  };
}

export function statusOf(
  services: readonly SeenService[],
  given: Partial<SeenStatus> = {},
): SeenStatus {
  return {
    ...{ version: '0.1.0', time: Date.now(), startedAt: Date.now() - 3_700_000 },
    process: {
      ...{ pid: 4711, node: 'v22.1.0', cpuUserMs: 100_000, cpuSystemMs: 20_000 },
      rssBytes: 91 * 1024 * 1024,
    },
    services,
    ...given,
  };
}

export class FakeAdmin {
  /** `METHOD path?query` of each request for something other than a file or events. */
  readonly requests: string[] = [];
  status: SeenStatus = statusOf([]);
  /** Called before `/status` is answered. */
  onLook: () => void = () => undefined;
  /** What `/connections` answers. */
  rows: (query: URLSearchParams) => object = () => ({ connections: [], next: null });
  /** What each POST had in its body. */
  readonly bodies: unknown[] = [];
  /** The status and the body of the answer to a POST. */
  answer: readonly [number, object] = [200, {}];
  readonly #assets = new Assets();
  readonly #streams = new Set<ServerResponse>();
  readonly #server: Server;
  readonly #commands: boolean;
  readonly #host: string;

  private constructor(commands: boolean, host: string) {
    this.#commands = commands;
    this.#host = host;
    this.#server = createServer((request, response) => this.#receive(request, response));
  }

  static async start(
    owner: Owner,
    { commands = true, port = 0, host = '127.0.0.1' } = {},
  ): Promise<FakeAdmin> {
    const admin = new FakeAdmin(commands, host);
    await admin.listen(port);
    owner.teardown(() => admin.end());
    return admin;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, this.#host, () => resolve());
    });
  }

  /** Listens no more, and every connection is closed. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://${this.#host}:${this.port}/`;
  }

  /** Tells this status to whoever follows. */
  tell(status: SeenStatus): void {
    this.status = status;
    this.#send('status', status);
  }

  log(level: string, message: string, fields: object = {}): void {
    this.#send('log', { level, time: Date.now(), message, fields });
  }

  #send(event: string, data: object): void {
    const text = `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const response of this.#streams) response.write(text);
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, 'http://fake');
    const path = url.pathname;
    response.setHeader('Content-Security-Policy', "default-src 'self'; frame-ancestors 'none'");
    if (path === '/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      this.#streams.add(response);
      response.on('close', () => this.#streams.delete(response));
      response.write(`event: status\ndata: ${JSON.stringify(this.status)}\n\n`);
    } else if (this.#assets.paths.includes(path)) {
      const reply = this.#assets.answer(path, this.#commands, request.headers['if-none-match']);
      response.writeHead(reply.status, { 'Content-Type': reply.type, ...reply.headers });
      response.end(reply.body);
    } else this.#answer(request, response, url);
  }

  #answer(request: IncomingMessage, response: ServerResponse, to: URL): void {
    const { method, url } = request;
    const { pathname: path, searchParams } = to;
    this.requests.push(`${method} ${url}`);
    if (path === '/status') this.onLook();
    if (method === 'POST') {
      const parts: Buffer[] = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        this.bodies.push(JSON.parse(String(Buffer.concat(parts))));
        reply(response, ...this.answer);
      });
    } else reply(response, 200, path === '/status' ? this.status : this.rows(searchParams));
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}
