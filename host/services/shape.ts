// Shape: what may stand in a config file, key by key, and what each value must be. It opens nothing, and does
// not know whether a module, an address or a server is really there.

import type { Listen } from '../listen/spec.ts';
import { checkSetting, MAX_WORKERS, type SettingName, settings } from '../policy.ts';
import { FORMS, readValue, showValue } from '../units.ts';
import { readUpstreams } from '../upstreams/spec/read.ts';
import type { Upstreams } from '../upstreams/spec/spec.ts';
import { adviceOf, type Complain, isName, isTable, isText, shown, type Where } from '../values.ts';
import type { Table } from './document.ts';

/** Reads a value; undefined when it has complained. */
type Read = (value: unknown, path: Where, complain: Complain) => unknown;

/** One service as the file has it; the names are those of `serve()`. */
export interface ServiceTable {
  protocol?: string;
  listen?: readonly Listen[];
  workers?: number | 'auto';
  policy?: { readonly [name in SettingName]?: number };
  config?: string;
  configFile?: string;
  store?: string;
  topics?: string;
  crashFolder?: string;
  /** Where its guest may connect to. */
  upstreams?: Upstreams;
  /** Lines show what clients send. */
  logData?: boolean;
}

/** What holds for the whole process. */
export interface ProcessTable {
  logLevel?: string;
  logFormat?: 'pretty' | 'json';
  /** A file, or `-`. */
  accessLog?: string;
  /** Where operators ask, over HTTP. */
  admin?: readonly string[];
  adminAllowRemote?: boolean;
  /** Of every service. */
  upstreams?: Upstreams;
  service?: { readonly [name: string]: ServiceTable };
}

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

const text: Read = (value, path, complain) => {
  if (isText(value)) return value;
  return complain(path, `must be a text, got ${shown(value)}`);
};

const oneOf =
  (choices: readonly string[]): Read =>
  (value, path, complain) => {
    if (typeof value === 'string' && choices.includes(value)) return value;
    return complain(path, `must be one of ${choices.join(', ')}, got ${shown(value)}`);
  };

/** One or several, as a list. */
const several =
  (what: string, one: Read): Read =>
  (value, path, complain) => {
    const list = Array.isArray(value) ? value : [value];
    if (list.length === 0) return complain(path, `must name at least one ${what}`);
    const read = list.map((item, index) =>
      one(item, Array.isArray(value) ? [...path, index] : path, complain),
    );
    return read.includes(undefined) ? undefined : read;
  };

const truth: Read = (value, path, complain) => {
  if (typeof value === 'boolean') return value;
  return complain(path, `must be true or false, got ${shown(value)}`);
};

const workers: Read = (value, path, complain) => {
  const whole = typeof value === 'number' && Number.isInteger(value);
  if (value === 'auto' || (whole && value >= 0 && value <= MAX_WORKERS)) return value;
  const allowed = `'auto' or a whole number from 0 to ${MAX_WORKERS}`;
  return complain(path, `must be ${allowed}, got ${shown(value)}`);
};

const setting =
  (name: SettingName): Read =>
  (value, path, complain) => {
    const { unit, min, max } = settings[name];
    try {
      return checkSetting(name, typeof value === 'string' ? readValue(value, unit) : value);
    } catch {
      const range = `from ${showValue(min, unit)} to ${showValue(max, unit)}`;
      return complain(path, `must be ${FORMS[unit]}, ${range}, got ${shown(value)}`);
    }
  };

function table(fields: { readonly [key: string]: Read }): Read {
  return (value, path, complain) => {
    if (!isTable(value)) return complain(path, `must be a table, got ${shown(value)}`);
    const read: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      const at = [...path, key];
      if (field === undefined) complain(at, unknown(key, Object.keys(fields)));
      else {
        const found = field(item, at, complain);
        if (found !== undefined) read[key] = found;
      }
    }
    return read;
  };
}

const unknown = (key: string, known: readonly string[]): string =>
  `there is no such key; ${adviceOf(key, known)}`;

const policy = table(
  Object.fromEntries(
    (Object.keys(settings) as SettingName[]).map((name) => [name, setting(name)] as const),
  ),
);

const networks = several('network', text);

const pair = { cert: text, key: text };

/** Certificates by the names that clients ask for. */
const sni: Read = (value, path, complain) => {
  if (!isTable(value)) return complain(path, `must be a table, got ${shown(value)}`);
  return table(Object.fromEntries(Object.keys(value).map((name) => [name, table(pair)])))(
    value,
    path,
    complain,
  );
};

const tls = table({
  ...pair,
  sni,
  clients: text,
  ca: text,
  alpn: several('protocol', text),
  min: text,
  tickets: truth,
  end: text,
  starttls: truth,
});

// What an address, a network or a mode must be like, and what goes together, is looked at when it is parsed.
const listener = table({
  address: text,
  tls,
  proxy: (value, path, complain) =>
    value === true ? value : table({ from: networks })(value, path, complain),
  allow: networks,
  deny: networks,
  mode: text,
  owner: text,
  group: text,
});

const listen: Read = (value, path, complain) => {
  if (!isTable(value)) return text(value, path, complain);
  if (value.address === undefined) return complain(path, 'address is missing');
  return listener(value, path, complain);
};

const upstreams: Read = (value, path, complain) => {
  readUpstreams(value, path, complain);
  return value;
};

const service = table({
  protocol: text,
  listen: several('address', listen),
  workers,
  policy,
  config: text,
  configFile: text,
  store: text,
  topics: text,
  crashFolder: text,
  upstreams,
  logData: truth,
});

const services: Read = (value, path, complain) => {
  if (!isTable(value)) return complain(path, 'must be tables, one a service: [service.NAME]');
  const read: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const at = [...path, name];
    if (!isName(name)) {
      complain(at, 'a service has a name of small letters, digits, - and _, at most 63');
    } else read[name] = service(item, at, complain);
    checkService(item, at, complain);
  }
  if (Object.keys(value).length === 0) complain(path, 'is empty: a service is missing');
  return read;
};

function checkService(item: unknown, path: Where, complain: Complain): void {
  if (!isTable(item)) return;
  for (const key of ['protocol', 'listen']) {
    if (item[key] === undefined) complain(path, `${key} is missing`);
  }
  if (item.config !== undefined && item.configFile !== undefined) {
    complain([...path, 'configFile'], 'config is given as well; keep one of the two');
  }
}

const file = table({
  logLevel: oneOf(LEVELS),
  logFormat: oneOf(['pretty', 'json']),
  accessLog: text,
  admin: several('address', text),
  adminAllowRemote: truth,
  upstreams,
  service: services,
});

/** Reads the values of a file, complaining about each mistake once. */
export function readShape(values: Table, complain: Complain): ProcessTable {
  const read = (file(values, [], complain) ?? {}) as ProcessTable;
  if (values.service === undefined) complain([], 'a service is missing: [service.NAME]');
  return read;
}
