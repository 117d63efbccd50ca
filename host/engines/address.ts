// Address: what the text of --store and --topics says. It opens nothing, and no message repeats what may
// hold a password.

import { WasmpollError } from '../errors.ts';

export interface ServerAddress {
  readonly kind: 'redis' | 'nats';
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Decoded; empty if there is none. */
  readonly user: string;
  readonly password: string;
  /** Redis only. */
  readonly database: number;
  /** What the keys begin with, and what the channel is called. */
  readonly service: string;
}

export interface FileAddress {
  readonly kind: 'sqlite';
  readonly path: string;
}

export type StoreAddress = ServerAddress | FileAddress;

const SERVICE = 'wasmpoll';
const STORES = 'redis://HOST:PORT, rediss://HOST:PORT or sqlite:PATH';
const BUSES = 'redis://HOST:PORT, rediss://HOST:PORT or nats://HOST:PORT';
const PORTS = { redis: 6379, nats: 4222 };

/**
 * @param called how a message names the option
 * @throws WasmpollError ERR_OPTION
 */
export function parseStore(text: string, called: string): StoreAddress {
  if (text.startsWith('sqlite:')) {
    const path = text.slice('sqlite:'.length);
    if (path === '' || path.includes('\0')) throw wrong(`${called}: sqlite: takes a path`);
    return { kind: 'sqlite', path };
  }
  const kind = kindOf(text);
  if (kind !== 'redis') throw wrong(`${called} must be ${STORES}${instead(text)}`);
  return parseServer(text, kind, called);
}

/** As `parseStore`. */
export function parseTopics(text: string, called: string): ServerAddress {
  const kind = kindOf(text);
  if (kind === null) throw wrong(`${called} must be ${BUSES}${instead(text)}`);
  return parseServer(text, kind, called);
}

/** How a log names it: without user and password. */
export function nameOf(address: StoreAddress): string {
  if (address.kind === 'sqlite') return `sqlite:${address.path}`;
  const { kind, host, port, tls } = address;
  return `${kind}${tls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function kindOf(text: string): ServerAddress['kind'] | null {
  if (/^rediss?:\/\//i.test(text)) return 'redis';
  return /^nats:\/\//i.test(text) ? 'nats' : null;
}

// All that may be repeated of a text that is not understood.
function instead(text: string): string {
  const scheme = /^([a-z][a-z0-9+.-]{0,15}):/i.exec(text)?.[1];
  return scheme === undefined ? '' : `, got one with ${scheme}:`;
}

function parseServer(text: string, kind: ServerAddress['kind'], called: string): ServerAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname === '') {
    throw wrong(`${called}: this is not ${kind}://[USER:PASSWORD@]HOST[:PORT]`);
  }
  if (url.hash !== '') throw wrong(`${called}: a # in a password must be written %23`);
  const service = serviceOf(url, called);
  return {
    kind,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORTS[kind] : Number(url.port),
    tls: url.protocol === 'rediss:',
    user: decoded(url.username, called),
    password: decoded(url.password, called),
    database: databaseOf(url, kind, called),
    service,
  };
}

function serviceOf(url: URL, called: string): string {
  for (const name of url.searchParams.keys()) {
    if (name !== 'service') throw wrong(`${called}: the only parameter is service=NAME`);
  }
  const [service = SERVICE, second] = url.searchParams.getAll('service');
  if (second !== undefined || !/^[A-Za-z0-9_-]{1,64}$/.test(service)) {
    throw wrong(`${called}: service must be one name of letters, digits, - and _`);
  }
  return service;
}

function databaseOf(url: URL, kind: ServerAddress['kind'], called: string): number {
  const path = url.pathname.replace(/^\//, '');
  if (path === '') return 0;
  if (kind === 'nats') throw wrong(`${called}: nats:// has no path`);
  if (!/^\d{1,5}$/.test(path)) throw wrong(`${called}: the path must be the database's number`);
  return Number(path);
}

function decoded(text: string, called: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(`${called}: a % in user or password must be written %25`);
  }
}

const wrong = (message: string): WasmpollError => new WasmpollError('ERR_OPTION', message);
