// Clients: all that are shown, in the order in which they came. It knows their numbers, and not what they say.

import { byId, make, write } from '../../admin/page/dom.ts';
import { several } from '../../admin/view/figures.ts';
import type { Command, View } from '../bench/messages.ts';
import { Client, type Form } from './client.ts';

const BEFORE = 'Clients appear here. The first one connects when a module has started.';
const NONE = 'No client is connected.';

export class Clients {
  readonly #shown = new Map<number, Client>();
  readonly #connect = byId<HTMLButtonElement>('connect');
  readonly #form = byId<HTMLSelectElement>('view');
  readonly #empty = make('p', 'card blank', BEFORE);
  readonly #move: (client: Client, command: Command) => void;
  #numbers = 0;

  /**
   * @param connect somebody wants one more
   * @param move somebody has a client do something
   */
  constructor(connect: () => void, move: (client: Client, command: Command) => void) {
    this.#move = move;
    byId('clients').before(this.#empty);
    this.#connect.addEventListener('click', connect);
    this.#form.addEventListener('change', () => {
      for (const client of this.#shown.values()) client.look(this.#form.value as Form);
    });
    this.#tell();
  }

  get anyOpen(): boolean {
    return [...this.#shown.values()].some(({ over }) => !over);
  }

  /** @param mayConnect there is a guest that clients can connect to */
  allow(mayConnect: boolean): void {
    this.#connect.disabled = !mayConnect;
    if (mayConnect) write(this.#empty, NONE);
  }

  add(now: number): Client {
    this.#numbers += 1;
    const client = new Client({
      number: this.#numbers,
      form: this.#form.value as Form,
      ask: (command) => this.#move(client, command),
      remove: () => this.#remove(client),
    });
    this.#shown.set(client.number, client);
    byId('clients').append(client.element);
    client.say('connected', now);
    this.#tell();
    return client;
  }

  #remove(client: Client): void {
    this.#shown.delete(client.number);
    client.element.remove();
    this.#connect.focus();
    this.#tell();
    this.#move(client, { do: 'forget', client: client.number });
  }

  update({ now, clients, happenings }: View): void {
    for (const { client, text, at } of happenings) {
      if (client !== null) this.#shown.get(client)?.say(`trap: ${text}`, at, 'trap');
    }
    for (const view of clients) this.#shown.get(view.client)?.update(now, view);
    this.#tell();
  }

  /** The guest is gone, and no connection is left. */
  lose(): void {
    for (const client of this.#shown.values()) client.lose();
    this.#tell();
  }

  /** Another guest starts, and nobody is connected to it. */
  clear(): void {
    this.#shown.clear();
    byId('clients').replaceChildren();
    this.#numbers = 0;
    this.#tell();
  }

  #tell(): void {
    const { size } = this.#shown;
    const open = [...this.#shown.values()].filter(({ over }) => !over).length;
    this.#empty.hidden = size > 0;
    write(byId('clients-note'), size === 0 ? '' : `${open} of ${several(size, 'client')} open`);
  }
}
