// Table: rows of figures under headings, the first cell of a row being its name. It knows nothing of what the
// figures mean.

import { Kept, make, mark, type Shown, write } from './dom.ts';

export interface Column<Item> {
  readonly title: string;
  /** Text is on the left; figures are on the right. */
  readonly text?: boolean;
  readonly cell: (item: Item) => string;
  /** What a screen reader and the pointer are told besides. */
  readonly hint?: string;
  /** Has the cell shown as something to look at. */
  readonly tone?: (item: Item) => string;
  /** What stands in the cell before its text, and is kept up to date by itself. */
  readonly extra?: (item: Item) => Shown<Item>;
}

export class Table<Item> {
  readonly #columns: readonly Column<Item>[];
  readonly #rows: Kept<Item>;
  readonly #empty: HTMLElement;

  /** @param empty what it says when there is nothing to show */
  constructor(table: HTMLElement, columns: readonly Column<Item>[], empty: string) {
    this.#columns = columns;
    const heads = columns.map(({ title, text, hint }) => {
      const head = make('th', text === true ? 'text' : '', title);
      head.scope = 'col';
      if (hint !== undefined) head.title = hint;
      return head;
    });
    const body = make('tbody');
    table.append(make('thead', '', make('tr', '', ...heads)), body);
    this.#empty = make('p', 'empty', empty);
    table.after(this.#empty);
    this.#rows = new Kept(body, (item) => this.#make(item));
  }

  #make(first: Item): Shown<Item> {
    const cells = this.#columns.map((column, index) => cellOf(column, index === 0, first));
    return {
      element: make('tr', '', ...cells.map(({ element }) => element)),
      update: (item) => {
        for (const cell of cells) cell.update(item);
      },
    };
  }

  show(items: readonly Item[], keyOf: (item: Item) => string | number, empty?: string): void {
    this.#empty.hidden = items.length > 0;
    if (empty !== undefined) write(this.#empty, empty);
    this.#rows.show(items, keyOf);
  }
}

function cellOf<Item>(column: Column<Item>, isName: boolean, first: Item): Shown<Item> {
  const { cell, tone, text = false } = column;
  const element = make(isName ? 'th' : 'td', text ? 'text' : '');
  if (isName) element.scope = 'row';
  const extra = column.extra?.(first);
  if (extra !== undefined) element.append(extra.element);
  const place = extra === undefined ? element : element.appendChild(make('span'));
  return {
    element,
    update: (item) => {
      const shown = cell(item);
      write(place, shown);
      if (text && element.title !== place.textContent) element.title = place.textContent;
      if (tone !== undefined) mark(place, 'tone', tone(item));
      extra?.update(item);
    },
  };
}
