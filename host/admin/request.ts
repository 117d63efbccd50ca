// Request: what a route is given of an HTTP request, and how its body is read. It knows no route.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Reply, refusal } from './reply.ts';

const MOST_BODY_BYTES = 64 * 1024;

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
  /** It came by a socket whose owner may command. */
  readonly commands: boolean;
  /** For a route that answers by a stream. */
  readonly response: ServerResponse;
  /** The body, which must be an object in JSON. Rejects with a Refused. */
  body(): Promise<Readonly<Record<string, unknown>>>;
}

/** A request that is not what it must be. */
export class Refused extends Error {
  readonly reply: Reply;

  constructor(status: number, why: string) {
    super(why);
    this.reply = refusal(status, why);
  }
}

/** Reads a body of bounded length. Rejects with a Refused. */
export async function readBody(message: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    length += (chunk as Buffer).length;
    if (length > MOST_BODY_BYTES)
      throw new Refused(413, `the body has over ${MOST_BODY_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  if (length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw new Refused(400, 'the body is not JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new Refused(400, 'the body must be an object: { … }');
}

/**
 * Whether a page that a browser shows may have sent the request for somebody else. A form cannot send JSON, and says where
 * it came from; a script of another origin may not send JSON without being allowed to, which it never is here.
 * @returns why it is refused, or null
 */
export function foreign(message: IncomingMessage): Reply | null {
  const { origin, host = '', 'content-type': type = '', 'sec-fetch-site': site } = message.headers;
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    return refusal(415, 'a command needs the header Content-Type: application/json');
  }
  const same = origin === undefined || origin.replace(/^https?:\/\//, '') === host;
  const direct = site === undefined || site === 'same-origin' || site === 'none';
  return same && direct ? null : refusal(403, 'a page of another origin may not command');
}
