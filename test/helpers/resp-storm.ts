// A storm for `resp`: clients that change keys of their own and compare every byte, while threads are ended at any
// moment, and other clients make the guest trap or hang. It knows what was lost.

import type { Worker } from 'node:worker_threads';
import { type Server, serve } from '../../host/index.ts';
import { random } from './bytes.ts';
import { type Client, connect } from './client.ts';
import { compiledGuest } from './guests.ts';
import { type Command, encoded } from './resp.ts';

export interface RespStormOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly workers: number;
  readonly seed: number;
  /** A thread that is terminated, or a guest that traps or hangs; they take turns. */
  readonly kinds: readonly ('end' | 'trap' | 'hang')[];
}

export interface RespStormReport {
  readonly commands: number;
  /** Connections of well-behaved clients that were reset. */
  readonly lost: number;
  readonly faults: readonly string[];
}

type Keys = Map<string, string>;

const bulk = (text: string | undefined): string =>
  text === undefined ? '$-1\r\n' : `$${text.length}\r\n${text}\r\n`;

/** What Redis would do. @returns the answer */
function perform(keys: Keys, [name, key = '', value = '']: Command): string {
  const old = keys.get(key);
  if (name === 'GET') return bulk(old);
  if (name === 'STRLEN') return `:${old?.length ?? 0}\r\n`;
  if (name === 'SET') {
    keys.set(key, value);
    return '+OK\r\n';
  }
  if (name === 'DEL') return `:${Number(keys.delete(key))}\r\n`;
  if (name === 'APPEND') {
    keys.set(key, (old ?? '') + value);
    return `:${keys.get(key)!.length}\r\n`;
  }
  const sum = Number(old ?? 0) + 1;
  keys.set(key, `${sum}`);
  return `:${sum}\r\n`;
}

/** The state of all keys, as MGET tells it. */
const shown = (keys: Keys, names: readonly string[]): string =>
  `*${names.length}\r\n${names.map((name) => bulk(keys.get(name))).join('')}`;

class Lane {
  readonly #open: () => Promise<Client>;
  readonly #next: () => number;
  readonly #texts: readonly string[];
  readonly #count: string;
  readonly #keys: Keys = new Map();
  #client: Client | null = null;
  commands = 0;
  lost = 0;
  fault = '';

  constructor(number: number, seed: number, open: () => Promise<Client>) {
    this.#open = open;
    this.#next = random(seed * 1000 + number);
    this.#texts = ['a', 'b', 'c'].map((name) => `${name}${number}`);
    this.#count = `count${number}`;
  }

  get #names(): string[] {
    return [...this.#texts, this.#count];
  }

