// Head: what is looked at: the process, its services, the one that is shown, and what of it needs attention.

import { duration, several } from '../view/figures.ts';
import type { Notice } from '../view/notices.ts';
import type { SeenService, SeenStatus } from '../view/seen.ts';
import { byId, Kept, make, mark, type Shown, safe, write } from './dom.ts';

interface Tab {
  readonly name: string;
  readonly current: boolean;
}

type Listener = SeenService['listeners'][number];

/** So many hex digits tell modules apart. */
const DIGITS = 12;

export class Head {
  readonly #tabs: Kept<Tab>;
  readonly #notices = new Kept<Notice>(byId('notices'), noticeOf);
  readonly #listeners = new Kept<Listener>(byId('listeners'), listenerOf);

  constructor(choose: (name: string) => void) {
    this.#tabs = new Kept(byId('services'), ({ name }) => {
      const element = make('button', '', name);
      element.type = 'button';
      element.title = element.textContent;
      element.addEventListener('click', () => choose(name));
      return {
        element,
        update: ({ current }) => element.setAttribute('aria-current', String(current)),
      };
    });
  }

  /**
   * Whether the page hears of its server.
   * @param more changes each second, and is not read out
   */
  live(state: string, text: string, more = ''): void {
    mark(byId('live'), 'state', state);
    mark(document.body, 'link', state);
    write(byId('live-state'), text);
    write(byId('live-more'), more);
  }

  process({ version, process, startedAt, time }: SeenStatus): void {
    const up = duration(time - startedAt);
    write(byId('process'), `${version}, Node ${process.node}, pid ${process.pid}, up ${up}`);
  }

  nothing(): void {
    write(byId('name'), 'No service yet');
    write(byId('module'), 'The process is starting.');
  }

  service(status: SeenStatus, service: SeenService, notices: readonly Notice[]): void {
    const { name, state, module, listeners } = service;
    const { services, time } = status;
    byId('services').hidden = services.length < 2;
    const tabs = services.map((one) => ({ name: one.name, current: one.name === name }));
    this.#tabs.show(tabs, (tab) => tab.name);
    document.title = `${safe(name)} – wasmpoll`;
    write(byId('name'), name);
    byId('name').title = safe(name);
    write(byId('state'), state);
    mark(byId('state'), 'state', state);
    const hash = module.sha256 === null ? '' : `, sha256 ${module.sha256.slice(0, DIGITS)}`;
    const loaded = `loaded ${duration(time - module.loadedAt)} ago`;
    write(byId('module'), `${module.name}${hash}, ${loaded}, ${several(module.swaps, 'swap')}`);
    this.#listeners.show(listeners, ({ address }) => address);
    // By their place: a notice that counts seconds stays the same element.
    this.#notices.show(notices, (notice) => notices.indexOf(notice));
  }
}

function noticeOf(): Shown<Notice> {
  const element = make('li', 'notice');
  return {
    element,
    update: ({ bad, text }) => {
      write(element, text);
      element.classList.toggle('bad', bad);
    },
  };
}

function listenerOf(): Shown<Listener> {
  const element = make('li');
  return {
    element,
    update: ({ address, state }) => {
      write(element, state === 'listening' ? address : `${address} (${state})`);
      mark(element, 'state', state);
    },
  };
}
