// App: READ THIS FIRST. The dashboard in the browser: it takes events, keeps the history, and has each part of the
// page drawn. Figures are made in ../view, which `wasmpoll top` shares.

import { duration } from '../view/figures.ts';
import { History } from '../view/history.ts';
import { noticesOf } from '../view/notices.ts';
import type { SeenService, SeenStatus } from '../view/seen.ts';
import { Actions } from './actions.ts';
import { Connections } from './connections.ts';
import { Details } from './details.ts';
import { Head } from './head.ts';
import { Log } from './log.ts';
import { type Link, Stream } from './stream.ts';
import { type Scene, Tiles } from './tiles.ts';
import { Workers } from './workers.ts';

class App {
  readonly #history = new History();
  readonly #actions = new Actions();
  readonly #head = new Head((name) => this.#choose(name));
  readonly #tiles = new Tiles();
  readonly #workers = new Workers();
  readonly #details = new Details();
  readonly #connections = new Connections(this.#actions);
  readonly #log = new Log();
  #status: SeenStatus | null = null;
  /** The name of the service that is shown. */
  #shown: string | null = null;
  #planned = false;

  constructor() {
    // Whoever has no pointer scrolls with the keys.
    for (const region of document.querySelectorAll<HTMLElement>('.scroll, .log')) {
      region.tabIndex = 0;
    }
    window.addEventListener('hashchange', () => this.#plan());
    document.addEventListener('visibilitychange', () => this.#plan());
    new Stream({
      event: (name, data) => this.#take(name, data),
      opened: () => this.#log.opened(),
      link: (link) => this.#link(link),
    });
  }

  #take(name: 'status' | 'log', data: string): void {
    if (name === 'log') {
      this.#log.take(data);
      return;
    }
    this.#status = JSON.parse(data) as SeenStatus;
    this.#history.take(this.#status);
    this.#plan();
  }

  #link(link: Link): void {
    if (link.state === 'live') this.#head.live('live', 'Live');
    else if (link.state === 'lost') {
      const seconds = Math.ceil(link.retryMs / 1000);
      this.#head.live('lost', 'Not connected', `, next try in ${seconds} s`);
    } else if (link.state === 'silent') {
      this.#head.live('silent', 'No news', ` for ${duration(link.sinceMs)}`);
    }
  }

  // Drawn when the browser draws: never while nobody sees it.
  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    requestAnimationFrame(() => {
      this.#planned = false;
      this.#draw();
    });
  }

  // In the address, so that a page that is loaded again shows the same.
  #choose(name: string): void {
    location.hash = `/${encodeURIComponent(name)}`;
  }

  /** The service that the address names; otherwise the one that was shown, or the first. */
  get #service(): SeenService | undefined {
    const { services } = this.#status!;
    const named = services.find(({ name }) => location.hash === `#/${encodeURIComponent(name)}`);
    const service = named ?? services.find(({ name }) => name === this.#shown) ?? services[0];
    this.#shown = service?.name ?? null;
    return service;
  }

  #draw(): void {
    const status = this.#status;
    if (status === null) return;
    const service = this.#service;
    this.#head.process(status);
    if (service === undefined) {
      this.#head.nothing();
      return;
    }
    const mine = this.#history.of(service.name);
    const scene: Scene = { status, service, history: this.#history, mine };
    this.#actions.of(service.name);
    this.#head.service(status, service, noticesOf(service, mine, status.time));
    this.#tiles.update(scene);
    this.#workers.update(scene);
    this.#details.update(scene);
    this.#connections.of(service.name);
  }
}

new App();
