// MQTT for tests: packets as bytes, and bytes as lines that say what came. It knows no server.

const PROPERTIES: Readonly<Record<number, readonly [name: string, type: string]>> = {
  1: ['format', 'byte'],
  2: ['expiry', 'four'],
  3: ['content', 'text'],
  8: ['response', 'text'],
  9: ['correlation', 'text'],
  11: ['subscription', 'varint'],
  17: ['session', 'four'],
  18: ['id', 'text'],
  19: ['alive', 'two'],
  21: ['method', 'text'],
  24: ['delay', 'four'],
  25: ['info', 'byte'],
  31: ['reason', 'text'],
  33: ['receive', 'two'],
  34: ['aliases', 'two'],
  35: ['alias', 'two'],
  38: ['user', 'pair'],
  36: ['qos', 'byte'],
  37: ['retain', 'byte'],
  39: ['packet', 'four'],
  40: ['wildcards', 'byte'],
  41: ['identifiers', 'byte'],
  42: ['shared', 'byte'],
};

export type Properties = readonly (readonly [name: string, value: number | string])[];

export const two = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const four = (value: number): Buffer => Buffer.concat([two(value >>> 16), two(value & 0xffff)]);
export const text = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([two(bytes.length), bytes]);
};

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    if (rest <= 127) return Buffer.from(bytes);
  }
}

export const packet = (first: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([first]), varint(body.length), body]);
};

/** Pairs of user properties are written as `name=value`. */
export function properties(list: Properties | null): Buffer {
  if (list === null) return Buffer.alloc(0);
  const parts = list.map(([name, value]) => {
    const [id, [, type]] = Object.entries(PROPERTIES).find(([, [known]]) => known === name)!;
    const [key = '', other = ''] = String(value).split('=');
    const forms: Record<string, () => Buffer> = {
      byte: () => Buffer.from([Number(value)]),
      two: () => two(Number(value)),
      four: () => four(Number(value)),
      varint: () => varint(Number(value)),
      text: () => text(String(value)),
      pair: () => Buffer.concat([text(key), text(other)]),
    };
    return Buffer.concat([Buffer.from([Number(id)]), forms[type]!()]);
  });
  const all = Buffer.concat(parts);
  return Buffer.concat([varint(all.length), all]);
}

export interface Will {
  readonly topic: string;
  readonly payload: string;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly properties?: Properties;
}

export interface ConnectOptions {
  readonly level?: number;
  readonly keepAlive?: number;
  readonly clean?: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly will?: Will;
  readonly properties?: Properties;
}

export function connect(id: string, options: ConnectOptions = {}): Buffer {
  const { level = 4, keepAlive = 0, clean = true, user, password, will } = options;
  const own = level === 5 ? properties(options.properties ?? []) : Buffer.alloc(0);
  const parts = [own, text(id)];
  let flags = clean ? 2 : 0;
  if (will !== undefined) {
    flags |= 4 | ((will.qos ?? 0) << 3) | (will.retain ? 0x20 : 0);
    if (level === 5) parts.push(properties(will.properties ?? []));
    parts.push(text(will.topic), text(will.payload));
  }
  if (user !== undefined) parts.push(text(user));
  if (password !== undefined) parts.push(text(password));
  flags |= (user === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  const name = text(level === 3 ? 'MQIsdp' : 'MQTT');
  return packet(0x10, name, Buffer.from([level, flags]), two(keepAlive), ...parts);
}

export interface PublishOptions {
  readonly qos?: number;
  readonly id?: number;
  readonly retain?: boolean;
  readonly dup?: boolean;
  /** For MQTT 5.0 only. */
  readonly properties?: Properties;
}

export function publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}) {
  const { qos = 0, id = 1, retain = false, dup = false } = options;
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  const number = qos > 0 ? two(id) : Buffer.alloc(0);
  const own = properties(options.properties ?? null);
  return packet(first, text(topic), number, own, Buffer.from(payload as string));
}

export const subscribe = (
  id: number,
  filters: Readonly<Record<string, number>>,
  own: Properties | null = null,
): Buffer =>
  packet(
    0x82,
    two(id),
    properties(own),
    ...Object.entries(filters).flatMap(([filter, options]) => [
      text(filter),
      Buffer.from([options]),
    ]),
  );

