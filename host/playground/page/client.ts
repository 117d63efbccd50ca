// Client: one client as a card: what it has sent and received, the state block of its connection, and what it can be
// told to do. It knows no other client.

import { make, mark, write } from '../../admin/page/dom.ts';
import { bytes as inUnits } from '../../admin/view/figures.ts';
import type { ClientView, Command } from '../bench/messages.ts';
import { asHex, asText } from './bytes.ts';
import { Sender } from './sender.ts';
import { StateBlock } from './state-block.ts';
import { clock, span } from './times.ts';

/** How bytes are shown. */
export type Form = 'text' | 'hex';

interface Entry {
  readonly kind: 'sent' | 'received' | 'note' | 'trap';
  readonly at: number;
  /** Null for a note. */
  readonly bytes: Uint8Array | null;
  /** Of all bytes: only their beginning may be here. */
  readonly length: number;
  readonly text: string;
}

/** As many as are kept. */
const MOST_ENTRIES = 300;
const WAITING: Readonly<Record<string, string>> = {
  backlog: 'the guest waits until it reads',
  guest: 'the guest has paused it',
  more: 'the guest waits for more',
  requests: 'the guest waits for the store',
};
/** What a client sees of the server's end of the connection. */
const CHANGES: Readonly<Record<string, string>> = {
  ended: 'the server has finished',
  reset: 'the server has reset the connection',
  refused: 'the server has closed the connection before the guest heard of it',
};

export interface ClientOptions {
  readonly number: number;
  readonly form: Form;
  readonly ask: (command: Command) => void;
  readonly remove: () => void;
}

export class Client {
  readonly number: number;
  readonly element: HTMLElement;
  /** Its connection is over: it can only be removed. */
  over = false;
  readonly #options: ClientOptions;
  readonly #state = make('span', 'state');
  readonly #note = make('p', 'note');
  readonly #talk = make('ol', 'talk');
  readonly #empty = make('li', 'empty', 'Nothing was said yet.');
  readonly #block: StateBlock;
  readonly #sender: Sender;
  readonly #end = button('Finish', 'it sends no more, and goes on reading');
  readonly #reset = button('Reset', 'aborts the connection');
  readonly #reads = make('input');
  readonly #remove = button('Remove', '');
  readonly #entries: Entry[] = [];
  #form: Form;
  #last: Pick<ClientView, 'state' | 'reason'> = { state: 'open', reason: null };
  /** This end has reset the connection. */
  #aborted = false;

  constructor(options: ClientOptions) {
    const { number, form, ask } = options;
    this.#options = options;
    this.number = number;
    this.#form = form;
    this.#block = new StateBlock(`client ${number}`);
    this.#sender = new Sender(`client ${number}`, (bytes) =>
      ask({ do: 'send', client: number, bytes }),
    );
    this.#talk.tabIndex = 0;
    this.#talk.setAttribute('role', 'log');
    this.#talk.setAttribute('aria-label', `What client ${number} has sent and received`);
    this.#talk.append(this.#empty);
    this.element = make('article', 'card client', ...this.#head(), this.#talk);
    this.element.append(this.#sender.element, this.#block.element);
    this.element.setAttribute('aria-label', `Client ${number}`);
    this.#show('open', 'good');
    this.#listen(number, ask);
  }

  #head(): HTMLElement[] {
    this.#reads.type = 'checkbox';
    this.#reads.checked = true;
    this.#remove.hidden = true;
    const reads = make('label', 'check', this.#reads, ' reads');
    const title = make('h3', '', `Client ${this.number}`);
    const moves = make('span', 'moves', reads, this.#end, this.#reset, this.#remove);
    return [make('header', '', title, this.#state, moves), this.#note];
  }

  #listen(client: number, ask: ClientOptions['ask']): void {
    this.#end.addEventListener('click', () => {
      this.say('it has finished');
      ask({ do: 'end', client });
    });
    this.#reset.addEventListener('click', () => {
      this.#aborted = true;
      this.say('it has reset the connection');
      ask({ do: 'reset', client });
    });
    this.#reads.addEventListener('change', () =>
      ask({ do: 'read', client, reads: this.#reads.checked }),
    );
    this.#remove.addEventListener('click', () => this.#options.remove());
  }

  focus(): void {
    this.#sender.focus();
  }

  /** What is sent is shown when it is sent, with the time that it is. */
  sent(at: number, bytes: Uint8Array): void {
    this.#add({ kind: 'sent', at, bytes, length: bytes.length, text: '' });
  }

