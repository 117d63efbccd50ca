// A client of MQTT over a socket, for tests with real servers: it acknowledges what it gets, and keeps a line of
// each message. It knows no server.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import * as mqtt from './mqtt.ts';

/** Whatever comes, comes within this time. */
const PATIENCE_MS = 30_000;

export class MqttClient {
  readonly level: number;
  /** A line for each packet that came, without numbers of packets. */
  readonly came: string[] = [];
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #next = 0;
  readonly #looks = new Set<() => void>();
  closed = false;

  private constructor(socket: Socket, level: number) {
    this.#socket = socket;
    this.level = level;
    socket.on('data', (bytes) => this.#take(bytes));
    // A connection that the server resets is a closed one.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      for (const look of this.#looks) look();
    });
  }

  /** Connects, and waits for the answer, which is the first line. */
  static async open(port: number, id: string, options: mqtt.ConnectOptions): Promise<MqttClient> {
    const socket = connect(port, '127.0.0.1');
    const client = new MqttClient(socket, options.level ?? 4);
    await once(socket, 'connect');
    socket.setNoDelay();
    client.send(mqtt.connect(id, options));
    await client.until((line) => line.startsWith('connack'));
    return client;
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Resolves with the index of the first line, from one on, of which this is true. */
  async until(is: (line: string) => boolean, from = 0): Promise<number> {
    const found = () => this.came.findIndex((line, index) => index >= from && is(line));
    await this.#when(() => found() >= 0);
    return found();
  }

  /** Resolves when anything has come. */
  more(): Promise<void> {
    const before = this.came.length;
    return this.#when(() => this.came.length > before);
  }

  ended(): Promise<void> {
    return this.#when(() => this.closed);
  }

  async subscribe(filter: string, options: number, own: mqtt.Properties = []): Promise<void> {
    const from = this.came.length;
    this.#next += 1;
    this.send(mqtt.subscribe(this.#next, { [filter]: options }, this.level === 5 ? own : null));
    await this.until((line) => line.startsWith('suback'), from);
  }

  async unsubscribe(filter: string): Promise<void> {
    const from = this.came.length;
    this.#next += 1;
    this.send(mqtt.unsubscribe(this.#next, [filter], this.level === 5 ? [] : null));
    await this.until((line) => line.startsWith('unsuback'), from);
  }

  /** Waits until the server has come to what was sent before. */
  async ping(): Promise<void> {
    const from = this.came.length;
    this.send(mqtt.pingreq);
    await this.until((line) => line === 'pingresp', from);
  }

  /** Publishes, and waits until the server has done so. */
  async publish(topic: string, payload: string, options: mqtt.PublishOptions = {}): Promise<void> {
    const from = this.came.length;
    this.#next += 1;
    const own = this.level === 5 ? { properties: options.properties ?? [] } : {};
    const { qos = 0, retain = false } = options;
    this.send(mqtt.publish(topic, payload, { qos, retain, id: this.#next, ...own }));
    if (qos === 0) await this.ping();
    if (qos === 1) await this.until((line) => line.startsWith('puback'), from);
    if (qos === 2) await this.until((line) => line.startsWith('pubcomp'), from);
  }

  async disconnect(): Promise<void> {
    this.send(mqtt.disconnect());
    await this.ended();
  }

  /** Goes without a word. */
  drop(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    const [packets, rest] = mqtt.split(Buffer.concat([this.#rest, bytes]));
    this.#rest = rest;
    for (const packet of packets) this.#packet(packet);
    for (const look of this.#looks) look();
  }

  #packet(packet: Buffer): void {
    const line = mqtt.line(packet, this.level);
    const id = Number(/#(\d+)/.exec(line)?.[1]);
    if (/ q1 #/.test(line)) this.send(mqtt.puback(id));
    else if (/ q2 #/.test(line)) this.send(mqtt.pubrec(id));
    const [word, number] = line.split(' ');
    if (word === 'pubrec') this.send(mqtt.pubrel(Number(number)));
    if (word === 'pubrel') this.send(mqtt.pubcomp(Number(number)));
    if (word !== 'pubrel')
      this.came.push(line.replace(/ #\d+/, '').replace(/^([a-z]+) \d+\b/, '$1'));
  }

  #when(is: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => done(new Error(`nothing more came: ${this.came}`)),
        PATIENCE_MS,
      );
      const done = (error?: Error): void => {
        clearTimeout(timer);
        this.#looks.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (is()) done();
        else if (this.closed) done(new Error(`closed: ${this.came}`));
      };
      this.#looks.add(look);
      look();
    });
  }
}
