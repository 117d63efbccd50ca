// Guest: the head of the page: which module there is, whether it runs, and what was last said of it.

import { byId, mark, write } from '../../admin/page/dom.ts';
import { bytes as inUnits } from '../../admin/view/figures.ts';
import type { Given } from '../bench/messages.ts';

/** So many hex digits tell modules apart. */
const HASH_DIGITS = 12;

export type Condition = 'running' | 'refused' | 'ended';

export class Guest {
  readonly #restart = byId<HTMLButtonElement>('restart');

  constructor(restart: () => void) {
    this.#restart.addEventListener('click', restart);
  }

  get config(): string {
    return byId<HTMLInputElement>('config').value;
  }

  get keepsConnections(): boolean {
    return byId<HTMLInputElement>('keep').checked;
  }

  async show({ name, bytes }: Given, swaps: number): Promise<void> {
    write(byId('name'), name);
    document.title = `${name} – wasmpoll playground`;
    this.#restart.disabled = false;
    const hash = await hashOf(bytes);
    const swapped =
      swaps === 0 ? '' : `, taken over from another ${swaps === 1 ? 'once' : `${swaps} times`}`;
    write(byId('module'), `${inUnits(bytes.length)}${hash}${swapped}`);
  }

  condition(condition: Condition): void {
    write(byId('state'), condition);
    mark(byId('state'), 'state', condition === 'running' ? 'serving' : 'closed');
  }

  /** One line, which is read out. */
  tell(state: 'good' | 'bad', text: string): void {
    const result = byId('result');
    result.hidden = false;
    mark(result, 'state', state);
    write(result, text);
  }

  quiet(): void {
    byId('result').hidden = true;
  }
}

// Pages that did not come from this machine or by TLS have no crypto.subtle.
async function hashOf(bytes: Uint8Array): Promise<string> {
  if (crypto.subtle === undefined) return '';
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `, sha256 ${hex.slice(0, HASH_DIGITS)}`;
}
