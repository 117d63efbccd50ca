// Modules: where one comes from: the list of the server that the page came from, a file that somebody chooses, or one
// that is dropped onto the page. It runs nothing.

import { byId, make } from '../../admin/page/dom.ts';
import type { Given } from '../bench/messages.ts';

/** A module of the server's list; see files.ts. */
interface Listed {
  readonly name: string;
  readonly path: string;
  readonly map: string | null;
  readonly bundled: boolean;
}

/** What is tried first with a bundled one. */
const HINTS: Readonly<Record<string, string>> = {
  echo: 'sends everything back',
  lines: 'sends each line back, once it is whole',
  chat: 'a room: connect two clients',
};

export type Picked = Omit<Given, 'config'>;

export class Modules {
  readonly #take: (picked: Picked) => void;
  readonly #fail: (why: string) => void;
  #buttons: HTMLButtonElement[] = [];

  /**
   * @param take is given what somebody has picked
   * @param fail is told why nothing was
   */
  constructor(take: (picked: Picked) => void, fail: (why: string) => void) {
    this.#take = take;
    this.#fail = fail;
    const file = byId<HTMLInputElement>('file');
    byId('choose').addEventListener('click', () => file.click());
    file.addEventListener('change', () => {
      void this.#files([...(file.files ?? [])]);
      // The same file may be chosen again: it may have been built anew.
      file.value = '';
    });
    this.#acceptDrops();
    void this.#list();
  }

  /** The one that is in use. */
  mark(name: string): void {
    for (const element of this.#buttons) {
      element.setAttribute('aria-pressed', String(element.dataset.name === name));
    }
  }

  async #list(): Promise<void> {
    try {
      const listed = (await (await fetched('modules.json')).json()) as Listed[];
      this.#buttons = listed.map((module) => this.#button(module));
      byId('modules').append(...this.#buttons.map((element) => make('li', '', element)));
    } catch (error) {
      this.#fail(
        `There is no list of modules: ${String(error)}. A file can be dropped all the same.`,
      );
    }
  }

  #button(module: Listed): HTMLButtonElement {
    const element = make('button', 'small', module.name);
    element.type = 'button';
    element.dataset.name = module.name;
    element.setAttribute('aria-pressed', 'false');
    const hint = module.bundled ? HINTS[module.name] : 'read from its file again';
    if (hint !== undefined) element.title = hint;
    element.addEventListener('click', () => void this.#fetch(module));
    return element;
  }

  async #fetch({ name, path, map }: Listed): Promise<void> {
    try {
      const bytes = new Uint8Array(await (await fetched(path)).arrayBuffer());
      const lines = map === null ? null : await textOrNull(map);
      this.#take({ name, bytes, map: lines });
    } catch (error) {
      this.#fail(`${name} cannot be read: ${String(error)}`);
    }
  }

  #acceptDrops(): void {
    const shade = byId('drop');
    const show = (shown: boolean) => (event: DragEvent) => {
      event.preventDefault();
      shade.hidden = !shown;
    };
    document.addEventListener('dragenter', show(true));
    document.addEventListener('dragover', show(true));
    document.addEventListener('dragleave', (event) => {
      // Of the window, and not of an element in it.
      if (event.relatedTarget === null) show(false)(event);
    });
    document.addEventListener('drop', (event) => {
      show(false)(event);
      void this.#files([...(event.dataTransfer?.files ?? [])]);
    });
  }

  async #files(files: readonly File[]): Promise<void> {
    if (files.length === 0) return;
    const module = files.find(({ name }) => !name.endsWith('.map'));
    if (module === undefined) {
      this.#fail('A source map alone is no module: drop both files together.');
      return;
    }
    const map = files.find(({ name }) => name.endsWith('.map'));
    const bytes = new Uint8Array(await module.arrayBuffer());
    const name = module.name.replace(/\.wasm$/, '');
    this.#take({ name, bytes, map: (await map?.text()) ?? null });
  }
}

/** Rejects when the server has nothing there. */
async function fetched(path: string): Promise<Response> {
  const response = await fetch(path);
  if (response.ok) return response;
  throw new Error((await response.text()).trim());
}

async function textOrNull(path: string): Promise<string | null> {
  const response = await fetch(path);
  return response.ok ? response.text() : null;
}
