// Log: the last lines, as text, with a level from which on they are shown. It follows the end unless somebody has
// scrolled up or paused it.

import { byId, make, safe, write } from './dom.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'];
/** As many lines as are kept here. */
const KEPT = 500;

interface LogLine {
  readonly level: string;
  readonly time: number;
  readonly message: string;
  readonly fields: object;
}

export class Log {
  readonly #list = byId('log');
  readonly #level = byId<HTMLSelectElement>('log-level');
  readonly #pause = byId<HTMLButtonElement>('pause');
  readonly #empty = make('li', 'empty', 'No line has come yet.');
  /** Lines that wait to be shown. */
  #waiting: LogLine[] = [];
  #lines = 0;
  #reopened = false;
  #planned = false;

  constructor() {
    this.#list.append(this.#empty);
    this.#level.addEventListener('change', () => this.#filter());
    this.#pause.addEventListener('click', () => {
      const paused = this.#pause.getAttribute('aria-pressed') !== 'true';
      this.#pause.setAttribute('aria-pressed', String(paused));
      write(this.#pause, paused ? 'Go on' : 'Pause');
      this.#plan();
    });
    this.#filter();
  }

  get #paused(): boolean {
    return this.#pause.getAttribute('aria-pressed') === 'true';
  }

  #filter(): void {
    this.#list.dataset.from = this.#level.value;
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** Another connection: the lines that the server has kept come again. */
  opened(): void {
    this.#reopened = this.#lines > 0 || this.#waiting.length > 0;
  }

  take(data: string): void {
    const line = JSON.parse(data) as LogLine;
    if (this.#reopened) this.#forgetFrom(line.time);
    this.#reopened = false;
    this.#waiting.push(line);
    if (this.#waiting.length > KEPT) this.#waiting.shift();
    this.#plan();
  }

  #forgetFrom(time: number): void {
    this.#waiting = this.#waiting.filter((line) => line.time < time);
    for (const shown of [...this.#list.querySelectorAll<HTMLElement>('li[data-time]')]) {
      if (Number(shown.dataset.time) < time) continue;
      shown.remove();
      this.#lines -= 1;
    }
  }

  // Many lines of one moment are one change of the page.
  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    setTimeout(() => {
      this.#planned = false;
      this.#show();
    }, 100);
  }

  #show(): void {
    const note = this.#paused ? `paused, ${this.#waiting.length} lines wait` : '';
    write(byId('log-note'), note);
    if (this.#paused) return;
    const list = this.#list;
    const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const lines = this.#waiting.splice(0).map(elementOf);
    this.#lines += lines.length;
    list.append(...lines);
    for (; this.#lines > KEPT; this.#lines -= 1) list.querySelector('li[data-time]')?.remove();
    this.#empty.hidden = this.#lines > 0;
    if (follows) list.scrollTop = list.scrollHeight;
  }
}

function elementOf({ level, time, message, fields }: LogLine): HTMLElement {
  const known = LEVELS.includes(level) ? level : 'info';
  const when = make('time', '', clock(time));
  const line = make('li', known, when, ' ', make('b', '', known), ' ', make('span', '', message));
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${textOf(value)}`);
  if (rest.length > 0) line.append(make('i', '', rest.join('')));
  line.dataset.time = String(time);
  return line;
}

const textOf = (value: unknown): string =>
  safe(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

function clock(time: number): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}