export const unsubscribe = (id: number, filters: string[], own: Properties | null = null): Buffer =>
  packet(0xa2, two(id), properties(own), ...filters.map(text));

const ack =
  (first: number) =>
  (id: number, ...rest: number[]) =>
    packet(first, two(id), Buffer.from(rest));
export const puback = ack(0x40);
export const pubrec = ack(0x50);
export const pubrel = ack(0x62);
export const pubcomp = ack(0x70);
export const pingreq = packet(0xc0);
export const disconnect = (...rest: number[]): Buffer => packet(0xe0, Buffer.from(rest));

class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  take(count: number): Buffer {
    if (count > this.left) throw new RangeError('the packet ends too early');
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  number(bytes: number): number {
    return this.take(bytes).readUIntBE(0, bytes);
  }

  text(): string {
    return this.take(this.number(2)).toString();
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.number(1);
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  properties(): string {
    const end = this.varint() + this.at;
    const found: string[] = [];
    while (this.at < end) {
      const [name, type] = PROPERTIES[this.number(1)]!;
      const forms: Record<string, () => number | string> = {
        byte: () => this.number(1),
        two: () => this.number(2),
        four: () => this.number(4),
        varint: () => this.varint(),
        text: () => this.text(),
        pair: () => `${this.text()}=${this.text()}`,
      };
      found.push(`${name}:${forms[type]!()}`);
    }
    return found.length === 0 ? '' : ` {${found.join(' ')}}`;
  }
}

const NAMES = ['', 'connect', 'connack', 'publish', 'puback', 'pubrec', 'pubrel', 'pubcomp'];
const MORE = [
  'subscribe',
  'suback',
  'unsubscribe',
  'unsuback',
  'pingreq',
  'pingresp',
  'disconnect',
];

/** Bytes of a server as a line for each packet. What is cut off at the end is thrown. */
export function lines(bytes: Uint8Array, level = 4): string[] {
  const [packets, rest] = split(bytes);
  if (rest.length > 0) throw new RangeError('the last packet is not all there');
  return packets.map((packet) => line(packet, level));
}

/** Takes bytes apart into packets. @returns them, and what is left behind them */
export function split(bytes: Uint8Array): [packets: Buffer[], rest: Buffer] {
  const packets: Buffer[] = [];
  let rest = Buffer.from(bytes);
  for (;;) {
    const size = sizeOf(rest);
    if (size === 0 || rest.length < size) return [packets, rest];
    packets.push(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
}

/** How long the first packet is; 0 if its length is not there yet. */
function sizeOf(bytes: Uint8Array): number {
  let value = 0;
  for (let at = 1; at < Math.min(bytes.length, 5); at += 1) {
    value |= (bytes[at]! & 127) << (7 * (at - 1));
    if (bytes[at]! < 128) return value + at + 1;
  }
  return 0;
}

/** What a packet says. */
export function line(packet: Uint8Array, level: number): string {
  const all = new Reader(packet);
  const first = all.number(1);
  return lineOf(first, new Reader(all.take(all.varint())), level);
}

function lineOf(first: number, body: Reader, level: number): string {
  const type = first >> 4;
  const name = [...NAMES, ...MORE][type]!;
  const own = (): string => (level === 5 && body.left > 0 ? body.properties() : '');
  const code = (): string => (body.left > 0 ? ` 0x${body.number(1).toString(16)}` : '');
  if (name === 'connack') return `connack ${body.number(1)}${code()}${own()}`;
  if (name === 'publish') return publishLine(first, body, own);
  if (/^pub/.test(name)) return `${name} ${body.number(2)}${code()}${own()}`;
  if (name === 'disconnect') return `${name}${code()}${own()}`;
  if (!/ack$/.test(name)) return name;
  return `${name} ${body.number(2)}${own()} ${[...body.take(body.left)].join()}`.trimEnd();
}

function publishLine(first: number, body: Reader, own: () => string): string {
  const qos = (first >> 1) & 3;
  const topic = body.text();
  const id = qos > 0 ? ` #${body.number(2)}` : '';
  const flags = `${(first & 8) === 0 ? '' : ' dup'}${(first & 1) === 0 ? '' : ' retain'}`;
  return `${topic} q${qos}${id}${flags}${own()}: ${body.take(body.left)}`;
}