  #below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  #command(): Command {
    const key = this.#texts[this.#below(3)]!;
    const kind = this.#below(7);
    if (kind === 0) return ['INCR', this.#count];
    if (kind === 1) return ['APPEND', key, 'x'.repeat(this.#below(50))];
    if (kind === 2) return ['DEL', key];
    if (kind === 3) return ['SET', key, `${this.#below(1e9)}`.repeat(this.#below(100))];
    return [kind === 4 ? 'STRLEN' : 'GET', key];
  }

  /** One pipeline, and what comes back; after a reset, what became of it. */
  async round(): Promise<void> {
    this.#client ??= await this.#open();
    const commands = Array.from({ length: 1 + this.#below(30) }, () => this.#command());
    const before = shown(this.#keys, this.#names);
    const states = [before];
    let expected = '';
    for (const command of commands) {
      expected += perform(this.#keys, command);
      states.push(shown(this.#keys, this.#names));
    }
    // What became of it is not always known: any of the states may be the one.
    this.#client.send(commands.map(encoded).join('')).catch(() => undefined);
    try {
      const got = (await this.#client.readExactly(expected.length)).toString('latin1');
      if (got !== expected) this.fault ||= `expected ${expected}, got ${got}`;
      this.commands += commands.length;
    } catch {
      await this.#recover(this.#client, expected, states);
    }
  }

  async #recover(client: Client, expected: string, states: readonly string[]): Promise<void> {
    const got = (await client.readExactly(client.waiting)).toString('latin1');
    if (!expected.startsWith(got))
      this.fault ||= `before the reset: expected ${expected}, got ${got}`;
    client.destroy();
    this.lost += 1;
    this.#client = null;
    for (;;) {
      const now = await this.#open();
      now.send(encoded(['MGET', ...this.#names])).catch(() => undefined);
      try {
        const found = await readState(now, this.#names.length);
        if (!states.includes(found.text)) {
          this.fault ||= `a key was lost: ${found.text} is none of ${states.join(' and ')}`;
        }
        this.#keys.clear();
        for (const [at, name] of this.#names.entries()) {
          const value = found.values[at];
          if (value !== undefined) this.#keys.set(name, value);
        }
        this.#client = now;
        return;
      } catch {
        // Its thread was ended as well.
        now.destroy();
        this.lost += 1;
      }
    }
  }

  end(): void {
    this.#client?.destroy();
  }
}

/** An array of bulk strings, as bytes and as values. */
async function readState(
  client: Client,
  length: number,
): Promise<{ text: string; values: (string | undefined)[] }> {
  const line = async (): Promise<string> => {
    let text = '';
    while (!text.endsWith('\r\n')) text += (await client.readExactly(1)).toString('latin1');
    return text;
  };
  let text = await line();
  const values: (string | undefined)[] = [];
  for (let at = 0; at < length; at += 1) {
    const head = await line();
    text += head;
    const bytes = Number(head.slice(1));
    if (bytes < 0) values.push(undefined);
    else {
      const value = (await client.readExactly(bytes + 2)).toString('latin1');
      text += value;
      values.push(value.slice(0, -2));
    }
  }
  return { text, values };
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

const restarted = (server: Server): Promise<void> =>
  new Promise((resolve) => server.once('restart', () => resolve()));

/** Sends a line to a connection of its own, which has to be reset for it. */
async function harms(open: () => Promise<Client>, line: string): Promise<string> {
  const client = await open();
  await client.send(line);
  const how = await client.closed;
  client.destroy();
  return how === 'end' ? `who sent ${line} got a FIN` : '';
}

export async function respStorm(options: RespStormOptions): Promise<RespStormReport> {
  const { rounds, clients, workers, seed, kinds } = options;
  const threads = new Set<Worker>();
  const noted = (worker: Worker): void => {
    worker.on('message', (message: { kind?: unknown }) => {
      if (message.kind === 'ready') threads.add(worker);
    });
    worker.once('exit', () => threads.delete(worker));
  };
  process.on('worker', noted);
  const server = await serve({
    protocol: compiledGuest('fragile-resp', 'incremental'),
    listen: '127.0.0.1:0',
    workers,
    policy: { callbackTimeoutMs: 500, graceMs: 2000, lingerMs: 200, drainQuietMs: 0 },
  });
  const open = (): Promise<Client> => connect(server.addresses[0]!);
  const lanes = Array.from({ length: clients }, (_, number) => new Lane(number, seed, open));
  const faults: string[] = [];
  let running = true;
  let heard = (): void => undefined;
  const all = Promise.all(
    lanes.map(async (lane) => {
      while (running && lane.fault === '') {
        await lane.round();
        heard();
      }
      lane.end();
      heard();
    }),
  );
  const next = random(seed);
  const isWell = (): boolean => lanes.every(({ fault }) => fault === '');
  const done = (): number => lanes.reduce((sum, lane) => sum + lane.commands, 0);
  for (let round = 0; round < rounds && isWell(); round += 1) {
    while (server.stats().workers.ready < workers) await pause(1);
    // At no particular moment: in the middle of whatever it does.
    await pause(next() * 12);
    const before = done();
    while (done() < before + 20 * clients && isWell()) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
    const kind = kinds[round % kinds.length]!;
    if (kind === 'end') {
      const some = [...threads];
      const restart = restarted(server);
      void some[Math.floor(next() * some.length)]!.terminate();
      await restart;
    } else faults.push(await harms(open, kind === 'trap' ? 'CRASH\r\n' : 'SPIN\r\n'));
  }
  running = false;
  await all;
  await server.close();
  process.off('worker', noted);
  const lost = lanes.reduce((sum, lane) => sum + lane.lost, 0);
  const told = [...faults, ...lanes.map(({ fault }) => fault)].filter((fault) => fault !== '');
  return { commands: done(), lost, faults: told };
}
