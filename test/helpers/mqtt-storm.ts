// A storm for `mqtt`: publishers with QoS 1 and 2 and subscribers who keep account of each message, while threads are
// ended at any moment, and other clients make the guest trap or hang. What is acknowledged has to come.

import { connect as dial, type Socket } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { type Server, serve } from '../../host/index.ts';
import { random } from './bytes.ts';
import { connect } from './client.ts';
import { compiledGuest } from './guests.ts';
import * as mqtt from './mqtt.ts';

export interface MqttStormOptions {
  readonly rounds: number;
  readonly publishers: number;
  readonly subscribers: number;
  readonly workers: number;
  readonly seed: number;
  /** A thread that is terminated, or a guest that traps or hangs; they take turns. */
  readonly kinds: readonly ('end' | 'trap' | 'hang')[];
  /** Where two servers meet, with as many clients each; without it there is one. */
  readonly topics?: string;
}

export interface MqttStormReport {
  /** Messages that were acknowledged. */
  readonly acknowledged: number;
  /** Messages that subscribers had to be given, and were. */
  readonly compared: number;
  /** Connections of well-behaved clients that ended. */
  readonly lost: number;
  /** What the broker has said of those. */
  readonly told: readonly string[];
  readonly faults: readonly string[];
}

/** Whatever comes, comes within this time. */
const PATIENCE_MS = 30_000;
const IN_FLIGHT = 8;
/** No subscriber is further behind: more would be more than the broker keeps for one. */
const BEHIND = 100;

/** A message, and what is known of it. */
interface Sent {
  readonly qos: number;
  /** When it was sent, in the order of all events. */
  readonly at: number;
  acknowledged: boolean;
}

class Storm {
  /** By publisher. */
  readonly sent: Sent[][] = [];
  readonly faults: string[] = [];
  /** What the broker has said of connections that it closed. */
  readonly told: string[] = [];
  subscribers: readonly Subscriber[] = [];
  /** Called when a subscriber was given something. */
  onGiven = (): void => undefined;
  running = true;
  /** Connections end because they are not needed any more. */
  closing = false;
  lost = 0;
  acknowledged = 0;
  #clock = 0;
  readonly #looks = new Set<() => void>();

  tick(): number {
    this.#clock += 1;
    return this.#clock;
  }

  fault(what: string): void {
    this.faults.push(what);
    this.changed();
  }

  /** A connection is over. @param again makes another one */
  ended(again: () => void): void {
    if (this.closing) return;
    this.lost += 1;
    if (this.running) again();
    else this.changed();
  }

  changed(): void {
    for (const look of this.#looks) look();
  }

  /** Resolves when it is so, or when something has gone wrong. @returns whether it is so in time */
  until(is: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(false), PATIENCE_MS);
      const done = (so: boolean): void => {
        clearTimeout(timer);
        this.#looks.delete(look);
        resolve(so);
      };
      const look = (): void => {
        if (is() || this.faults.length > 0) done(true);
      };
      this.#looks.add(look);
      look();
    });
  }
}

/** A connection of a client: it calls `packet` with each line that comes, until it is over. */
class Line {
  readonly #socket: Socket;
  over = false;

  constructor(
    port: number,
    hello: Buffer,
    level: number,
    told: (line: string) => void,
    ended: () => void,
  ) {
    this.#socket = dial({ port, host: '127.0.0.1', noDelay: true });
    let rest: Buffer = Buffer.alloc(0);
    this.#socket.on('data', (data) => {
      const [packets, more] = mqtt.split(Buffer.concat([rest, data]));
      rest = more;
      for (const packet of packets) told(mqtt.line(packet, level));
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.over = true;
      ended();
    });
    this.send(hello);
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }
}

const levelOf = (number: number): number => (number % 2 === 0 ? 4 : 5);
const own = (level: number): { properties?: mqtt.Properties } =>
  level === 5 ? { properties: [] } : {};

/** Keeps so many messages in flight; QoS 1 and 2 take turns. */
class Publisher {
  readonly #storm: Storm;
  readonly #port: number;
  readonly #number: number;
  readonly #all: Sent[] = [];
  readonly #open = new Map<number, Sent>();
  #line: Line | null = null;
  #id = 0;
  #greeted = false;

  constructor(storm: Storm, port: number, number: number) {
    this.#storm = storm;
    this.#port = port;
    this.#number = number;
    storm.sent[number] = this.#all;
    this.#dial();
  }

  get idle(): boolean {
    // What is not acknowledged when the connection is lost never is.
    return this.#open.size === 0 || this.#line!.over;
  }

  get count(): number {
    return this.#all.length;
  }

  close(): void {
    this.#line?.close();
  }

  /** Where it stands, for whoever reads of a fault. */
  get state(): string {
    const open = [...this.#open.keys()].join();
    return `publisher ${this.#number}${this.#line?.over ? ' without a connection' : ''} waits for ${open}`;
  }

  #dial(): void {
    const level = levelOf(this.#number);
    const hello = mqtt.connect(`publisher${this.#number}`, { level });
    this.#open.clear();
    this.#greeted = false;
    this.#line = new Line(
      this.#port,
      hello,
      level,
      (line) => this.#told(line),
      () => this.#storm.ended(() => this.#dial()),
    );
  }

