// Publish and subscribe by `resp` beside redis-server: who gets what, over several workers and processes, and with
// clients that were written for Redis.

import * as redis from '@redis/client';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { harness } from '../../../host/testing/harness.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { bundledModule } from '../../helpers/guests.ts';
import { has } from '../../helpers/installed.ts';
import { type Running, startCli } from '../../helpers/process.ts';
import { type Command, encoded, RespClient } from '../../helpers/resp.ts';

/** What one client says. The first one publishes, and has no channels. */
interface Step {
  readonly client: number;
  readonly command: Command;
}

const CLIENTS = 3;
const channels = ['news', 'news.art', 'news.art/x', 'a:b', 'a+#%', '', 'ü'];
const patterns = [
  '*',
  'n*',
  'news.*',
  'news.art*',
  'a[:/]b',
  'a?b',
  'a\\+*',
  'news',
  '[^a]*',
  '*%',
];
const channel = fc.constantFrom(...channels);
const pattern = fc.constantFrom(...patterns);
const listener = fc.integer({ min: 1, max: CLIENTS - 1 });

const said = (...parts: [string, ...fc.Arbitrary<string>[]]): fc.Arbitrary<Command> =>
  fc.tuple(fc.constant(parts[0]), ...(parts.slice(1) as fc.Arbitrary<string>[]));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      client: fc.constant(0),
      command: said('PUBLISH', channel, fc.string({ maxLength: 10 })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      client: listener,
      command: fc.oneof(
        said('SUBSCRIBE', channel),
        said('SUBSCRIBE', channel, channel),
        said('PSUBSCRIBE', pattern),
        said('PSUBSCRIBE', pattern, pattern),
        said('UNSUBSCRIBE', channel),
        said('PUNSUBSCRIBE', pattern),
        said('UNSUBSCRIBE'),
        said('PUNSUBSCRIBE'),
        said('PING'),
        said('GET', fc.constant('key')),
        said('RESET'),
        said('HELLO', fc.constantFrom('2', '3')),
      ),
    }),
  },
);

/** The order of patterns, and of what is left all at once, is nobody's promise. */
function settled(text: string): string[] {
  const behind = /(?:\*2\r\n\$4\r\npong\r\n)?\$\d+\r\nend \d+\r\n$/.exec(text)!;
  const frames = text.slice(0, behind.index).split(/(?=[*>][34]\r\n)/);
  const ends = frames.filter((frame) => /unsubscribe/.test(frame)).length > 1;
  return frames
    .map((frame) => (ends ? frame.replace(/:\d+\r\n$/, '') : frame))
    .sort()
    .concat(behind[0]);
}

const greeting = /(?:%7|\*14)\r\n.*?\*0\r\n/gs;

/** What each client was told in each step. */
type Told = readonly (readonly string[])[];

/** Each step is over when all clients have had an answer to a PING behind it. */
async function byRedis(server: EngineServer, steps: readonly Step[]): Promise<Told[]> {
  const clients: RespClient[] = [];
  for (let at = 0; at < CLIENTS; at += 1) clients.push(await RespClient.to(server.port));
  const told: Told[] = [];
  for (const [number, { client, command }] of steps.entries()) {
    clients[client]!.send(command, ['PING', `end ${number}`]);
    const first = await clients[client]!.until(`end ${number}\r\n`);
    const all: string[][] = [];
    for (const [at, one] of clients.entries()) {
      if (at === client) {
        all.push(settled(first));
        continue;
      }
      one.send(['PING', `end ${number}`]);
      all.push(settled(await one.until(`end ${number}\r\n`)));
    }
    told.push(all);
  }
  for (const one of clients) one.destroy();
  return told;
}

async function byOurs(steps: readonly Step[]): Promise<Told[]> {
  const network = await harness(bundledModule('resp'));
  const peers = Array.from({ length: CLIENTS }, () => network.connect());
  const told: Told[] = [];
  for (const [number, { client, command }] of steps.entries()) {
    const send = (at: number, one: Command): void => {
      peers[at]!.send(Buffer.from(encoded(one), 'latin1'));
    };
    send(client, command);
    const all = peers.map((peer, at) => {
      send(at, ['PING', `end ${number}`]);
      return settled(Buffer.from(peer.received()).toString('latin1'));
    });
    told.push(all);
  }
  if (network.traps.length > 0) throw new Error(network.traps.join());
  return told;
}

