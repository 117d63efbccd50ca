// Paint: lines of text with styles, as wide as a terminal shows them. All text from outside passes here, and what
// a terminal would obey is escaped.

import { printable } from '../../text.ts';

export type Style = 'plain' | 'quiet' | 'strong' | 'good' | 'warn' | 'bad';

export interface Piece {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Piece[];

/** SGR, ECMA-48: the first 8 colours, which every terminal has and its owner has chosen. */
const CODES: Readonly<Record<Style, string>> = {
  ...{ plain: '', quiet: '2', strong: '1', good: '32', warn: '33', bad: '31;1' },
};

/** No text needs more; a column is cut earlier. */
const LONGEST = 200;

export const piece = (text: string, style: Style = 'plain'): Piece => ({
  text: printable(text, LONGEST),
  style,
});

// Unicode's East Asian Width W and F, roughly: what a terminal gives two cells.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NONE = /\p{M}/u;

const cellsOf = (character: string): number =>
  WIDE.test(character) ? 2 : NONE.test(character) ? 0 : 1;

/** How many cells of a terminal a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

/** The text in at most so many cells, with `…` where it is cut. */
export function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let [shown, left] = ['', width - 1];
  for (const character of text) {
    left -= cellsOf(character);
    if (left < 0) break;
    shown += character;
  }
  return width < 1 ? '' : `${shown}…`;
}

/** A line as the terminal gets it, cut at `width`. */
export function paint(line: Line, width: number, colours: boolean): string {
  let [painted, left] = ['', width];
  for (const { text, style } of line) {
    const shown = shorten(text, left);
    left -= widthOf(shown);
    const code = colours && shown !== '' ? CODES[style] : '';
    painted += code === '' ? shown : `\x1b[${code}m${shown}\x1b[0m`;
    if (shown !== text) break;
  }
  return painted.replace(/ +$/, '');
}

export interface TextColumn<Item> {
  readonly title: string;
  /** Text is on the left and cut here; figures are on the right. */
  readonly longest?: number;
  readonly cell: (item: Item) => string;
  readonly style?: (item: Item) => Style;
}

/** Rows under headings; each column is as wide as its widest cell. */
export function tableOf<Item>(
  columns: readonly TextColumn<Item>[],
  items: readonly Item[],
): Line[] {
  const cells = items.map((item) =>
    columns.map(({ cell, longest = LONGEST }) => shorten(printable(cell(item), LONGEST), longest)),
  );
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => widthOf(row[at]!))),
  );
  const padded = (text: string, at: number): string => {
    const space = ' '.repeat(widths[at]! - widthOf(text));
    return columns[at]!.longest === undefined ? `${space}${text}  ` : `${text}${space}  `;
  };
  const head = columns.map(({ title }, at): Piece => ({ text: padded(title, at), style: 'quiet' }));
  const rows = items.map((item, row) =>
    columns.map(({ style }, at): Piece => {
      return { text: padded(cells[row]![at]!, at), style: style?.(item) ?? 'plain' };
    }),
  );
  return [head, ...rows];
}
