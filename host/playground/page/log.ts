// Log: what the guest has logged, its traps, and what was done with it, by the virtual clock.

import { byId, make, write } from '../../admin/page/dom.ts';
import { several } from '../../admin/view/figures.ts';
import type { Happening, Level } from '../bench/messages.ts';
import { clock } from './times.ts';

/** As many lines as are kept. */
const KEPT_LINES = 500;
/** As the dashboard's log has them. */
const CLASSES: Readonly<Record<Level, string>> = {
  ...{ debug: 'debug', info: 'info', warn: 'warn', error: 'error', trap: 'error', host: 'host' },
};

export class Log {
  readonly #list = byId('log');
  readonly #empty = make('li', 'empty', 'No line has come yet.');
  readonly #clear = byId<HTMLButtonElement>('clear');
  #lines = 0;

  constructor() {
    // Whoever has no pointer scrolls with the keys.
    this.#list.tabIndex = 0;
    this.#clear.addEventListener('click', () => this.clear());
    this.clear();
  }

  clear(): void {
    this.#lines = 0;
    this.#list.replaceChildren(this.#empty);
    this.#tell();
  }

  add({ at, level, text }: Happening): void {
    this.#empty.remove();
    const when = make('time', '', clock(at));
    const line = make('li', CLASSES[level], when, ' ', make('b', '', level), ' ');
    line.append(make('span', '', text.trimEnd()));
    this.#list.append(line);
    this.#lines += 1;
    if (this.#lines > KEPT_LINES) {
      this.#list.firstElementChild?.remove();
      this.#lines -= 1;
    }
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#tell();
  }

  #tell(): void {
    this.#clear.hidden = this.#lines === 0;
    write(byId('log-note'), this.#lines === 0 ? '' : several(this.#lines, 'line'));
  }
}
