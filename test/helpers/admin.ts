// A client of the admin socket: one request, its answer. It knows no path.

import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { Socket } from 'node:net';
import { native } from '../../host/kernel/native.ts';
import { parseAddress } from '../../host/listen/address.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Where a request to an address as `--admin` takes it goes. */
export function target(address: string): RequestOptions {
  const to = parseAddress(address);
  if (to.kind === 'tcp') return { host: to.host, port: to.port };
  if (!to.path.startsWith('@')) return { socketPath: to.path };
  // Node 20 cannot connect to an abstract name.
  return {
    agent: undefined,
    createConnection: () => new Socket({ fd: native.connectUnix(to.path) }),
  };
}

/** Rejects when there is no answer. */
export function ask(address: string, path: string, options: Ask = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      { agent: false, ...target(address), method, path, headers },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The events of a stream as they come; the stream ends when whoever reads them stops. */
export async function* events(address: string): AsyncGenerator<{ name: string; data: unknown }> {
  const sent = request({ agent: false, ...target(address), path: '/events' });
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve);
    sent.on('error', reject);
    sent.end();
  });
  let text = '';
  try {
    for await (const chunk of response) {
      text += String(chunk);
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end))!;
        text = text.slice(end + 2);
        yield { name: name!, data: JSON.parse(data!) };
      }
    }
  } finally {
    sent.destroy();
  }
}