  #told(line: string): void {
    const [what = '', number = ''] = line.split(' ');
    const id = Number(number);
    if (what === 'connack') this.#greeted = true;
    else if (what === 'puback') this.#done(id, line);
    else if (what === 'pubrec') this.#line!.send(mqtt.pubrel(id));
    else if (what === 'pubcomp') this.#done(id, line);
    else if (what !== 'disconnect') this.#storm.fault(`publisher ${this.#number}: ${line}`);
    if (what === 'disconnect') this.#storm.told.push(line);
    this.go();
    this.#storm.changed();
  }

  go(): void {
    while (this.#greeted && this.#storm.running && this.#open.size < IN_FLIGHT) {
      const first = this.#all.length - BEHIND;
      const slow = this.#storm.subscribers.some((one) => one.isBehind(this.#number, first));
      if (slow) return;
      this.#publish();
    }
  }

  #done(id: number, line: string): void {
    const sent = this.#open.get(id);
    if (sent === undefined) this.#storm.fault(`publisher ${this.#number}: ${line} for nothing`);
    else {
      sent.acknowledged = true;
      this.#open.delete(id);
      this.#storm.acknowledged += 1;
    }
  }

  #publish(): void {
    const index = this.#all.length;
    const sent = { qos: 1 + (index % 2), at: this.#storm.tick(), acknowledged: false };
    this.#all.push(sent);
    do this.#id = (this.#id % 65_535) + 1;
    while (this.#open.has(this.#id));
    this.#open.set(this.#id, sent);
    const options = { qos: sent.qos, id: this.#id, ...own(levelOf(this.#number)) };
    this.#line!.send(mqtt.publish(`p/${this.#number}`, `${index}`, options));
  }
}

/** Takes all, and keeps account of what this connection was given. */
class Subscriber {
  readonly #storm: Storm;
  readonly #port: number;
  readonly #number: number;
  #line: Line | null = null;
  /** When the subscription was acknowledged; 0 before. */
  #since = 0;
  /** How often each message came, by publisher; and the last one that did. */
  #came: Map<number, number>[] = [];
  #last: number[] = [];

  constructor(storm: Storm, port: number, number: number) {
    this.#storm = storm;
    this.#port = port;
    this.#number = number;
    this.#dial();
  }

  get ready(): boolean {
    return this.#since > 0;
  }

  close(): void {
    this.#line?.close();
  }

  /** Whether it is still to be given what a publisher has sent before this message. */
  isBehind(publisher: number, index: number): boolean {
    const sent = this.#storm.sent[publisher]![index];
    if (sent === undefined || sent.at < this.#since || this.#since === 0) return false;
    return this.#last[publisher]! < index;
  }

  /** Acknowledged messages that have not come, though it was there when they were sent. */
  get missing(): string[] {
    if (this.#line!.over) return [];
    return this.#storm.sent.flatMap((all, publisher) =>
      all.flatMap((sent, index) =>
        sent.acknowledged && sent.at > this.#since && !this.#came[publisher]?.has(index)
          ? [`${publisher}/${index} of QoS ${sent.qos}`]
          : [],
      ),
    );
  }

  /** Whether the last message of each publisher has come: they come in order. */
  get done(): boolean {
    if (this.#line!.over) return true;
    return this.#storm.sent.every((all, publisher) => {
      const last = all.findLastIndex((sent) => sent.acknowledged);
      return last < 0 || all[last]!.at < this.#since || this.#came[publisher]!.has(last);
    });
  }

  /** Where it stands, for whoever reads of a fault. */
  get state(): string {
    const over = this.#line?.over ? ' without a connection' : '';
    return `subscriber ${this.#number}${over} has ${this.#last}, misses ${this.missing.slice(0, 5)}`;
  }

  get compared(): number {
    return this.#came.reduce((sum, { size }) => sum + size, 0);
  }

  #dial(): void {
    const level = levelOf(this.#number);
    this.#since = 0;
    this.#came = this.#storm.sent.map(() => new Map());
    this.#last = this.#storm.sent.map(() => -1);
    const hello = mqtt.connect(`subscriber${this.#number}`, { level });
    const asks = mqtt.subscribe(1, { 'p/+': 2 }, level === 5 ? [] : null);
    const both = Buffer.concat([hello, asks]);
    this.#line = new Line(
      this.#port,
      both,
      level,
      (line) => this.#told(line),
      () => this.#storm.ended(() => this.#dial()),
    );
  }

  #told(line: string): void {
    const message = /^p\/(\d+) q([12]) #(\d+): (\d+)$/.exec(line);
    if (message !== null) {
      const [publisher, qos, id, index] = message.slice(1).map(Number) as [
        number,
        number,
        number,
        number,
      ];
      this.#line!.send(qos === 1 ? mqtt.puback(id) : mqtt.pubrec(id));
      this.#take(publisher, qos, index);
    } else if (line.startsWith('pubrel'))
      this.#line!.send(mqtt.pubcomp(Number(line.split(' ')[1])));
    else if (line.startsWith('suback')) this.#since = this.#storm.tick();
    else if (!/^(connack|disconnect)/.test(line))
      this.#storm.fault(`subscriber ${this.#number}: ${line}`);
    this.#storm.changed();
  }

  #take(publisher: number, qos: number, index: number): void {
    const what = `subscriber ${this.#number}: ${publisher}/${index}`;
    const sent = this.#storm.sent[publisher]?.[index];
    if (sent === undefined || sent.qos !== qos) this.#storm.fault(`${what} was not sent so`);
    const came = this.#came[publisher]!;
    if (came.has(index)) this.#storm.fault(`${what} came twice`);
    if (index < this.#last[publisher]!) this.#storm.fault(`${what} came late`);
    this.#last[publisher] = index;
    came.set(index, 1);
    this.#storm.onGiven();
  }
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A thread of one of them was replaced. */
const restarted = (servers: readonly Server[]): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      for (const server of servers) server.off('restart', done);
      resolve();
    };
    for (const server of servers) server.on('restart', done);
  });