  say(text: string, at = this.#entries.at(-1)?.at ?? 0, kind: 'note' | 'trap' = 'note'): void {
    this.#add({ kind, at, text, bytes: null, length: 0 });
  }

  update(now: number, view: ClientView): void {
    for (const piece of view.received) this.#add({ kind: 'received', text: '', ...piece });
    this.#tellChanges(now, view);
    const { state, reason, finished, inspection } = view;
    this.over = reason !== null || state === 'refused';
    this.#sender.allow(!this.over && !finished);
    this.#end.disabled = finished;
    if (this.over) this.#close(reason === null ? 'refused' : `closed: ${reason}`, toneOf(reason));
    else if (finished) this.#show('has finished', 'warn');
    if (inspection === null || this.over) return;
    write(this.#note, noteOf(now, inspection));
    this.#block.update(inspection.state);
  }

  #tellChanges(now: number, { state, reason }: ClientView): void {
    const told = this.#last;
    this.#last = { state, reason };
    if (state !== told.state && !this.#aborted) {
      const text = CHANGES[state];
      if (text !== undefined) this.say(text, now);
    }
    if (reason !== null && told.reason === null)
      this.say(`closed, with the reason: ${reason}`, now);
  }

  /** The worker was ended, and the connection with it. */
  lose(): void {
    if (this.over) return;
    this.over = true;
    this.#sender.allow(false);
    this.#close('lost', 'bad');
    write(this.#note, 'lost with a guest that did not return');
  }

  #close(text: string, tone: string): void {
    this.#show(text, tone);
    this.#block.end();
    this.element.classList.add('over');
    for (const element of [this.#end, this.#reset, this.#reads.parentElement!]) {
      element.hidden = true;
    }
    this.#remove.hidden = false;
  }

  #show(text: string, tone: string): void {
    write(this.#state, text);
    mark(this.#state, 'tone', tone);
  }

  look(form: Form): void {
    this.#form = form;
    const shown = this.#entries.map((entry) => elementOf(entry, form));
    this.#talk.replaceChildren(...shown);
    this.#talk.scrollTop = this.#talk.scrollHeight;
  }

  #add(entry: Entry): void {
    this.#empty.remove();
    this.#entries.push(entry);
    this.#talk.append(elementOf(entry, this.#form));
    if (this.#entries.length > MOST_ENTRIES) {
      this.#entries.shift();
      this.#talk.firstElementChild?.remove();
    }
    this.#talk.scrollTop = this.#talk.scrollHeight;
  }
}

/** Peers and guests end connections; the host does so for a fault. */
const toneOf = (reason: string | null): string =>
  reason === 'PEER' || reason === 'GUEST' ? 'warn' : 'bad';

function noteOf(now: number, inspection: NonNullable<ClientView['inspection']>): string {
  const { timerAt, waiting, bytesIn, bytesOut, backlogBytes, heldBytes } = inspection;
  const said = [
    `${inUnits(bytesIn)} in, ${inUnits(bytesOut)} out`,
    timerAt === null ? '' : `timer in ${span(timerAt - now)}`,
    backlogBytes === 0 ? '' : `${inUnits(backlogBytes)} wait for it`,
    heldBytes === 0 ? '' : `${inUnits(heldBytes)} not taken`,
    waiting === null ? '' : WAITING[waiting]!,
  ];
  return said.filter((text) => text !== '').join(' · ');
}

function button(text: string, hint: string): HTMLButtonElement {
  const element = make('button', 'small', text);
  element.type = 'button';
  if (hint !== '') element.title = hint;
  return element;
}

const ARROWS = { sent: '→', received: '←', note: '·', trap: '!' } as const;
const SPOKEN = { sent: 'sent', received: 'received', note: '', trap: 'trap' } as const;

function elementOf(entry: Entry, form: Form): HTMLElement {
  const { bytes, text } = entry;
  const arrow = make('b', '', ARROWS[entry.kind]);
  arrow.setAttribute('aria-hidden', 'true');
  const spoken = make('span', 'hidden', SPOKEN[entry.kind]);
  const line = make('li', entry.kind, make('time', '', clock(entry.at)), arrow, spoken);
  const what = make('span', form === 'hex' && bytes !== null ? 'what hex' : 'what', text);
  if (bytes !== null) {
    what.append(form === 'hex' ? asHex(bytes) : asText(bytes));
    const rest = entry.length - bytes.length;
    if (rest > 0) what.append(make('i', 'unseen', ` … ${inUnits(rest)} more`));
  }
  line.append(what);
  return line;
}
