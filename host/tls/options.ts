// TLS options: what an operator says of a listener's TLS, and whether it is what it must be. It reads no file.

import { WasmpollError } from '../errors.ts';

/** A certificate with its chain, and its key: paths of PEM files, or PEM texts. */
export interface TlsPairOptions {
  readonly cert: string;
  readonly key: string;
}

export interface TlsOptions extends TlsPairOptions {
  /** Other certificates, by the name that a client asks for: `example.org`, `*.example.org`. */
  readonly sni?: Readonly<Record<string, TlsPairOptions>>;
  /** Whether clients are asked for a certificate, and may have none; 'none' by default. */
  readonly clients?: 'none' | 'request' | 'require';
  /** By whose signature clients are known: a path or a text, as in `cert`. */
  readonly ca?: string;
  /** Protocols, the best first. A client that names others only is refused. */
  readonly alpn?: readonly string[];
  /** The oldest version; '1.2' by default. */
  readonly min?: '1.2' | '1.3';
  /** Whether clients may resume sessions; true by default. */
  readonly tickets?: boolean;
  /** 'lenient': the end of the stream is an end, as close_notify is. 'strict' by default. */
  readonly end?: 'strict' | 'lenient';
  /** Connections begin in clear, and the guest begins TLS. */
  readonly starttls?: boolean;
}

export const CLIENTS = ['none', 'request', 'require'] as const;
const VERSIONS = ['1.2', '1.3'] as const;
const ENDS = ['strict', 'lenient'] as const;

/** What a listener's `tls` takes. */
export const TLS_KEYS = [
  ...['cert', 'key', 'sni', 'clients', 'ca', 'alpn', 'min', 'tickets', 'end', 'starttls'],
];
const PAIR_KEYS = ['cert', 'key'];

// RFC 7301, 3.1; RFC 6066, 3.
const ALPN_BYTES = 255;
const ALPN_LIST_BYTES = 4096;
const NAME = /^(?:\*\.)?[\w-]{1,63}(?:\.[\w-]{1,63})*$/;

type Bad = (why: string) => WasmpollError;

/**
 * @param what is in front of every message: the listener
 * @throws WasmpollError ERR_TLS, naming the option and what it must be
 */
export function checkTls(options: unknown, what: string): TlsOptions {
  const bad: Bad = (why) => new WasmpollError('ERR_TLS', `${what}: tls: ${why}`);
  if (typeof options !== 'object' || options === null) {
    throw bad('must be an object, with at least cert and key');
  }
  checkKeys(options, TLS_KEYS, bad);
  const tls = options as TlsOptions;
  checkPair(tls, '', bad);
  checkNames(tls.sni, bad);
  checkChoices(tls, bad);
  checkAlpn(tls.alpn, bad);
  if (tls.ca !== undefined && !isText(tls.ca)) throw bad('ca must be a path or a PEM text');
  const asks = tls.clients === 'request' || tls.clients === 'require';
  if (asks && tls.ca === undefined) throw bad(`with clients '${tls.clients}' ca is missing`);
  if (!asks && tls.ca !== undefined) {
    throw bad("ca is for judging clients; it needs clients 'request' or 'require'");
  }
  return tls;
}

function checkKeys(options: object, known: readonly string[], bad: Bad): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw bad(`there is no '${name}'; it takes ${known.join(', ')}`);
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function checkPair(pair: TlsPairOptions, prefix: string, bad: Bad): void {
  for (const name of ['cert', 'key'] as const) {
    if (pair[name] === undefined) throw bad(`${prefix}${name} is missing`);
    if (!isText(pair[name])) throw bad(`${prefix}${name} must be a path or a PEM text`);
  }
}

function checkNames(sni: unknown, bad: Bad): void {
  if (sni === undefined) return;
  if (typeof sni !== 'object' || sni === null || Array.isArray(sni)) {
    throw bad('sni must be an object: a certificate and a key for each name');
  }
  for (const [name, pair] of Object.entries(sni)) {
    if (!NAME.test(name)) throw bad(`sni: '${name}' must be a host name, or one behind '*.'`);
    if (typeof pair !== 'object' || pair === null)
      throw bad(`sni: '${name}' must have cert and key`);
    checkKeys(pair, PAIR_KEYS, bad);
    checkPair(pair as TlsPairOptions, `sni: '${name}': `, bad);
  }
}

function checkChoices(tls: TlsOptions, bad: Bad): void {
  const choices = { clients: CLIENTS, min: VERSIONS, end: ENDS } as const;
  for (const [name, known] of Object.entries(choices)) {
    const value: unknown = tls[name as keyof typeof choices];
    if (value !== undefined && !(known as readonly unknown[]).includes(value)) {
      throw bad(`${name} must be one of ${known.join(', ')}, got ${String(value)}`);
    }
  }
  for (const name of ['tickets', 'starttls'] as const) {
    if (tls[name] !== undefined && typeof tls[name] !== 'boolean') {
      throw bad(`${name} must be true or false`);
    }
  }
}

function checkAlpn(alpn: unknown, bad: Bad): void {
  const fault = alpn === undefined ? null : alpnFault(alpn);
  if (fault !== null) throw bad(`alpn ${fault}`);
}

/** What is wrong with a list of protocols' names, or null. */
export function alpnFault(alpn: unknown): string | null {
  const ascii = (name: unknown): boolean =>
    typeof name === 'string' && /^[\x21-\x7e]+$/.test(name) && name.length <= ALPN_BYTES;
  if (!Array.isArray(alpn) || alpn.length === 0 || !alpn.every(ascii)) {
    return "must be a list of protocols' names, for instance ['http/1.1']";
  }
  return alpn.join().length > ALPN_LIST_BYTES ? 'has too many names' : null;
}
