// What the author's kit costs: guests that are written with it beside others that do the same on the raw ABI, in
// the harness, so without the kernel. The host's own part is in the figures, as it is for users.

import { harness } from '../host/testing/harness.ts';
import { compiledGuest, linesModule } from '../test/helpers/guests.ts';

const ROUNDS = 25;
const MESSAGES = 20_000;

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const request = (...parts: string[]): string => `*${parts.length}\r\n${parts.map(bulk).join('')}`;
const value = (bytes: number): string => 'v'.repeat(bytes);

interface Case {
  readonly name: string;
  readonly kit: Uint8Array;
  readonly byHand: Uint8Array;
  /** Sent once, before. */
  readonly before: string;
  readonly message: string;
  /** Of them in one receive. */
  readonly together: number;
}

const resp = compiledGuest('kit/resp', 'incremental');
const respByHand = compiledGuest('kit/resp-by-hand', 'incremental');
const respCase = (name: string, before: string, ...parts: string[]): Omit<Case, 'together'> => {
  return { name, kit: resp, byHand: respByHand, before, message: request(...parts) };
};
const commands = [
  respCase('PING', '', 'PING'),
  respCase('GET 16 B', request('SET', 'key:1234', value(16)), 'GET', 'key:1234'),
  respCase('GET 1 KiB', request('SET', 'key:1234', value(1024)), 'GET', 'key:1234'),
  respCase('SET 16 B', '', 'SET', 'key:1234', value(16)),
  respCase('INCR', '', 'INCR', 'counter'),
];
const lines = {
  ...{ kit: linesModule(), byHand: compiledGuest('kit/lines-by-hand'), before: '' },
  ...{ name: 'line of 16 B', message: `${'a'.repeat(15)}\n` },
};
const cases: Case[] = [...commands, lines].flatMap((each) =>
  [1, 16, 256].map((together) => ({ ...each, together })),
);

/** @returns nanoseconds of the processor for each message, in each of the rounds */
async function measure(module: Uint8Array, { before, message, together }: Case) {
  const peer = (await harness(module)).connect();
  peer.send(before);
  peer.received();
  const batch = new TextEncoder().encode(message.repeat(together));
  const round = (): number => {
    const batches = Math.ceil(MESSAGES / together);
    const start = process.cpuUsage();
    for (let left = batches; left > 0; left -= 1) {
      peer.send(batch);
      if (peer.received().length === 0) throw new Error('no answer came');
    }
    const { user, system } = process.cpuUsage(start);
    return ((user + system) * 1000) / (batches * together);
  };
  round();
  return round;
}

process.stdout.write('| message | in one receive | by hand | with the kit | kit ÷ by hand |\n');
process.stdout.write('| --- | --- | --- | --- | --- |\n');
for (const each of cases) {
  const [byHand, kit] = [await measure(each.byHand, each), await measure(each.kit, each)];
  let [least, leastKit] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let count = 0; count < ROUNDS; count += 1) {
    least = Math.min(least, byHand());
    leastKit = Math.min(leastKit, kit());
  }
  const figures = [`${Math.round(least)} ns`, `${Math.round(leastKit)} ns`];
  const row = [each.name, each.together, ...figures, (leastKit / least).toFixed(2)];
  process.stdout.write(`| ${row.join(' | ')} |\n`);
}
