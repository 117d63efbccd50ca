// Spec: a listener as an operator asks for it: an address, and what holds for those who come by it. Text and
// objects say the same: `ADDRESS?key=value&key=value`. It opens nothing and resolves no name.

import { WasmpollError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { UNIX_MODE } from '../policy.ts';
import { checkTls, TLS_KEYS, type TlsOptions } from '../tls/options.ts';
import { type Place, parsePlace } from './address.ts';
import { MOST_NETWORKS } from './peer/listener-table.ts';
import { NETWORK_BYTES, parseNetworks } from './peer/networks.ts';

/** A listener as an object. */
export interface ListenOptions {
  /** `HOST:PORT`, `[V6]:PORT`, `unix:PATH`, `unix:@NAME`, `fd:NAME` or `fd:NUMBER`. */
  readonly address: string;
  /**
   * Each connection begins with a PROXY header, of version 1 or 2, and comes from one of these networks; `true`
   * for a Unix socket, whose file says who may connect.
   */
  readonly proxy?: boolean | { readonly from: string | readonly string[] };
  /** Connections are of TLS, with these certificates. */
  readonly tls?: TlsOptions;
  /** Networks and addresses that are let in, all without it. With `proxy` it is the client's address that counts. */
  readonly allow?: string | readonly string[];
  /** Networks and addresses that are not let in, `allow` or not. */
  readonly deny?: string | readonly string[];
  /** Of a Unix socket's file, in octal: '660'; '600' by default. */
  readonly mode?: string;
  /** Of a Unix socket's file: a name or a number; the process's own by default. */
  readonly owner?: string;
  readonly group?: string;
}

/** What `listen` takes once. */
export type Listen = string | ListenOptions;

/** What a Unix socket's file is to be like; null leaves it as it is. */
export interface FileOptions {
  readonly mode: number;
  readonly owner: string | null;
  readonly group: string | null;
}

/** What was read. */
export interface ListenSpec {
  readonly place: Place;
  /** The address as it was written: the property `listener`. */
  readonly name: string;
  /** From whom PROXY headers are believed; null when none are expected. Empty for a Unix socket. */
  readonly trusted: Uint8Array | null;
  readonly allow: Uint8Array;
  readonly deny: Uint8Array;
  readonly file: FileOptions;
  readonly tls: TlsOptions | null;
}

const LISTEN_KEYS = ['address', 'tls', 'proxy', 'allow', 'deny', 'mode', 'owner', 'group'];
const PROXY_KEYS = ['from'];
const FILE_KEYS = ['mode', 'owner', 'group'] as const;
/** In front of `://`; what a scheme stands for is decided in `optionsOf`. */
const SCHEMES = ['tcp', 'tls'];
/** In text they stand beside the others; names of their own take an object. */
const TLS_TEXT_KEYS = TLS_KEYS.filter((key) => key !== 'sni');
const TEXT_KEYS = LISTEN_KEYS.filter((key) => key !== 'address' && key !== 'tls');

/** @throws WasmpollError ERR_ADDRESS, naming the address and what is wrong with it */
export function parseListen(listen: Listen): ListenSpec {
  const options = listenOptions(listen);
  const { address } = options;
  const bad = (why: string): WasmpollError =>
    new WasmpollError('ERR_ADDRESS', `listen '${String(address)}': ${why}`);
  checkKeys(options, LISTEN_KEYS, 'option', bad);
  if (typeof address !== 'string') throw bad('address must be text, for instance 127.0.0.1:33445');
  const place = parsePlace(address);
  const lists = {
    allow: networksOf(options.allow, 'allow', bad),
    deny: networksOf(options.deny, 'deny', bad),
  };
  if (place.kind === 'unix' && lists.allow.length + lists.deny.length > 0) {
    throw bad('a Unix socket has no addresses to allow or deny; mode, owner and group do that');
  }
  const trusted = trustedOf(options.proxy, place, bad);
  if (lists.allow.length + lists.deny.length > MOST_NETWORKS * NETWORK_BYTES) {
    throw bad(`allow and deny have more than ${MOST_NETWORKS} networks`);
  }
  const tls = options.tls === undefined ? null : checkTls(options.tls, `listen '${address}'`);
  return { place, name: address, trusted, ...lists, file: fileOf(options, place, bad), tls };
}

/** Text as the object that says the same. @throws WasmpollError ERR_ADDRESS */
export const listenOptions = (listen: Listen): ListenOptions =>
  typeof listen === 'string' ? optionsOf(listen) : listen;

type Bad = (why: string) => WasmpollError;

/** `ADDRESS?key=value&…`; values are percent-encoded, and lists have commas. */
function optionsOf(text: string): ListenOptions {
  const bad = (why: string): WasmpollError =>
    new WasmpollError('ERR_ADDRESS', `listen '${text}': ${why}`);
  const [, scheme, rest = ''] = /^(?:([a-z][a-z\d+.-]*):\/\/)?(.*)$/s.exec(text) ?? [];
  if (scheme !== undefined && !SCHEMES.includes(scheme)) {
    throw bad(
      `there is no '${scheme}://'; an address begins with ${SCHEMES.join(':// or ')}://, or with neither`,
    );
  }
  const mark = rest.indexOf('?');
  const options: Record<string, unknown> = { address: mark < 0 ? rest : rest.slice(0, mark) };
  const secure = scheme === 'tls';
  const tls: Record<string, unknown> = {};
  const known = secure ? [...TEXT_KEYS, ...TLS_TEXT_KEYS] : TEXT_KEYS;
  for (const part of mark < 0 ? [] : rest.slice(mark + 1).split('&')) {
    const [, key = '', value = ''] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    if (key === '' || value === '') throw bad(`'${part}' must be KEY=VALUE`);
    if (!known.includes(key)) throw bad(unknown(key, known, 'option'));
    const target = TLS_TEXT_KEYS.includes(key) ? tls : options;
    if (Object.hasOwn(target, key)) throw bad(`${key} is given twice; a list has commas`);
    target[key] = readOption(key, decoded(value, bad));
  }
  if (secure) options.tls = tls;
  return options as unknown as ListenOptions;
}

function decoded(value: string, bad: Bad): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw bad(`'${value}' has a % that is followed by no two digits; %25 stands for %`);
  }
}