/** Sends a line to a connection of its own, which has to be reset for it. */
async function harms(address: string, line: string): Promise<string> {
  const client = await connect(address);
  await client.send(line);
  const how = await client.closed;
  client.destroy();
  return how === 'end' ? `who sent ${line} got a FIN` : '';
}

async function serversFor({ workers, topics }: MqttStormOptions): Promise<Server[]> {
  const options = {
    protocol: compiledGuest('fragile-mqtt'),
    listen: '127.0.0.1:0',
    workers,
    policy: { callbackTimeoutMs: 500, graceMs: 2000, lingerMs: 200, drainQuietMs: 0 },
  };
  if (topics === undefined) return [await serve(options)];
  const servers = [await serve({ ...options, topics }), await serve({ ...options, topics })];
  while (servers.some((one) => !one.stats().engines.ready)) await pause(1);
  return servers;
}

export async function mqttStorm(options: MqttStormOptions): Promise<MqttStormReport> {
  const { rounds, workers, seed, kinds } = options;
  const threads = new Set<Worker>();
  const noted = (worker: Worker): void => {
    worker.on('message', (message: { kind?: unknown }) => {
      if (message.kind === 'ready') threads.add(worker);
    });
    worker.once('exit', () => threads.delete(worker));
  };
  process.on('worker', noted);
  const servers = await serversFor(options);
  const addressOf = (number: number): string =>
    servers[Math.floor(number / 2) % servers.length]!.addresses[0]!;
  const portOf = (number: number): number => Number(addressOf(number).split(':').at(-1));
  const storm = new Storm();
  const publishers = Array.from(
    { length: options.publishers },
    (_, number) => new Publisher(storm, portOf(number), number),
  );
  const subscribers = Array.from(
    { length: options.subscribers },
    (_, number) => new Subscriber(storm, portOf(number), number),
  );
  storm.subscribers = subscribers;
  storm.onGiven = () => {
    for (const one of publishers) one.go();
  };
  const late = (what: string) => (so: boolean) => {
    if (so) return;
    const states = [...publishers, ...subscribers].map(({ state }) => state);
    storm.fault(`it took too long until ${what}: ${states.join('; ')}`);
  };
  const next = random(seed);
  for (let round = 0; round < rounds && storm.faults.length === 0; round += 1) {
    await storm.until(() => subscribers.every(({ ready }) => ready)).then(late('all were there'));
    while (servers.some((one) => one.stats().workers.ready < workers)) await pause(1);
    // At no particular moment: in the middle of whatever it does.
    await pause(next() * 12);
    const before = storm.acknowledged;
    await storm.until(() => storm.acknowledged >= before + 20).then(late('more was published'));
    const kind = kinds[round % kinds.length]!;
    if (kind === 'end') {
      const some = [...threads];
      const restart = restarted(servers);
      void some[Math.floor(next() * some.length)]!.terminate();
      await restart;
    } else {
      const fault = await harms(addressOf(round), kind === 'trap' ? 'CRASH\r\n' : 'SPIN\r\n');
      if (fault !== '') storm.fault(fault);
    }
  }
  await storm.until(() => subscribers.every(({ ready }) => ready)).then(late('all were there'));
  const still = storm.acknowledged;
  await storm.until(() => storm.acknowledged >= still + 50).then(late('more was published'));
  storm.running = false;
  await storm.until(() => publishers.every(({ idle }) => idle)).then(late('all was acknowledged'));
  await storm.until(() => subscribers.every(({ done }) => done)).then(late('all had come'));
  const missing = subscribers.flatMap((one) => one.missing);
  if (missing.length > 0) storm.fault(`these never came: ${missing.slice(0, 20)}`);
  const compared = subscribers.reduce((sum, one) => sum + one.compared, 0);
  storm.closing = true;
  for (const one of [...publishers, ...subscribers]) one.close();
  await Promise.all(servers.map((server) => server.close()));
  process.off('worker', noted);
  const { acknowledged, lost, told, faults } = storm;
  return { acknowledged, compared, lost, told, faults };
}
