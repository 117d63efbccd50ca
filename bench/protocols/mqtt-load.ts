// The load of MQTT: publishers and subscribers of one topic, or with TOPICS `own` of one for each pair, in a process of
// its own. Each publisher sends a batch, and the next one when all subscribers have all of it. It tells how many
// messages were given out, in what time, and what processor time that cost the server.
// node mqtt-load.js PORT PID PUBLISHERS SUBSCRIBERS QOS SECONDS [TOPICS]

import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

const [port, pid, publishers, subscribers, qos, seconds] = process.argv.slice(2, 8).map(Number) as [
  number,
  number,
  number,
  number,
  number,
  number,
];

const OWN = process.argv[8] === 'own';
/** They have the same length. */
const topicOf = (index: number): string => `bench/${OWN ? 10_000 + index : 'topic'}`;
const TOPIC_BYTES = topicOf(0).length;
const PAYLOAD = 'x'.repeat(64);
/** Of all publishers 20, what mosquitto has in flight for a subscriber; but each has one: no more than brokers queue. */
const BATCH = Math.max(1, Math.floor(20 / publishers));
const WARMUP_MS = 200;

const text = (value: string): Buffer =>
  Buffer.from(`\0${String.fromCharCode(value.length)}${value}`);
const packet = (first: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([first, body.length]), body]);
};
const hello = (id: string): Buffer =>
  packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 0]), text(id));
const subscription = (index: number): Buffer =>
  packet(0x82, Buffer.from([0, 1]), text(topicOf(index)), Buffer.from([qos]));
const numbered = (id: number): Buffer => (qos > 0 ? Buffer.from([0, id]) : Buffer.alloc(0));
const message = (index: number, id: number): Buffer =>
  packet(0x30 | (qos << 1), text(topicOf(index)), numbered(id), Buffer.from(PAYLOAD));

const SIZE = message(0, 1).length;
const ACK_BYTES = 4;
const batchOf = (index: number): Buffer =>
  Buffer.concat(Array.from({ length: BATCH }, (_, id) => message(index, id + 1)));
/** How many each message goes to. */
const FAN = OWN ? 1 : subscribers;
/** No broker takes so long for a batch: one that has lost a message never has done it. */
const PATIENCE_MS = 20_000;

/** Nanoseconds of all threads of the server. */
function processorNs(): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce(
    (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    0,
  );
}

/** Opens a connection, says hello, and waits for as many bytes of answers. */
async function open(bytes: number, ...said: Buffer[]): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.write(Buffer.concat(said));
  await new Promise<void>((resolve, reject) => {
    let left = bytes;
    const take = (data: Buffer): void => {
      left -= data.length;
      if (left > 0) return;
      socket.off('data', take);
      resolve();
    };
    socket.on('data', take);
    socket.once('error', reject);
    socket.once('close', () => fail('the server has closed a connection'));
  });
  return socket;
}

function fail(why: string): void {
  process.stderr.write(`mqtt-load: ${why}\n`);
  process.exit(1);
}

interface Source {
  readonly socket: Socket;
  readonly batch: Buffer;
}

let given = 0;
/** Bytes of this batch that are still to come, to publishers and subscribers. */
let left = 0;
let done = (): void => undefined;

function came(bytes: number): void {
  left -= bytes;
  if (left === 0) done();
}

/** Acknowledges each message: their sizes are the same, and so are the places of their numbers. */
function subscriber(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    came(data.length);
    if (qos === 0) return;
    const all = rest.length === 0 ? data : Buffer.concat([rest, data]);
    const count = Math.floor(all.length / SIZE);
    const acks = Buffer.alloc(count * ACK_BYTES);
    for (let index = 0; index < count; index += 1) {
      const at = index * SIZE + 2 + 2 + TOPIC_BYTES;
      acks.writeUInt32BE(0x4002_0000 | all.readUInt16BE(at), index * ACK_BYTES);
    }
    rest = all.subarray(count * SIZE);
    if (count > 0) socket.write(acks);
  });
}

const patience = setTimeout(fail, PATIENCE_MS, 'a batch was not given out');

async function turn(sources: readonly Source[]): Promise<void> {
  const messages = sources.length * BATCH;
  left = messages * FAN * SIZE + (qos > 0 ? messages * ACK_BYTES : 0);
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  patience.refresh();
  for (const { socket, batch } of sources) socket.write(batch);
  await all;
  given += messages * FAN;
}

const name = `${process.pid}`;
for (let index = 0; index < subscribers; index += 1) {
  subscriber(await open(ACK_BYTES + 5, hello(`${name}s${index}`), subscription(index)));
}
const sources: Source[] = [];
for (let index = 0; index < publishers; index += 1) {
  const socket = await open(ACK_BYTES, hello(`${name}p${index}`));
  socket.on('data', (data: Buffer) => came(data.length));
  sources.push({ socket, batch: batchOf(index) });
}
const warmMs = performance.now() + WARMUP_MS;
while (performance.now() < warmMs) await turn(sources);
given = 0;
const [beganNs, beganMs] = [processorNs(), performance.now()];
while (performance.now() < beganMs + seconds * 1000) await turn(sources);
const windowNs = (performance.now() - beganMs) * 1e6;
process.stdout.write(
  `${JSON.stringify({ messages: given, windowNs, serverNs: processorNs() - beganNs })}\n`,
);
process.exit();
