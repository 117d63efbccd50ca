// Address: what the text of --store and --topics says. It opens nothing, and no message repeats what may
// hold a password.

import { WasmpollError } from '../errors.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ServerAddress {
  readonly kind: 'redis' | 'nats';
  /** One or more, all of one cluster; Redis has one. */
  readonly servers: readonly [Endpoint, ...Endpoint[]];
  readonly tls: boolean;
  /** Decoded; empty if there is none. */
  readonly user: string;
  readonly password: string;
  /** Redis only. */
  readonly database: number;
  /** What the keys begin with, and what the channel is called. */
  readonly service: string;
  /** Paths of what else the server is to be known by, or wants to see. */
  readonly files: Readonly<Partial<Record<FileParameter, string>>>;
}

export interface FileAddress {
  readonly kind: 'sqlite';
  readonly path: string;
}

export type StoreAddress = ServerAddress | FileAddress;

/** For TLS, in PEM: authorities, and a certificate of this side with its key. For NATS: a `.creds` file. */
export type FileParameter = 'ca' | 'cert' | 'key' | 'creds';

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
  const { kind, servers, tls } = address;
  return `${kind}${tls ? 's' : ''}://${servers.map(textOf).join(',')}`;
}

/** `HOST:PORT` */
export const textOf = ({ host, port }: Endpoint): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

function kindOf(text: string): ServerAddress['kind'] | null {
  if (/^rediss?:\/\//i.test(text)) return 'redis';
  return /^nats:\/\//i.test(text) ? 'nats' : null;
}

// All that may be repeated of a text that is not understood.
function instead(text: string): string {
  const scheme = /^([a-z][a-z0-9+.-]{0,15}):/i.exec(text)?.[1];
  return scheme === undefined ? '' : `, got one with ${scheme}:`;
}

// A URL has one host. With several, each stands for itself with all the rest.
function parseServer(text: string, kind: ServerAddress['kind'], called: string): ServerAddress {
  const [, before = '', hosts = '', after = ''] =
    /^(.*?:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/s.exec(text) ?? [];
  const urls = hosts.split(',').map((host) => {
    const one = `${before}${host}${after}`;
    const url = URL.canParse(one) ? new URL(one) : null;
    if (url !== null && url.hostname !== '') return url;
    throw wrong(`${called}: this is not ${kind}://[USER:PASSWORD@]HOST[:PORT]`);
  });
  const url = urls[0]!;
  if (kind === 'redis' && urls.length > 1) throw wrong(`${called}: redis:// has one server`);
  if (url.hash !== '') throw wrong(`${called}: a # in a password must be written %23`);
  const [first, ...others] = urls.map(({ hostname, port }) => ({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? PORTS[kind] : Number(port),
  }));
  const tls = url.protocol === 'rediss:';
  return {
    kind,
    servers: [first!, ...others],
    tls,
    user: decoded(url.username, called),
    password: decoded(url.password, called),
    database: databaseOf(url, kind, called),
    ...parametersOf(url, filesFor(kind, tls), called),
  };
}

function filesFor(kind: ServerAddress['kind'], tls: boolean): readonly FileParameter[] {
  if (kind === 'nats') return ['creds'];
  return tls ? ['ca', 'cert', 'key'] : [];
}

function parametersOf(
  url: URL,
  known: readonly FileParameter[],
  called: string,
): Pick<ServerAddress, 'service' | 'files'> {
  const names = ['service', ...known];
  const files: Partial<Record<FileParameter, string>> = {};
  for (const name of url.searchParams.keys()) {
    if (names.includes(name)) continue;
    throw wrong(`${called}: parameters of ${url.protocol}// are ${names.join(', ')}`);
  }
  for (const name of known) {
    const [path, second] = url.searchParams.getAll(name);
    if (path === undefined) continue;
    if (path === '' || second !== undefined) throw wrong(`${called}: ${name} takes one path`);
    files[name] = path;
  }
  if ((files.cert === undefined) !== (files.key === undefined)) {
    throw wrong(`${called}: cert and key go together`);
  }
  const [service = SERVICE, second] = url.searchParams.getAll('service');
  if (second !== undefined || !/^[A-Za-z0-9_-]{1,64}$/.test(service)) {
    throw wrong(`${called}: service must be one name of letters, digits, - and _`);
  }
  return { service, files };
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
