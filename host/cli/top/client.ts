// Client: asks an admin socket, and says in one line why there is no answer. It knows paths and JSON, and not
// what the figures mean.

import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { SeenConnections, SeenStatus } from '../../admin/view/seen.ts';
import { messageOf, WasmpollError } from '../../errors.ts';
import { parseAddress } from '../../listen/address.ts';

const PATIENCE_MS = 5000;
/** 1,000 workers have less. */
const LONGEST_BYTES = 32 * 1024 * 1024;

export class Client {
  readonly #address: string;
  readonly #to: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /**
   * @param address a path, `unix:PATH`, `HOST:PORT` or `http://HOST:PORT`
   * @throws WasmpollError ERR_ADDRESS
   */
  constructor(address: string) {
    this.#address = address;
    this.#to = targetOf(address);
  }

  async status(): Promise<SeenStatus> {
    const status = (await this.#get('/status')) as Partial<SeenStatus>;
    if (!Array.isArray(status.services) || typeof status.time !== 'number') throw this.#stranger();
    return status as SeenStatus;
  }

  /** The first rows in one of the orders that SORTS names. */
  async connections(service: string, sort: string, limit: number): Promise<SeenConnections> {
    const query = new URLSearchParams({ service, sort, limit: String(limit) });
    const rows = (await this.#get(`/connections?${query}`)) as Partial<SeenConnections>;
    if (!Array.isArray(rows.connections)) throw this.#stranger();
    return rows as SeenConnections;
  }

  /** Its connection is closed. */
  close(): void {
    this.#agent.destroy();
  }

  async #get(path: string): Promise<object> {
    let text: string;
    try {
      text = await this.#read(path);
    } catch (error) {
      throw this.#explained(error);
    }
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value;
    } catch {
      throw this.#stranger();
    }
    throw this.#stranger();
  }

  #read(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { ...this.#to, path, agent: this.#agent, timeout: PATIENCE_MS };
      const asked = request(options, (response) => {
        collect(response).then(resolve, reject);
      });
      asked.on('timeout', () => asked.destroy(new Error(`no answer for ${PATIENCE_MS} ms`)));
      asked.on('error', reject);
      asked.end();
    });
  }

  #stranger(): WasmpollError {
    return new WasmpollError('ERR_ADDRESS', `${this.#address} answers, but not as wasmpoll does`);
  }

  #explained(error: unknown): Error {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code.startsWith('HPE_')) return this.#stranger();
    const why = REASONS[code] ?? messageOf(error);
    return new WasmpollError('ERR_ADDRESS', `${this.#address}: ${why}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; does the server run with --admin?',
  ENOTDIR: 'there is no such socket; does the server run with --admin?',
  ECONNREFUSED: 'nobody listens there; does the server run with --admin?',
  EACCES: 'permission denied; only the user of the server and root may connect',
  ECONNRESET: 'the connection was closed before an answer came',
  ENOTFOUND: 'there is no such host',
};

function targetOf(address: string): RequestOptions {
  if (/^https?:/i.test(address)) return targetOfUrl(address);
  if (address.includes('/') && !address.startsWith('unix:')) {
    return targetOf(`unix:${address}`);
  }
  const parsed = parseAddress(address);
  if (parsed.kind === 'unix') return { socketPath: parsed.path };
  return { host: parsed.host, port: parsed.port };
}

function targetOfUrl(address: string): RequestOptions {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || url.protocol !== 'http:' || url.username !== '') {
    throw new WasmpollError('ERR_ADDRESS', `'${address}' must be http://HOST:PORT`);
  }
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || 80) };
}

async function collect(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    if (length > LONGEST_BYTES) throw new Error('the answer is too long');
  }
  const text = Buffer.concat(parts).toString();
  if (response.statusCode === 200) return text;
  throw new Error(reasonIn(text) ?? `HTTP ${response.statusCode}`);
}

function reasonIn(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : null;
  } catch {
    return null;
  }
}