test.serial('each client is told what Redis tells it, whatever it has subscribed to', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  let delivered = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 40 }), async (steps) => {
      // Those who have a pattern are not counted.
      const counted = !steps.some(({ command }) => command[0] === 'PSUBSCRIBE');
      const plain = (told: Told[]): string[] =>
        told.flatMap((all, at) => {
          const masks = steps[at]!.command[0] === 'PUBLISH' && !counted;
          return all.map((frames, client) => {
            const text = frames.join('').replaceAll(greeting, 'greeting ');
            return masks && client === 0 ? text.replace(/^:\d+/, ':~') : text;
          });
        });
      const [theirs, mine] = [plain(await byRedis(server, steps)), plain(await byOurs(steps))];
      delivered += theirs.join().split('message\r\n').length - 1;
      t.deepEqual(mine, theirs);
    }),
    { numRuns: 80 },
  );
  t.log(`${delivered} messages`);
  t.true(delivered > 100);
});

const port = (server: Running): number => Number(server.addresses[0]!.split(':')[1]);

/** A program of Redis's own client that hears what is said to a channel and to a pattern. */
async function listens(
  t: ExecutionContext,
  at: number,
): Promise<{ heard: string[]; until(last: string): Promise<void> }> {
  const client = redis.createClient({ url: `redis://127.0.0.1:${at}` });
  const heard: string[] = [];
  let wake = (): void => undefined;
  const note = (message: string, channel: string): void => {
    heard.push(`${channel} ${message}`);
    wake();
  };
  await client.connect();
  t.teardown(() => client.destroy());
  await client.subscribe('room', note);
  await client.pSubscribe('news.*', note);
  const until = async (last: string): Promise<void> => {
    while (heard.at(-1) !== last) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { heard, until };
}

for (const [what, workers, engine] of [
  ['one worker', '1', null],
  ['two workers', '2', null],
  ['two processes and NATS', '2', 'nats'],
  ['two processes and Redis', '2', 'redis'],
] as const) {
  test.serial(`@redis/client publishes and subscribes over ${what}`, async (t) => {
    if (!has(t, 'redis-server')) return;
    if (engine === 'nats' && !has(t, 'nats-server')) return;
    const args = ['--listen', '127.0.0.1:0', '--workers', workers, 'resp'];
    if (engine !== null) {
      const behind = await (engine === 'nats' ? EngineServer.nats(t) : EngineServer.redis(t));
      args.push('--topics', `${engine}://127.0.0.1:${behind.port}?service=resp`);
    }
    const first = await startCli(t, args);
    const second = engine === null ? first : await startCli(t, args);
    const listeners = [];
    for (let at = 0; at < 4; at += 1)
      listeners.push(await listens(t, port(at % 2 ? first : second)));
    const publisher = redis.createClient({ url: `redis://127.0.0.1:${port(first)}` });
    await publisher.connect();
    t.teardown(() => publisher.destroy());
    for (let number = 0; number < 20; number += 1) {
      await publisher.publish('room', `${number}`);
      await publisher.publish('news.art', `${number}`);
      await publisher.publish('news', `${number}`);
    }
    const expected = Array.from({ length: 20 }, (_, at) => [`room ${at}`, `news.art ${at}`]).flat();
    for (const { heard, until } of listeners) {
      await until('news.art 19');
      t.deepEqual(heard, expected);
    }
    if (workers === '1') t.is(await publisher.publish('room', 'all'), 4);
  });
}

test.serial('by RESP3 one connection of @redis/client does both', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await startCli(t, ['--listen', '127.0.0.1:0', 'resp']);
  const client = redis.createClient({ url: `redis://127.0.0.1:${port(server)}`, RESP: 3 });
  await client.connect();
  t.teardown(() => client.destroy());
  const heard = new Promise<string>((resolve) => {
    void client.subscribe('room', (message) => resolve(message));
  });
  await client.set('key', 'value');
  t.is(await client.publish('room', 'hello'), 1);
  t.is(await heard, 'hello');
  t.is(await client.get('key'), 'value');
});
