// Top: looks at a server once a second and shows what it saw, until a key or a signal ends it; or looks once and
// prints. What figures mean is the screen's, how a terminal is told the terminal's.

import { setTimeout as sleep } from 'node:timers/promises';
import { History } from '../../admin/view/history.ts';
import {
  type SeenConnection,
  type SeenService,
  type SeenStatus,
  SORTS,
} from '../../admin/view/seen.ts';
import { messageOf, WasmpollError } from '../../errors.ts';
import { Client } from './client.ts';
import { type Line, paint, piece } from './paint.ts';
import { type Scene, screenOf } from './screen.ts';
import { Terminal } from './terminal.ts';

const BETWEEN_MS = 1000;
/** More than a terminal has lines. */
const MOST_CONNECTIONS = 100;
/** Rows in a snapshot that is printed. */
const SNAPSHOT_CONNECTIONS = 20;

export interface TopOptions {
  readonly admin: string;
  readonly once: boolean;
  /** Null is the first. */
  readonly service: string | null;
}

/** Resolves when it was told to end. Rejects with one line when there is no server to look at. */
export async function runTop(options: TopOptions, stop: AbortSignal): Promise<void> {
  const top = new Top(options);
  try {
    const interactive = process.stdout.isTTY === true && process.env.TERM !== 'dumb';
    await (options.once || !interactive ? top.print(stop) : top.watch(stop));
  } finally {
    top.close();
  }
}

class Top {
  readonly #client: Client;
  readonly #history = new History();
  #service: string | null;
  #sort: (typeof SORTS)[number] = SORTS[0];
  #status: SeenStatus | null = null;
  #connections: readonly SeenConnection[] | null = null;
  /** Why the last look saw nothing. */
  #problem: string | null = null;

  constructor({ admin, service }: TopOptions) {
    this.#client = new Client(admin);
    this.#service = service;
  }

  close(): void {
    this.#client.close();
  }

  /** Looks twice, since rates are what happened between two looks. */
  async print(stop: AbortSignal): Promise<void> {
    await this.#look(SNAPSHOT_CONNECTIONS);
    await sleep(BETWEEN_MS, undefined, { signal: stop }).catch(() => undefined);
    await this.#look(SNAPSHOT_CONNECTIONS);
    const lines = this.#lines(Number.MAX_SAFE_INTEGER);
    while (lines.at(-1)?.length === 0) lines.pop();
    const text = lines.map((line) => paint(line, Number.MAX_SAFE_INTEGER, false));
    process.stdout.write(`${text.join('\n')}\n`);
  }

  async watch(stop: AbortSignal): Promise<void> {
    // Before the terminal is taken: what is wrong now is said in one line.
    await this.#look(MOST_CONNECTIONS);
    const terminal = new Terminal();
    const quit = new AbortController();
    const ends = AbortSignal.any([stop, quit.signal]);
    const draw = (): void => terminal.draw(this.#lines(terminal.height - 1), keysOf(this.#sort));
    terminal.onResize(draw);
    terminal.onKey((key) => {
      if (key === 'q' || key === '\x03') quit.abort();
      else if (this.#pressed(key)) {
        void this.#list(MOST_CONNECTIONS)
          .catch((error: unknown) => this.#lost(error))
          .then(() => quit.signal.aborted || draw());
      }
    });
    try {
      for (;;) {
        draw();
        await sleep(BETWEEN_MS, undefined, { signal: ends });
        await this.#look(MOST_CONNECTIONS).catch((error: unknown) => this.#lost(error));
      }
    } catch (error) {
      if (!ends.aborted) throw error;
    } finally {
      terminal.close();
    }
  }

  /** @returns whether something else is to be shown */
  #pressed(key: string): boolean {
    if (key === 's') {
      this.#sort = SORTS[(SORTS.indexOf(this.#sort) + 1) % SORTS.length]!;
      this.#connections = null;
    } else if (key === 'n' && this.#status !== null) {
      const names = this.#status.services.map(({ name }) => name);
      this.#service = names[(names.indexOf(this.#service ?? names[0]!) + 1) % names.length] ?? null;
      this.#connections = null;
    } else return false;
    return true;
  }

  async #look(most: number): Promise<void> {
    const status = await this.#client.status();
    this.#history.take(status);
    this.#status = status;
    await this.#list(most);
    this.#problem = null;
  }

  async #list(most: number): Promise<void> {
    const { name } = this.#chosen(this.#status!);
    const sort = this.#sort;
    const { connections } = await this.#client.connections(name, sort, most);
    // A key may have been pressed meanwhile.
    const stands = sort === this.#sort && name === this.#chosen(this.#status!).name;
    if (stands) this.#connections = connections;
  }

  #lost(error: unknown): void {
    this.#problem = messageOf(error);
  }

  #chosen({ services }: SeenStatus): SeenService {
    const named = services.find(({ name }) => name === this.#service);
    if (this.#service !== null && named === undefined) {
      const names = services.map(({ name }) => name).join(', ');
      const problem = `there is no service '${this.#service}'; there are: ${names}`;
      throw new WasmpollError('ERR_OPTION', problem);
    }
    const first = named ?? services[0];
    if (first === undefined) throw new WasmpollError('ERR_OPTION', 'no service has started yet');
    return first;
  }

  #lines(height: number): Line[] {
    const status = this.#status!;
    const service = this.#chosen(status);
    const mine = this.#history.of(service.name);
    const history = this.#history;
    const connections = this.#connections;
    const scene: Scene = { status, service, history, mine, connections };
    const lost = this.#problem;
    if (lost === null) return screenOf(scene, height);
    return [[piece(`! ${lost}`, 'bad')], ...screenOf(scene, height - 1)];
  }
}

const keysOf = (sort: string): Line => [
  ...[piece('q', 'strong'), piece(' quit  ', 'quiet')],
  ...[piece('s', 'strong'), piece(` sort connections: ${sort}  `, 'quiet')],
  ...[piece('n', 'strong'), piece(' next service', 'quiet')],
];
