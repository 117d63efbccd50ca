// State block: the bytes that the guest keeps for one connection, with those marked that the last change has changed.
// What they mean is the guest's.

import { make, write } from '../../admin/page/dom.ts';
import { bytes as inUnits, several } from '../../admin/view/figures.ts';
import { asHex } from './bytes.ts';

/** Of more, the beginning is shown. */
const DUMPED_BYTES = 4096;

export class StateBlock {
  readonly element: HTMLDetailsElement;
  readonly #note = make('span', 'note');
  readonly #dump = make('pre', 'dump');
  #bytes: Uint8Array | null = null;

  constructor(who: string) {
    const summary = make('summary', '', make('b', '', 'State block'), ' ', this.#note);
    this.#dump.tabIndex = 0;
    this.#dump.setAttribute('role', 'group');
    this.#dump.setAttribute('aria-label', `State block of ${who}`);
    this.element = make('details', 'block', summary, this.#dump);
    this.element.open = true;
    this.element.hidden = true;
  }

  update(state: Uint8Array): void {
    const before = this.#bytes;
    const changed = new Set<number>();
    if (before !== null && before.length === state.length) {
      for (const [at, byte] of state.entries()) if (byte !== before[at]) changed.add(at);
      // Marks stay until the next change.
      if (changed.size === 0) return;
    }
    this.#bytes = state;
    this.element.hidden = false;
    this.#dump.hidden = state.length === 0;
    const note = changed.size === 0 ? '' : `, ${several(changed.size, 'byte')} changed`;
    write(this.#note, state.length === 0 ? 'none' : `${inUnits(state.length)}${note}`);
    this.#dump.replaceChildren(asHex(state.subarray(0, DUMPED_BYTES), (at) => changed.has(at)));
    const rest = state.length - DUMPED_BYTES;
    if (rest > 0) this.#dump.append(`\n… ${inUnits(rest)} more`);
  }

  /** The connection is over, and the block with it. */
  end(): void {
    if (this.#bytes === null) return;
    write(this.#note, this.#bytes.length === 0 ? 'none' : 'as it was last');
  }
}
