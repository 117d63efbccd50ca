// Random scripts of several clients of MQTT, played against any server: what each of them was given after each
// step. A watcher, who has subscribed to all, says when a step has come through.

import fc from 'fast-check';
import type { ConnectOptions, Properties } from './mqtt.ts';
import { MqttClient } from './mqtt-client.ts';

const CLIENTS = ['ann', 'bob', 'eve'] as const;
type Name = (typeof CLIENTS)[number];

export type Step =
  | { readonly kind: 'connect'; readonly name: Name; readonly options: ConnectOptions }
  | {
      readonly kind: 'subscribe';
      readonly name: Name;
      readonly filter: string;
      readonly options: number;
      readonly id: number;
    }
  | { readonly kind: 'unsubscribe'; readonly name: Name; readonly filter: string }
  | {
      readonly kind: 'publish';
      readonly name: Name;
      readonly topic: string;
      readonly qos: number;
      readonly retain: boolean;
      readonly payload: string;
      readonly properties: Properties;
    }
  | { readonly kind: 'disconnect' | 'drop'; readonly name: Name };

const any = fc.constantFrom;
const name = any(...CLIENTS);
const topic = any('a', 'a/b', 'a/b/c', 'b', 'b/b', '/', 'a/', '/b', 'c//d');
const filter = fc.oneof(
  topic,
  any('#', '+', 'a/#', '+/b', 'a/+', '+/+', '/#', '+/#', 'a/b/#', 'c/+/d', '/+', 'a/b/c/#'),
);
const qos = fc.integer({ min: 0, max: 2 });
const payload = fc.oneof(any('', 'x', 'long '.repeat(40)), fc.string({ maxLength: 8 }));
const property = fc.subarray<Properties[number]>([
  ['user', 'k=v'],
  ['user', 'k=w'],
  ['content', 'text/plain'],
  ['response', 'r/s'],
  ['correlation', 'c'],
  ['format', 1],
]);
const will = fc.option(fc.record({ topic, payload, qos, retain: fc.boolean() }), {
  nil: undefined,
});
const options = fc
  .tuple(any(3, 4, 5), will)
  .map(([level, will]) => ({ level, ...(will === undefined ? {} : { will }) }));

/** QoS and retain handling, which others than MQTT 5.0 do not send. */
const wishes = fc.tuple(qos, any(0, 1, 2)).map(([qos, handling]) => qos | (handling << 4));

/**
 * Options of a subscription. Whether it is local, and as published, is the filter's: mosquitto does not replace these
 * when a client subscribes again. Of what the client itself has retained it gives more than the specification allows.
 */
function optionsOf({ filter, options }: { filter: string; options: number }): number {
  const local = filter.length % 3 === 0 ? 0x24 : 0;
  return (local === 0 ? options : (options & 3) | local) | (filter.length % 2 === 0 ? 8 : 0);
}

const later = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: any('connect' as const), name, options }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: any('subscribe' as const),
        name,
        filter,
        options: wishes,
        id: any(0, 0, 1, 300),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: any('unsubscribe' as const), name, filter }) },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: any('publish' as const),
        name,
        topic,
        qos,
        retain: fc.boolean(),
        payload,
        properties: property,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: any('disconnect' as const), name }) },
    { weight: 1, arbitrary: fc.record({ kind: any('drop' as const), name }) },
  ),
  { minLength: 1, maxLength: 30 },
);

/** All are there at first, with a subscription each. */
export const script: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.array(options, { minLength: 3, maxLength: 3 }),
    fc.array(fc.tuple(filter, qos), { minLength: 3, maxLength: 3 }),
    later,
  )
  .map(([options, filters, steps]) => [
    ...CLIENTS.map((name, at) => ({ kind: 'connect' as const, name, options: options[at]! })),
    ...CLIENTS.map((name, at) => {
      const [filter, options] = filters[at]!;
      return { kind: 'subscribe' as const, name, filter, options, id: 0 };
    }),
    ...steps,
  ]);

/** What a client was given after a step. */
export interface Told {
  readonly at: string;
  readonly lines: readonly string[];
}

/**
 * Takes overlapping subscriptions out: for them a server may send a message several times, or once, and
 * mosquitto not always with the highest QoS. @returns lines of each, to be compared
 */
