// Terminal: the screen that is taken over for a while, and given back as it was. It knows escape sequences and
// keys, and not what is shown.

import { type Line, paint } from './paint.ts';

// xterm's, which every terminal of today has: the alternate screen, the cursor hidden, no wrapping.
const TAKE = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const GIVE_BACK = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';
const [DEFAULT_WIDTH, DEFAULT_HEIGHT] = [80, 24];

export class Terminal {
  readonly #output = process.stdout;
  readonly #input = process.stdin;
  // no-color.org: any value that is not empty.
  readonly #colours = (process.env.NO_COLOR ?? '') === '';
  readonly #restore = (): void => {
    this.#output.write(GIVE_BACK);
  };

  /** Takes the screen; `close` must follow. */
  constructor() {
    this.#output.write(TAKE);
    process.on('exit', this.#restore);
    if (this.#input.isTTY) this.#input.setRawMode(true);
  }

  get #width(): number {
    return this.#output.columns || DEFAULT_WIDTH;
  }

  get height(): number {
    return this.#output.rows || DEFAULT_HEIGHT;
  }

  /** Shows lines from the top, and one at the bottom. */
  draw(lines: readonly Line[], last: Line): void {
    const { height } = this;
    const shown = lines.slice(0, height - 1);
    const blank = Array.from({ length: height - 1 - shown.length }, (): Line => []);
    const painted = [...shown, ...blank, last].map(
      (line) => `${paint(line, this.#width, this.#colours)}${REST_OF_LINE}`,
    );
    // One write: a frame is never seen in parts.
    this.#output.write(`${HOME}${painted.join('\r\n')}${REST_OF_SCREEN}`);
  }

  onResize(handler: () => void): void {
    this.#output.on('resize', handler);
  }

  /** Each key by its character; those that send more than one are given one by one. */
  onKey(handler: (key: string) => void): void {
    this.#input.setEncoding('utf8');
    this.#input.on('data', (text: string) => {
      for (const key of text) handler(key);
    });
  }

  close(): void {
    process.off('exit', this.#restore);
    this.#restore();
    this.#output.removeAllListeners('resize');
    this.#input.removeAllListeners('data');
    if (this.#input.isTTY) this.#input.setRawMode(false);
    this.#input.pause();
    this.#input.unref?.();
  }
}
