// A crowd: members of a room over real sockets, whose thread ends at any statement while it delivers. Every byte that
// a member gets is compared.

import type { Server, serve } from '../../host/index.ts';
import { random } from './bytes.ts';
import { type Client, connect } from './client.ts';
import { compiledGuest } from './guests.ts';
import { until } from './programs.ts';
import { Statements, steppedServe } from './stepped-server.ts';

const MEMBERS = 8;
// Those of a delivery of the messages of a round, about.
const STATEMENTS = 6000;
// Those of taking over.
const STATEMENTS_AFTER = 2500;
const LETTERS = 5000;

export interface CrowdReport {
  readonly deaths: number;
  readonly lost: number;
  readonly messages: number;
  readonly faults: string[];
}

interface Member {
  readonly client: Client;
  over: boolean;
}

/** The messages of a round: what is plain, edited, counted, and too long to be gathered. */
const saidIn = (round: number): string[] =>
  ['a', 'e-', 'b', 'a'].map((letters, index) => `${letters}${round}.${index};`);

/** How a message looks when it was given: another letter in place of the one that was edited, and letters behind it. */
const shown = (text: string): string => {
  if (text.startsWith('e')) return text.replace('e-', 'e[0-7]');
  return text.startsWith('b') ? `${text}x{${LETTERS}}` : text;
};

/** What a member must have got: every message, or a `!` for those that it has missed. */
function faultOf(got: string, round: number, died: boolean): string | null {
  const said = saidIn(round);
  const all = new RegExp(`^${said.map(shown).join('')}z${round};$`);
  if (all.test(got)) return null;
  const brief = got.replace(/x{100,}/g, (run) => `<${run.length}>`);
  if (!died) return brief;
  const some = new RegExp(`^${said.map((text) => `(?:${shown(text)}|!)?`).join('')}!?z${round};$`);
  return some.test(got) && got.includes('!') ? null : brief;
}

class Crowd {
  readonly faults: string[] = [];
  deaths = 0;
  lost = 0;
  messages = 0;
  readonly #server: Server;
  readonly #statements: Statements;
  readonly #members: Member[] = [];

  constructor(server: Server, statements: Statements) {
    this.#server = server;
    this.#statements = statements;
  }

  async fill(): Promise<void> {
    const free = this.#members.findIndex(({ over }) => over);
    if (free < 0 && this.#members.length === MEMBERS) return;
    const number = free < 0 ? this.#members.length : free;
    const client = await connect(this.#server.addresses[0]!);
    const before = this.#server.stats().shared.members;
    await client.send(`j${number}`);
    await until(() => this.#server.stats().shared.members > before);
    const member = { client, over: false };
    void client.closed.then(() => {
      member.over = true;
    });
    this.#members[number] = member;
    await this.fill();
  }

  async round(round: number, first: number, second: number): Promise<void> {
    const { restarts } = this.#server.stats().workers;
    const here = this.#members.filter(({ over }) => !over);
    const least = saidIn(round).join('').length + LETTERS;
    this.#statements.arm(first, second);
    for (const text of saidIn(round)) this.#server.publish('room', text);
    const died = (): boolean => this.#server.stats().workers.restarts > restarts;
    await until(() => died() || here.every(({ client, over }) => over || client.waiting >= least));
    // The second one ends while it takes over, or not at all.
    await until(() => this.#statements.spent || this.#server.stats().workers.ready > 0);
    this.#statements.disarm();
    await until(() => this.#server.stats().workers.ready > 0);
    this.#server.publish('room', `z${round};`);
    const end = `z${round};`;
    for (const member of here) await this.#hear(member, end, round, died);
    this.deaths += this.#server.stats().workers.restarts - restarts;
  }

  async #hear({ client }: Member, end: string, round: number, died: () => boolean): Promise<void> {
    let got = '';
    try {
      while (!got.endsWith(end))
        got += await client.readExactly(1 + Math.max(0, client.waiting - 1));
    } catch {
      this.lost += 1;
      if (!died()) this.faults.push(`round ${round}: a member is lost, and no thread has ended`);
      return;
    }
    this.messages += saidIn(round).length;
    const fault = faultOf(got, round, died());
    if (fault !== null) this.faults.push(`round ${round}: ${fault}`);
  }

  close(): void {
    for (const { client } of this.#members) client.destroy();
  }
}

/**
 * Ends the thread in each round, and every third time the one that takes over as well.
 * @param name of the copy of the host
 */
export async function crowdOfThreads(
  name: string,
  { rounds, seed }: { rounds: number; seed: number },
): Promise<CrowdReport> {
  const statements = new Statements();
  const start: typeof serve = await steppedServe(name);
  const server = await start({
    protocol: compiledGuest('roster'),
    listen: '127.0.0.1:0',
    workers: 1,
    policy: { drainQuietMs: 0, graceMs: 2000, lingerMs: 200 },
  });
  server.on('error', () => undefined);
  const crowd = new Crowd(server, statements);
  const next = random(seed);
  for (let round = 0; round < rounds; round += 1) {
    await crowd.fill();
    const second = round % 3 === 2 ? Math.ceil(next() * STATEMENTS_AFTER) : 0;
    await crowd.round(round, Math.ceil(next() * STATEMENTS), second);
  }
  crowd.close();
  await server.close();
  const { deaths, lost, messages, faults } = crowd;
  return { deaths, lost, messages, faults };
}
