// Actions: what an operator can have the server do. Each is confirmed first, and its result is told. It knows what
// is asked for, and not how it is done.

import { command } from './commands.ts';
import { byId, make, mark, write } from './dom.ts';

const CHOICES = ['info', 'debug', 'warn', 'error', 'silent'];
const REFUSED =
  'Only the Unix socket takes actions: whoever can open a TCP port could press these buttons.';

interface Plan {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly danger?: boolean;
  readonly path: string;
  readonly field?: Field;
  /** @param chosen what stands in the field; '' without one */
  readonly body: (chosen: string) => object;
  readonly done: (chosen: string) => string;
}

/** A choice among some, or any text without `choices`. */
interface Field {
  readonly label: string;
  readonly choices?: readonly string[];
}

export class Actions {
  /** Whether the socket behind this page takes actions at all. */
  readonly allowed = document.body.dataset.commands !== 'no';
  readonly #dialog = byId<HTMLDialogElement>('dialog');
  readonly #yes = byId<HTMLButtonElement>('dialog-yes');
  readonly #result = byId('result');
  readonly #buttons = ['swap', 'level', 'drain'].map((id) => byId<HTMLButtonElement>(id));
  #plan: Plan | null = null;
  #service = '';

  constructor() {
    const [swap, level, drain] = this.#buttons;
    swap!.addEventListener('click', () => this.#open(swapOf(this.#service)));
    level!.addEventListener('click', () => this.#open(levelPlan()));
    drain!.addEventListener('click', () => this.#open(drainOf(this.#service)));
    byId('dialog-no').addEventListener('click', () => this.#dialog.close('no'));
    this.#dialog.addEventListener('close', () => this.#decided());
    if (this.allowed) return;
    const reason = byId('refused');
    reason.hidden = false;
    write(reason, REFUSED);
    for (const button of this.#buttons) {
      button.disabled = true;
      button.setAttribute('aria-describedby', 'refused');
    }
  }

  /** Actions are for another service. */
  of(service: string): void {
    this.#service = service;
  }

  close(id: number, peer: string): void {
    this.#open(closeOf(this.#service, id, peer));
  }

  #open(plan: Plan): void {
    this.#plan = plan;
    write(byId('dialog-title'), plan.title);
    write(byId('dialog-text'), plan.text);
    byId('dialog-fields').replaceChildren(...fieldOf(plan));
    write(this.#yes, plan.yes);
    this.#yes.className = plan.danger === true ? 'danger' : 'main';
    this.#dialog.returnValue = 'no';
    this.#dialog.showModal();
  }

  #decided(): void {
    const plan = this.#plan;
    this.#plan = null;
    if (plan === null || this.#dialog.returnValue !== 'yes') return;
    void this.#perform(plan);
  }

  async #perform({ title, path, body, done }: Plan): Promise<void> {
    const field = byId('dialog-fields').querySelector<HTMLSelectElement | HTMLInputElement>(
      '.field',
    );
    const chosen = field?.value.trim() ?? '';
    this.#tell('busy', `${title.replace('?', '')}: asked, no answer yet.`);
    const answer = await command(path, body(chosen));
    if ('problem' in answer) this.#tell('bad', `Not done: ${answer.problem}`);
    else this.#tell('good', done(chosen));
  }

  #tell(state: string, text: string): void {
    this.#result.hidden = false;
    mark(this.#result, 'state', state);
    write(this.#result, text);
  }
}

function fieldOf({ field }: Plan): HTMLElement[] {
  if (field === undefined) return [];
  const { label, choices } = field;
  const element = choices === undefined ? make('input', 'field') : make('select', 'field');
  element.append(...(choices ?? []).map((choice) => make('option', '', choice)));
  return [make('label', '', `${label} `, element)];
}

const swapOf = (service: string): Plan => ({
  title: 'Swap the module?',
  text:
    `Another module takes over the connections of ${service}, with their state. If it does not ` +
    'start, nothing changes. With nothing below, the module that serves is read again.',
  yes: 'Swap',
  path: 'swap',
  field: { label: 'Bundled name, or path on the server' },
  body: (protocol) => (protocol === '' ? { service } : { service, protocol }),
  done: () => `${service} is swapped: all connections have the new module.`,
});

const levelPlan = (): Plan => ({
  title: 'Change the log level?',
  text: 'It holds until the process ends, for its whole log.',
  yes: 'Change it',
  path: 'log-level',
  field: { label: 'Level', choices: CHOICES },
  body: (level) => ({ level }),
  done: (level) => `The log level is ${level}.`,
});

const drainOf = (service: string): Plan => ({
  title: 'Drain the service?',
  text:
    `${service} stops listening, and closes each connection once it is quiet. ` +
    'This cannot be taken back. When the last service has drained, the process ends.',
  yes: 'Drain',
  danger: true,
  path: 'drain',
  body: () => ({ service }),
  done: () => `${service} drains.`,
});

const AT_ONCE = 'at once';

const closeOf = (service: string, id: number, peer: string): Plan => ({
  title: 'Close a connection?',
  text: `Connection ${id} of ${peer || 'a peer that is gone'} is ended.`,
  yes: 'Close it',
  danger: true,
  path: `connections/${id}/close`,
  field: { label: 'When', choices: ['when the peer has taken its output', AT_ONCE] },
  body: (when) => ({ service, abort: when === AT_ONCE }),
  done: () => `Connection ${id} is being closed.`,
});
