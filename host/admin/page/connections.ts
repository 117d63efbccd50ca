// Connections: a page of the table of open connections, asked for again every two seconds while somebody may be
// looking at it and nobody is about to press a button in it.

import { bytes, count, duration } from '../view/figures.ts';
import { type SeenConnection, type SeenConnections, SORTS } from '../view/seen.ts';
import type { Actions } from './actions.ts';
import { ask } from './commands.ts';
import { byId, make, type Shown, write } from './dom.ts';
import { type Column, Table } from './table.ts';

const EACH_MS = 2000;
const PAGE = 50;

export class Connections {
  readonly #actions: Actions;
  readonly #table: Table<SeenConnection>;
  readonly #body: HTMLElement;
  readonly #sort = byId<HTMLSelectElement>('sort');
  readonly #first = byId<HTMLButtonElement>('first');
  readonly #next = byId<HTMLButtonElement>('next');
  #service = '';
  #after = '';
  #followedBy: string | null = null;
  #asking = false;

  constructor(actions: Actions) {
    this.#actions = actions;
    const table = byId('connections');
    this.#body = table;
    this.#table = new Table(table, this.#columns(), 'No connection is open.');
    this.#sort.append(...SORTS.map((sort) => make('option', '', sort)));
    this.#sort.addEventListener('change', () => this.#turnTo(''));
    this.#first.addEventListener('click', () => this.#turnTo(''));
    this.#next.addEventListener('click', () => this.#turnTo(this.#followedBy ?? ''));
    this.#turnTo('');
    setInterval(() => this.#refresh(), EACH_MS);
  }

  #columns(): Column<SeenConnection>[] {
    return [
      { title: 'Peer', text: true, cell: ({ peer }) => peer || 'gone' },
      { title: 'Listener', text: true, cell: ({ listener }) => listener },
      { title: 'Age', cell: ({ ageMs }) => duration(ageMs) },
      { title: 'In', cell: ({ bytesIn }) => bytes(bytesIn) },
      { title: 'Out', cell: ({ bytesOut }) => bytes(bytesOut) },
      {
        ...{ title: 'Backlog', hint: 'Output that the peer has not taken' },
        cell: ({ backlogBytes }) => bytes(backlogBytes),
        tone: ({ backlogBytes }) => (backlogBytes > 0 ? 'warn' : ''),
      },
      {
        ...{ title: 'Held', hint: 'Input that the guest has not used' },
        cell: ({ heldBytes }) => bytes(heldBytes),
      },
      { title: 'State', text: true, cell: ({ state }) => state },
      { title: 'Waits for', text: true, cell: ({ waiting }) => waiting ?? '' },
      { title: 'Worker', cell: ({ worker }) => String(worker) },
      { title: 'Id', cell: ({ id }) => String(id) },
      {
        ...{ title: 'For', hint: 'The client for which the guest has opened it, by its id' },
        cell: ({ parent }) => (typeof parent === 'number' ? String(parent) : ''),
      },
      { title: '', cell: () => '', extra: (row) => this.#button(row) },
    ];
  }

  #button(row: SeenConnection): Shown<SeenConnection> {
    const element = make('button', 'small', 'Close');
    element.type = 'button';
    element.setAttribute('aria-label', `Close connection ${row.id}`);
    element.addEventListener('click', () => this.#actions.close(row.id, row.peer));
    return {
      element,
      update: () => {
        element.disabled = !this.#actions.allowed;
      },
    };
  }

  /** Shows those of another service. */
  of(service: string): void {
    if (service === this.#service) return;
    this.#service = service;
    this.#turnTo('');
  }

  #turnTo(after: string): void {
    this.#after = after;
    void this.#ask();
  }

  #refresh(): void {
    const busy = this.#body.matches(':hover, :focus-within') && this.#body.querySelector('button');
    if (!document.hidden && !busy) void this.#ask();
  }

  async #ask(): Promise<void> {
    if (this.#asking || this.#service === '') return;
    this.#asking = true;
    const [service, after] = [this.#service, this.#after];
    const query = { service, sort: this.#sort.value, limit: String(PAGE) };
    const answer = await ask<SeenConnections>(
      'connections',
      after === '' ? query : { ...query, after },
    );
    this.#asking = false;
    // Meanwhile another page was asked for.
    if (service !== this.#service || after !== this.#after) return this.#ask();
    if ('problem' in answer) write(byId('connections-note'), answer.problem);
    else this.#show(answer.value);
  }

  #show({ connections, next }: SeenConnections): void {
    this.#followedBy = next;
    this.#next.disabled = next === null;
    this.#first.disabled = this.#after === '';
    this.#table.show(connections, ({ id }) => id);
    write(
      byId('connections-note'),
      connections.length === 0 ? '' : `${count(connections.length)} shown`,
    );
  }
}
