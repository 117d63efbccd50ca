// Figures: what the guest takes, and what it has done. It draws nothing over time.

import { byId, make, write } from '../../admin/page/dom.ts';
import { bytes, count, number } from '../../admin/view/figures.ts';
import type { Figures as Known } from '../bench/messages.ts';

const NOTHING = 'figures come with a module';

export class Figures {
  readonly #list = byId('figures');
  readonly #values = new Map<string, HTMLElement>();

  constructor() {
    this.update(null);
  }

  update(figures: Known | null): void {
    write(byId('figures-note'), figures === null ? NOTHING : '');
    this.#list.hidden = figures === null;
    if (figures === null) return;
    const rows: [string, string][] = [
      ['Memory', bytes(figures.guestMemoryBytes)],
      ['Messages', count(figures.messages)],
      ['Bytes in', bytes(figures.bytesIn)],
      ['Bytes out', bytes(figures.bytesOut)],
      ['Backlog', bytes(figures.backlogBytes)],
      ['Page pool', bytes(figures.poolBytes)],
      ['Topics', count(figures.topics)],
      ['Keys', count(figures.keys)],
      ['Traps', count(figures.guestTraps)],
      ...figures.guest.map(([name, value]): [string, string] => [name, number(value)]),
    ];
    const gone = new Set(this.#values.keys());
    for (const [name, value] of rows) {
      gone.delete(name);
      write(this.#value(name), value);
    }
    for (const name of gone) {
      this.#values.get(name)?.parentElement?.remove();
      this.#values.delete(name);
    }
    this.#values.get('Traps')!.dataset.tone = figures.guestTraps > 0 ? 'bad' : '';
  }

  #value(name: string): HTMLElement {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const value = make('dd');
    this.#list.append(make('div', '', make('dt', '', name), value));
    this.#values.set(name, value);
    return value;
  }
}
