// DOM: elements by name and by id, and rows that are used again. All text that comes from outside goes through
// here, as text: nothing on this page is ever read as HTML.

import { printable } from '../../text.ts';

/** Longer texts are cut; what is whole is in the log, and in /status. */
const LONGEST = 500;

/** The element of page.html with this id. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`page.html has no #${id}`);
  return found as Kind;
}

/** An element with a class, and with text or others in it. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = '',
  ...children: readonly (string | Node)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (className !== '') element.className = className;
  element.append(...children.map((child) => (typeof child === 'string' ? safe(child) : child)));
  return element;
}

/** Text from outside: what would turn or hide the text around it is escaped. */
export const safe = (text: string): string => printable(text, LONGEST);

/** Sets the text, unless it is that already: a selection stays. */
export function write(element: Element, text: string): void {
  const fit = safe(text);
  if (element.textContent !== fit) element.textContent = fit;
}

export function mark(element: HTMLElement, name: string, value: string): void {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** An element that shows an item, and later the same one as it is by then. */
export interface Shown<Item> {
  readonly element: Element;
  update(item: Item): void;
}

/** Elements, one for each item, in the order of the items; an item's element stays while its key does. */
export class Kept<Item> {
  readonly #parent: Element;
  readonly #make: (item: Item) => Shown<Item>;
  readonly #shown = new Map<string | number, Shown<Item>>();

  constructor(parent: Element, make: (item: Item) => Shown<Item>) {
    this.#parent = parent;
    this.#make = make;
  }

  show(items: readonly Item[], keyOf: (item: Item) => string | number): void {
    const gone = new Set(this.#shown.keys());
    let place = this.#parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      gone.delete(key);
      const shown = this.#shown.get(key) ?? this.#make(item);
      this.#shown.set(key, shown);
      shown.update(item);
      if (shown.element === place) place = place.nextElementSibling;
      else this.#parent.insertBefore(shown.element, place);
    }
    for (const key of gone) {
      this.#shown.get(key)?.element.remove();
      this.#shown.delete(key);
    }
  }
}
