// What the ruler prints: each case's cost in each build, and the ratios. Nothing is measured.

import { ratios, type Spread, spread } from '../report/statistics.ts';
import { textTable } from '../report/table.ts';

export interface Measured {
  readonly title: string;
  /** This build first; then those it is compared with. */
  readonly builds: readonly {
    readonly title: string;
    /** Of a message, round by round. */
    readonly nanoseconds: readonly number[];
  }[];
}

const text = ({ median, low, high }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;

/** Medians and quartiles. A ratio is this build over the other one in the same round. */
export function hostCostTable(cases: readonly Measured[]): string {
  const rows = cases.flatMap(({ title, builds }) =>
    builds.map(({ title: build, nanoseconds }, index) => {
      const cost = text(spread(nanoseconds), 1);
      if (index === 0) return [title, cost, ''];
      const relative = text(spread(ratios(builds[0]!.nanoseconds, nanoseconds)), 3);
      return [`  ${build}`, cost, relative];
    }),
  );
  const compared = cases.some(({ builds }) => builds.length > 1);
  const head = ['', 'ns/message (quartiles)', 'this build ÷ that one (quartiles)'];
  return compared ? textTable(head, rows) : textTable(head.slice(0, 2), rows);
}
