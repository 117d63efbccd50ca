// What every part of the growth gets and gives. A part measures one thing as it grows.

import type { Load } from '../load/measure.ts';
import type { Present } from '../peers/contenders.ts';

export const OURS = ['wasmpoll-0', 'wasmpoll-1'];

export interface Setting {
  /** The reference and ours. */
  readonly present: readonly Present[];
  readonly load: Load;
  readonly pin: readonly string[];
  readonly rounds: number;
  readonly loadCore: number | null;
  readonly progress: (text: string) => void;
}

export interface Section {
  readonly title: string;
  /** In Markdown. */
  readonly table: string;
  /** What must not be, in a line each. */
  readonly failures?: readonly string[];
}

export interface Part {
  /** As --only takes it. */
  readonly name: string;
  measure(setting: Setting): Promise<Section[]>;
}