function readOption(key: string, value: string): unknown {
  if (key === 'proxy') return value === 'true' ? true : { from: value.split(',') };
  if (key === 'tickets' || key === 'starttls') return truth(value);
  return LISTS.includes(key) ? value.split(',') : value;
}

const LISTS = ['allow', 'deny', 'alpn'];

const truth = (value: string): unknown =>
  value === 'true' ? true : value === 'false' ? false : value;

function checkKeys(options: object, known: readonly string[], kind: string, bad: Bad): void {
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined && !known.includes(key)) throw bad(unknown(key, known, kind));
  }
}

function unknown(key: string, known: readonly string[], kind: string): string {
  if (known.length === 1) return `there is no ${kind} '${key}'; ${known[0]} is the only one`;
  const meant = nearest(key, known);
  const instead = meant === null ? `there are ${known.join(', ')}` : `${meant} is one`;
  return `there is no ${kind} '${key}'; ${instead}`;
}

function networksOf(given: unknown, key: string, bad: Bad): Uint8Array {
  if (given === undefined) return new Uint8Array(0);
  const texts: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (texts.length === 0) throw bad(`${key} is empty: leave it out, or name a network`);
  if (!texts.every((text) => typeof text === 'string')) {
    throw bad(`${key} must be networks such as 10.0.0.0/8`);
  }
  return parseNetworks(texts as string[], `listen: ${key}`);
}

function trustedOf(proxy: unknown, { kind }: Place, bad: Bad): Uint8Array | null {
  if (proxy === undefined || proxy === false) return null;
  const local = 'from: a Unix socket has no addresses; proxy=true trusts all who may connect';
  if (proxy === true) {
    if (kind !== 'tcp') return new Uint8Array(0);
    throw bad(
      'proxy must say from whom headers are believed: { from: ["10.0.0.0/8"] }, or proxy=10.0.0.0/8',
    );
  }
  if (typeof proxy !== 'object' || proxy === null || Array.isArray(proxy)) {
    throw bad('proxy must be { from: ["10.0.0.0/8"] }, or true for a Unix socket');
  }
  checkKeys(proxy, PROXY_KEYS, 'option of proxy', bad);
  const { from } = proxy as { from?: unknown };
  if (from === undefined) throw bad('proxy.from is missing: from whom headers are believed');
  if (kind === 'unix') throw bad(`proxy.${local}`);
  return networksOf(from, 'proxy.from', bad);
}

function fileOf(options: ListenOptions, place: Place, bad: Bad): FileOptions {
  const given = FILE_KEYS.filter((key) => options[key] !== undefined);
  const [key] = given;
  if (key !== undefined && (place.kind !== 'unix' || place.path.startsWith('@'))) {
    throw bad(`${key} is for the file of a Unix socket, unix:PATH`);
  }
  for (const name of given) {
    if (typeof options[name] !== 'string' || options[name] === '')
      throw bad(`${name} must be text`);
  }
  const { mode, owner = null, group = null } = options;
  if (mode !== undefined && !/^0?[0-7]{3}$/.test(mode)) {
    throw bad(`mode must be three octal digits such as 660, got '${mode}'`);
  }
  return { mode: mode === undefined ? UNIX_MODE : Number.parseInt(mode, 8), owner, group };
}
