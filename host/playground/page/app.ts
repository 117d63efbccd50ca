// App: READ THIS FIRST. The playground in the browser: it has the worker do what somebody asks for, and each part of
// the page show what has changed. What the guest does is known to ../bench alone.

import { byId, mark, write } from '../../admin/page/dom.ts';
import type { Command, Given, View } from '../bench/messages.ts';
import type { Client } from './client.ts';
import { Clients } from './clients.ts';
import { Clock } from './clock.ts';
import { Figures } from './figures.ts';
import { Guest } from './guest.ts';
import { LIMIT_MS, Link } from './link.ts';
import { Log } from './log.ts';
import { Modules, type Picked } from './modules.ts';
import { span } from './times.ts';
import { Transcript } from './transcript.ts';

class App {
  readonly #link = new Link();
  readonly #log = new Log();
  readonly #figures = new Figures();
  readonly #guest = new Guest(() => void this.#restart());
  readonly #modules = new Modules(
    (picked) => void this.#pick(picked),
    (why) => this.#guest.tell('bad', why),
  );
  readonly #clock = new Clock(
    (ms) => void this.#ask({ do: 'advance', ms }),
    () => this.#link.idle,
  );
  readonly #clients = new Clients(
    () => void this.#connect(),
    (client, command) => void this.#move(client, command),
  );
  readonly #transcript = new Transcript(() => this.#module);
  /** The module that runs, or that was to run last. */
  #module: Given | null = null;
  #swaps = 0;
  #now = 0;
  /** A guest runs. */
  #isThere = false;

  constructor() {
    this.#live('live', 'Ready');
  }

  /** Somebody has picked a module: it takes over, or starts anew. */
  async #pick(picked: Picked): Promise<void> {
    const module = { ...picked, config: this.#guest.config };
    const keeps = this.#isThere && this.#clients.anyOpen && this.#guest.keepsConnections;
    await (keeps ? this.#swap(module) : this.#begin(module));
  }

  async #swap(module: Given): Promise<void> {
    if (!(await this.#ask({ do: 'swap', module }))) return;
    this.#swaps += 1;
    this.#started(module, `${module.name} has taken over the connections, with their state.`);
  }

  async #restart(): Promise<void> {
    if (this.#module !== null) {
      await this.#begin({ ...this.#module, config: this.#guest.config });
    }
  }

  async #begin(module: Given): Promise<void> {
    this.#clients.clear();
    this.#log.clear();
    this.#transcript.forget();
    if (!(await this.#load(module))) return;
    this.#started(module, `${module.name} has started.`);
    await this.#connect();
  }

  /** @returns whether it runs */
  async #load(module: Given): Promise<boolean> {
    this.#module = module;
    this.#swaps = 0;
    this.#there(false);
    const runs = await this.#ask({ do: 'load', module });
    this.#there(runs);
    void this.#guest.show(module, 0);
    this.#guest.condition(runs ? 'running' : 'refused');
    return runs;
  }

  #there(isThere: boolean): void {
    this.#isThere = isThere;
    this.#clients.allow(isThere);
    this.#clock.allow(isThere);
    if (isThere) return;
    this.#now = 0;
    this.#figures.update(null);
  }

  #started(module: Given, text: string): void {
    this.#module = module;
    void this.#guest.show(module, this.#swaps);
    this.#modules.mark(module.name);
    this.#transcript.offer(module.name);
    this.#guest.tell('good', text);
    this.#log.add({ at: this.#now, level: 'host', text, client: null });
  }

  async #connect(): Promise<void> {
    if (!this.#isThere) return;
    const client = this.#clients.add(this.#now);
    await this.#ask({ do: 'connect', client: client.number });
    client.focus();
  }

  async #move(client: Client, command: Command): Promise<void> {
    if (command.do === 'send') client.sent(this.#now, command.bytes);
    if (this.#isThere) await this.#ask(command);
  }

  /** Has the worker do it, and shows what has changed. @returns whether it was done */
  async #ask(command: Command): Promise<boolean> {
    this.#live('busy', 'Working');
    try {
      const outcome = await this.#link.ask(command);
      if (outcome.is === 'dropped') return false;
      if (outcome.is === 'ended') {
        await this.#ended(command);
        return false;
      }
      this.#show(outcome.view);
      this.#live('live', 'Ready');
      const { problem } = outcome;
      if (problem !== null) this.#guest.tell('bad', problem);
      else if (command.do === 'send') this.#guest.quiet();
      return problem === null;
    } catch (error) {
      this.#guest.tell('bad', `The page cannot go on: ${String(error)}. Load it again.`);
      this.#live('lost', 'Stopped');
      return false;
    }
  }

  /** The guest did not return. Nothing of it is left; the module starts anew, with nobody connected. */
  async #ended(command: Command): Promise<void> {
    const starts = command.do === 'load';
    const inTime = `within ${span(LIMIT_MS)}`;
    const text = starts
      ? `${command.module.name} did not start ${inTime}: it was ended.`
      : `The guest did not return ${inTime}. It was ended with its worker, and all connections with it. ` +
        `On a server only ${victimOf(command)} is lost.`;
    this.#log.add({ at: this.#now, level: 'trap', text, client: null });
    this.#clients.lose();
    if (!starts && this.#module !== null) await this.#load(this.#module);
    this.#guest.tell('bad', text);
    this.#live('live', 'Ready');
  }

  #show(view: View): void {
    const { now, clients, happenings, figures } = view;
    this.#now = now;
    for (const happening of happenings) this.#log.add(happening);
    this.#clients.update(view);
    this.#transcript.record(view.recorded);
    this.#figures.update(figures);
    const timers = clients.flatMap(({ inspection }) => inspection?.timerAt ?? []);
    this.#clock.update(now, timers.length === 0 ? null : Math.min(...timers));
  }

  #live(state: 'live' | 'busy' | 'lost', text: string): void {
    mark(byId('live'), 'state', state);
    mark(document.body, 'link', state);
    write(byId('live-state'), text);
  }
}

/** Whom a guest is serving that does what it is asked. */
const victimOf = (command: Command): string =>
  'client' in command ? `client ${command.client}` : 'the connection that it was serving';

new App();
