// Random programs of topics and keys over real workers: peers are sockets, threads hang and are replaced, and modules
// are swapped. What each peer hears is compared with the model, callback by callback.

import fc from 'fast-check';
import { type Server, serve } from '../../host/index.ts';
import { type Client, connect } from './client.ts';
import { until } from './programs.ts';
import { sharingModule } from './sharing.ts';
import { comparable, Model, PEERS, type Step, step, wordsOf } from './sharing-model.ts';

type Fate = 'return' | 'trap' | 'hang' | 'reset' | 'swap';

interface Event {
  readonly peer: number;
  readonly steps: readonly Step[];
  readonly fate: Fate;
}

const often = Array.from({ length: 12 }, () => 'return' as const);
const event: fc.Arbitrary<Event> = fc.record({
  peer: fc.nat({ max: PEERS - 1 }),
  steps: fc.array(step, { maxLength: 6 }),
  fate: fc.constantFrom<Fate>(...often, 'trap', 'hang', 'reset', 'swap'),
});

/** What has come to a peer, in lines. */
class Heard {
  readonly client: Client;
  over = false;
  #rest = '';

  constructor(client: Client) {
    this.client = client;
    void client.closed.then(() => {
      this.over = true;
    });
  }

  /** As many lines of callbacks, and one of statuses when it has run commands; null if it is lost before. */
  async lines(count: number, statuses: boolean): Promise<string[] | null> {
    const lines: string[] = [];
    let [words, ran] = [0, false];
    while (words < count || (statuses && !ran) || this.#rest !== '' || this.client.waiting > 0) {
      const end = this.#rest.indexOf('\n');
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        if (line.startsWith('=')) ran = true;
        const heard = wordsOf(line);
        if (heard === null) continue;
        lines.push(heard);
        words += 1;
        continue;
      }
      try {
        const most = Math.max(1, this.client.waiting);
        this.#rest += String(await this.client.readExactly(most));
      } catch {
        return null;
      }
    }
    return lines;
  }
}

class Program {
  readonly #server: Server;
  readonly #model = new Model();
  readonly #peers: Heard[] = [];

  constructor(server: Server) {
    this.#server = server;
  }

  async connect(peer: number): Promise<void> {
    const heard = new Heard(await connect(this.#server.addresses[0]!));
    this.#peers[peer] = heard;
    await heard.client.send('L 1;');
    await heard.lines(0, true);
  }

  /** @returns what is wrong, or null */
  async run({ peer, steps, fate }: Event): Promise<string | null> {
    const model = this.#model;
    for (const lines of model.heard) lines.splice(0);
    const fails = fate === 'trap' || fate === 'hang';
    const commands = model.run(peer, steps, !fails) + (fate === 'trap' ? 'T;' : '');
    const all = fate === 'hang' ? `${commands}Z;` : commands;
    const { client } = this.#peers[peer]!;
    if (all !== '') await client.send(all);
    if (fails) await client.closed;
    for (const [index, heard] of this.#peers.entries()) {
      if (fails && index === peer) continue;
      const said = model.heard[index]!;
      const lines = await heard.lines(said.length, all !== '' && index === peer);
      const got = JSON.stringify(lines === null ? 'it is lost' : comparable(lines));
      const wanted = JSON.stringify(comparable(said));
      if (got !== wanted) return `peer ${index} after ${all}: ${got} instead of ${wanted}`;
    }
    if (fate === 'swap') await this.#server.swap(sharingModule);
    if (fails || fate === 'reset') await this.#replace(peer);
    return null;
  }

  // What it shared ends with it.
  async #replace(peer: number): Promise<void> {
    const { client } = this.#peers[peer]!;
    client.reset();
    this.#model.gone(peer);
    await until(() => this.#server.stats().shared.members === this.#model.members);
    await this.connect(peer);
  }

  /** @returns what is left when all have gone, or null */
  async end(): Promise<string | null> {
    for (const { client } of this.#peers) client.reset();
    await until(() => this.#server.stats().connections.open === 0);
    const { members, pending, queueBytes } = this.#server.stats().shared;
    const left = [members, pending, queueBytes].join(' ');
    return left === '0 0 0' ? null : `left at the end: ${left}`;
  }
}

/** Runs one program. @returns what is wrong, or null */
async function faultOf(events: readonly Event[], workers: number): Promise<string | null> {
  const server = await serve({
    protocol: sharingModule,
    listen: '127.0.0.1:0',
    workers,
    policy: {
      callbackTimeoutMs: 500,
      messagesPerTurn: 2,
      drainQuietMs: 0,
      graceMs: 2000,
      lingerMs: 200,
    },
  });
  const program = new Program(server);
  try {
    for (let peer = 0; peer < PEERS; peer += 1) await program.connect(peer);
    for (const one of events) {
      const fault = await program.run(one);
      if (fault !== null) return fault;
    }
    return await program.end();
  } finally {
    await server.close();
  }
}

/** @returns what is wrong with the first program of which something is, with how it can be run again, or null */
export async function programsOverWorkers({
  programs,
  seed,
  workers,
}: {
  programs: number;
  seed: number;
  workers: number;
}): Promise<string | null> {
  const events = fc.array(event, { minLength: 10, maxLength: 25 });
  const all = fc.sample(events, { numRuns: programs, seed });
  for (const [number, program] of all.entries()) {
    const fault = await faultOf(program, workers);
    if (fault !== null) return `program ${number} of seed ${seed}, ${workers} workers: ${fault}`;
  }
  return null;
}
