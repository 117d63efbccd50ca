// Chart: lines or bars over the last ten minutes, drawn as SVG. A gap in the values is a gap in the line. It
// knows figures and their form, and not what they are of.

import { areaOf, barsOf, HEIGHT, highest, lineOf } from '../view/paths.ts';
import { SLOT_MS, SLOTS } from '../view/series.ts';
import { make, write } from './dom.ts';

const SVG = 'http://www.w3.org/2000/svg';

export interface Line {
  readonly name: string;
  readonly values: Float64Array;
}

export interface Form {
  readonly title: string;
  readonly show: (value: number) => string;
  readonly bars?: boolean;
}

function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>>,
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** A small line without figures, for a cell of a table. */
export class Spark {
  readonly element = svg('svg', {
    class: 'spark',
    viewBox: `0 0 ${SLOTS - 1} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  readonly #path = svg('path', { class: 'line one' });

  constructor() {
    this.element.append(this.#path);
  }

  draw(values: Float64Array): void {
    this.#path.setAttribute('d', lineOf(values, highest([values]) || 1));
  }
}

/** The first line of a chart, and the second. */
export const CLASSES = ['one', 'two'];

export class Chart {
  readonly element: HTMLElement;
  readonly #form: Form;
  readonly #svg = svg('svg', {
    viewBox: `0 0 ${SLOTS - 1} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    role: 'img',
  });
  readonly #area = svg('path', { class: 'area' });
  readonly #paths = CLASSES.map((name) => svg('path', { class: `line ${name}` }));
  readonly #cursor = svg('path', { class: 'cursor' });
  readonly #left = make('span');
  readonly #right = make('span', '', '10 min');
  #lines: readonly Line[] = [];
  #time = 0;
  /** The slot under the pointer. */
  #at: number | null = null;

  constructor(form: Form) {
    this.#form = form;
    // Two-minute lines: 30 slots of four seconds.
    const grid = Array.from({ length: 4 }, (_, index) => `M${(index + 1) * 30 - 1} 0V${HEIGHT}`);
    const back = svg('path', { class: 'grid', d: grid.join('') });
    this.#svg.append(back, this.#area, ...this.#paths, this.#cursor);
    if (form.bars === true) this.#svg.classList.add('bars');
    this.element = make('div', 'chart', this.#svg, make('p', 'foot', this.#left, this.#right));
    this.#svg.addEventListener('pointermove', (event) => this.#point(event));
    this.#svg.addEventListener('pointerleave', () => {
      this.#at = null;
      this.#tell();
    });
  }

  #point({ clientX }: PointerEvent): void {
    const { left, width } = this.#svg.getBoundingClientRect();
    const slot = Math.round(((clientX - left) / width) * (SLOTS - 1));
    this.#at = Math.min(SLOTS - 1, Math.max(0, slot));
    this.#tell();
  }

  draw(lines: readonly Line[], time: number): void {
    this.#lines = lines;
    this.#time = time;
    const all = lines.map(({ values }) => values);
    if (this.#form.bars === true) this.#drawBars(all);
    else this.#drawLines(all);
    this.#tell();
  }

  // The second kind stands on the first: of one moment both are seen.
  #drawBars([one, two]: readonly Float64Array[]): void {
    if (one === undefined || two === undefined) return;
    const top = highest([one.map((value, index) => value + (two[index] || 0))]) || 1;
    this.#paths[0]!.setAttribute('d', barsOf(one, null, top));
    this.#paths[1]!.setAttribute('d', barsOf(two, one, top));
  }

  #drawLines(lines: readonly Float64Array[]): void {
    const top = highest(lines) || 1;
    for (const [index, values] of lines.entries()) {
      this.#paths[index]?.setAttribute('d', lineOf(values, top));
    }
    if (lines.length === 1) this.#area.setAttribute('d', areaOf(lines[0]!, top));
  }

  #tell(): void {
    const peak = highest(this.#lines.map(({ values }) => values));
    const { title, show } = this.#form;
    const told = peak === null ? 'no figures yet' : `peak ${show(peak)}`;
    this.#svg.setAttribute('aria-label', `${title} over the last ten minutes: ${told}`);
    this.#cursor.setAttribute('d', this.#at === null ? '' : `M${this.#at} 0V${HEIGHT}`);
    write(this.#left, this.#at === null ? told : this.#valuesAt(this.#at));
    write(this.#right, this.#at === null ? '10 min' : this.#timeOf(this.#at));
  }

  #valuesAt(slot: number): string {
    const values = this.#lines.map(({ name, values }) => {
      const value = values[slot] ?? Number.NaN;
      const text = Number.isNaN(value) ? '–' : this.#form.show(value);
      return this.#lines.length > 1 ? `${name} ${text}` : text;
    });
    return values.join(', ');
  }

  #timeOf(slot: number): string {
    const start = (Math.floor(this.#time / SLOT_MS) - SLOTS + 1 + slot) * SLOT_MS;
    return new Date(start).toLocaleTimeString([], { hour12: false });
  }
}
