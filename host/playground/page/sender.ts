// Sender: a line in which somebody types what a client sends, as text or in hexadecimal. It knows no connection.

import { make, write } from '../../admin/page/dom.ts';
import { fromHex } from './bytes.ts';

const ENDS: readonly (readonly [name: string, end: string])[] = [
  ['line \\n', '\n'],
  ['line \\r\\n', '\r\n'],
  ['text', ''],
  ['hex', ''],
];
const HEX = 'hex';
const utf8 = new TextEncoder();

export class Sender {
  readonly element: HTMLFormElement;
  readonly #input = make('input', 'field');
  readonly #form = make('select');
  readonly #send = make('button', '', 'Send');
  readonly #wrong = make('p', 'wrong');
  readonly #past: string[] = [];
  #place = 0;

  /** @param who names it for those who do not see it */
  constructor(who: string, send: (bytes: Uint8Array) => void) {
    this.#input.autocomplete = 'off';
    this.#input.spellcheck = false;
    this.#input.setAttribute('autocapitalize', 'none');
    this.#input.setAttribute('aria-label', `What ${who} sends`);
    this.#form.setAttribute('aria-label', `How ${who} sends it`);
    for (const [name] of ENDS) this.#form.append(make('option', '', name));
    this.#wrong.hidden = true;
    this.#wrong.setAttribute('role', 'alert');
    this.#send.setAttribute('aria-label', `Send as ${who}`);
    const row = make('div', 'row', this.#input, this.#form, this.#send);
    this.element = make('form', 'sender', row, this.#wrong);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(send);
    });
    this.#form.addEventListener('change', () => this.#changed());
    this.#input.addEventListener('input', () => this.#refuse(''));
    this.#input.addEventListener('keydown', (event) => this.#recall(event));
    this.#changed();
  }

  #changed(): void {
    this.#refuse('');
    this.#input.placeholder = this.#form.value === HEX ? '00 ff 0a' : 'text to send';
  }

  #submit(send: (bytes: Uint8Array) => void): void {
    const { value } = this.#input;
    const bytes = this.#bytesOf(value);
    if (bytes === null) {
      this.#refuse('Pairs of hexadecimal digits are wanted, such as 00 ff 0a.');
      return;
    }
    if (bytes.length === 0) return;
    if (value !== '' && this.#past.at(-1) !== value) this.#past.push(value);
    this.#place = this.#past.length;
    this.#input.value = '';
    send(bytes);
  }

  #bytesOf(text: string): Uint8Array | null {
    if (this.#form.value === HEX) return fromHex(text);
    const end = ENDS.find(([name]) => name === this.#form.value)?.[1] ?? '';
    return utf8.encode(text + end);
  }

  // As in a shell.
  #recall(event: KeyboardEvent): void {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined || this.#past.length === 0) return;
    event.preventDefault();
    this.#place = Math.max(0, Math.min(this.#past.length, this.#place + step));
    this.#input.value = this.#past[this.#place] ?? '';
  }

  #refuse(why: string): void {
    write(this.#wrong, why);
    this.#wrong.hidden = why === '';
    this.#input.setAttribute('aria-invalid', String(why !== ''));
  }

  allow(may: boolean): void {
    for (const element of [this.#input, this.#form, this.#send]) element.disabled = !may;
    this.element.hidden = !may;
  }

  focus(): void {
    this.#input.focus();
  }
}