export function alike(ours: readonly Told[], theirs: readonly Told[]): [string[], string[]] {
  const several = new Set<string>();
  for (const { at, lines } of ours) {
    const keys = lines.map(keyOf);
    for (const key of keys.filter((key, index) => keys.indexOf(key) !== index))
      several.add(at + key);
  }
  const shown = (told: readonly Told[]): string[] =>
    told.map(({ at, lines }) => {
      const best = new Map<string, string>();
      for (const line of [...lines].sort()) best.set(keyOf(line), line);
      const each = [...best].map(([key, line]) => (several.has(at + key) ? key : line));
      return `${at}: ${each.sort().join(' | ')}`;
    });
  return [shown(ours), shown(theirs)];
}

/** A message without its QoS and what else depends on the subscription. */
const keyOf = (line: string): string =>
  line
    .replace(/ q(\d)( retain)?/, '')
    .replace(/ ?subscription:\d+/, '')
    .replace(/ {}/, '');

/** Plays a script under topics of its own. @returns what each client was given, step by step */
export async function play(port: number, prefix: string, steps: readonly Step[]): Promise<Told[]> {
  const watcher = await MqttClient.open(port, `${prefix}watcher`, {});
  await watcher.subscribe(`${prefix}/#`, 2);
  const clients = new Map<Name, { client: MqttClient; will: boolean }>();
  const seen = new Map<MqttClient, number>();
  const told = new Map<string, string[]>();
  let wills = 0;

  const gone = async (known: { client: MqttClient; will: boolean }): Promise<void> => {
    await known.client.ended();
    if (!known.will) return;
    wills += 1;
    let left = wills;
    await watcher.until((line) => {
      if (line.includes('will of ')) left -= 1;
      return left === 0;
    });
  };
  const note = (step: number): void => {
    for (const [name, { client }] of [...clients].sort()) {
      const from = seen.get(client) ?? 0;
      const lines = client.came
        .slice(from)
        .filter((line) => !line.includes('/sync') && !/^(disconnect|pingresp)/.test(line));
      seen.set(client, client.came.length);
      const shown = lines.map((line) =>
        line.replaceAll(prefix, '').replace(/^(connack \S+).*/, '$1'),
      );
      const at = `${step} ${name}`;
      if (shown.length > 0) told.set(at, [...(told.get(at) ?? []), ...shown]);
    }
  };

  for (const [index, step] of steps.entries()) {
    const known = clients.get(step.name);
    if (step.kind === 'connect') {
      const { will } = step.options;
      const options = {
        ...step.options,
        ...(will && {
          will: {
            ...will,
            topic: `${prefix}/${will.topic}`,
            payload: `will of ${index}${will.payload}`,
          },
        }),
      };
      const client = await MqttClient.open(port, prefix + step.name, options);
      if (known !== undefined) await gone(known);
      note(index);
      await client.subscribe(`${prefix}/sync`, 0);
      clients.set(step.name, { client, will: will !== undefined });
    } else if (known !== undefined) {
      const { client } = known;
      const five = client.level === 5;
      if (step.kind === 'subscribe') {
        const own: Properties = five && step.id > 0 ? [['subscription', step.id]] : [];
        await client.subscribe(
          `${prefix}/${step.filter}`,
          five ? optionsOf(step) : step.options & 3,
          own,
        );
      } else if (step.kind === 'unsubscribe') await client.unsubscribe(`${prefix}/${step.filter}`);
      else if (step.kind === 'publish')
        await client.publish(`${prefix}/${step.topic}`, step.payload, step);
      else if (step.kind === 'disconnect') {
        await client.disconnect();
        clients.delete(step.name);
      } else {
        client.drop();
        await gone(known);
        clients.delete(step.name);
      }
    }
    await watcher.publish(`${prefix}/sync`, `${index}`, { qos: 1 });
    const last = (line: string): boolean =>
      line.startsWith(`${prefix}/sync`) && line.endsWith(`: ${index}`);
    for (const { client } of [...clients.values(), { client: watcher }]) {
      await client.until(last, seen.get(client) ?? 0);
    }
    note(index);
  }
  for (const { client } of clients.values()) await client.disconnect();
  await watcher.disconnect();
  return [...told].sort().map(([at, lines]) => ({ at, lines }));
}
