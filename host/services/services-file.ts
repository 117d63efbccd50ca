// Services file: READ THIS FIRST. One file with the services of a process, read whole or refused whole, with one
// line for each mistake. It knows the file, and starts nothing.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, WasmpollError } from '../errors.ts';
import { type Listen, listenOptions } from '../listen/spec.ts';
import { resolveTls, resolveUpstreamTls } from '../tls/texts.ts';
import type { Upstreams } from '../upstreams/spec/spec.ts';
import { upstreamOptions } from '../upstreams/spec/text.ts';
import { isTable, type Where } from '../values.ts';
import { Document, DocumentError } from './document.ts';
import { type ProcessTable, readShape, type ServiceTable } from './shape.ts';

/** A service, its paths made absolute: those in the file are relative to the file. */
export interface Service extends ServiceTable {
  readonly name: string;
  readonly protocol: string;
  readonly listen: readonly Listen[];
}

export interface Services extends Omit<ProcessTable, 'service' | 'upstreams'> {
  readonly services: readonly Service[];
  /** Says of a mistake that is found later where in the file its cause stands; null is the process. */
  at(service: string | null, key: string, message: string): string;
}

const MOST_BYTES = 1024 * 1024;

/** A file with mistakes; the message has one line for each. */
export class ConfigError extends WasmpollError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('ERR_CONFIG', problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * @param file ends in `.json`, or is TOML
 * @throws ConfigError, each of its lines with file, line, what is wrong and what to do
 */
export function readServices(file: string): Services {
  const document = read(file);
  const problems: string[] = [];
  const told = (where: Where, message: string): string =>
    `${file}:${document.lineOf(where)}: ${where.length === 0 ? '' : `${where.join('.')}: `}${message}`;
  const {
    service = {},
    upstreams,
    ...rest
  } = readShape(document.values, (where, message) => {
    problems.push(told(where, message));
  });
  if (problems.length > 0) throw new ConfigError(problems);
  const from = path.dirname(path.resolve(file));
  const { accessLog } = rest;
  const access =
    accessLog === undefined || accessLog === '-' ? accessLog : path.resolve(from, accessLog);
  const services = Object.entries(service).map(([name, table]) =>
    absolute(name, withShared(table, upstreams), file),
  );
  const at: Services['at'] = (name, key, message) =>
    told(name === null ? [key] : ['service', name, key], message);
  const own = { ...rest, ...(access && { accessLog: access }) };
  return { ...own, services, at };
}

/** With the upstreams of every service; its own win. */
function withShared(table: ServiceTable, upstreams: Upstreams | undefined): ServiceTable {
  if (upstreams === undefined) return table;
  return { ...table, upstreams: { ...upstreams, ...table.upstreams } };
}

function read(file: string): Document {
  try {
    const bytes = readFileSync(file);
    if (bytes.length > MOST_BYTES) throw new DocumentError(1, `has over ${MOST_BYTES} bytes`);
    return new Document(new TextDecoder('utf-8', { fatal: true }).decode(bytes), isJson(file));
  } catch (error) {
    if (error instanceof DocumentError) {
      throw new ConfigError([`${file}:${error.line}: ${error.message}`]);
    }
    if (error instanceof TypeError) throw new ConfigError([`${file}:1: is not UTF-8`]);
    throw new ConfigError([`${file}: cannot be read: ${messageOf(error)}`]);
  }
}

const isJson = (file: string): boolean => path.extname(file) === '.json';

function absolute(name: string, table: ServiceTable, file: string): Service {
  const from = path.dirname(path.resolve(file));
  // A bundled protocol has a name without a slash; so has a file beside the config, given as ./file.
  const { protocol, listen, configFile, crashFolder, upstreams } = table as Service;
  return {
    ...table,
    name,
    listen: listen.map((one) => withPaths(one, from)),
    protocol: protocol.includes('/') ? path.resolve(from, protocol) : protocol,
    ...(configFile === undefined ? {} : { configFile: path.resolve(from, configFile) }),
    ...(crashFolder === undefined ? {} : { crashFolder: path.resolve(from, crashFolder) }),
    ...(upstreams === undefined ? {} : { upstreams: withUpstreamPaths(upstreams, from) }),
  };
}

function withUpstreamPaths(upstreams: Upstreams, from: string): Upstreams {
  const entries = Object.entries(upstreams).map(([name, upstream]) => {
    const options = typeof upstream === 'string' ? upstreamOptions(upstream) : upstream;
    // What is wrong with it is told where upstreams are looked at.
    if (typeof options !== 'object' || !isTable(options.tls)) return [name, upstream] as const;
    return [name, { ...options, tls: resolveUpstreamTls(options.tls, from) }] as const;
  });
  return Object.fromEntries(entries);
}

function withPaths(listen: Listen, from: string): Listen {
  if (typeof listen === 'string' && !listen.startsWith('tls://')) return listen;
  try {
    const options = listenOptions(listen);
    const { tls } = options;
    return tls === undefined ? listen : { ...options, tls: resolveTls(tls, from) };
  } catch {
    // What is wrong with it is told where addresses are looked at.
    return listen;
  }
}
