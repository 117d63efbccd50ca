// What wasmpoll wants to reach, and whether it did: the median of the rounds' ratios decides.

import type { CaseResult } from '../campaign/campaign.ts';
import { type Case, cases } from '../campaign/cases.ts';
import { processorNs, type Sample, throughput } from '../load/measure.ts';
import { REFERENCE } from '../peers/contenders.ts';
import type { Spread } from './statistics.ts';
import { compare } from './summary.ts';
import type { Table } from './table.ts';
import { spreadText } from './text.ts';

const OURS = ['wasmpoll-0', 'wasmpoll-1'] as const;
const NODE = ['node-pipe', 'node-write'] as const;
const AHEAD_OF = ['bun', 'go', 'uvloop'] as const;

/** Throughput over Node's net, by case. */
const OVER_NODE: Readonly<Record<string, number>> = {
  '50x64B': 1.7,
  '50x64B-d16': 1.7,
  '1x64B': 1.7,
  '10000x64B': 1.7,
  '200x16K': 2.2,
};

export interface Judgement {
  readonly case: Case;
  readonly contender: string;
  readonly over: string;
  readonly what: 'processor' | 'throughput';
  /** At most this for processor time, at least this for throughput. */
  readonly wanted: number;
  readonly ratio: Spread;
  /** Null when one of both was not measured. */
  readonly met: boolean | null;
}

/** Every target of the cases that were measured. */
export function judge(results: readonly CaseResult[]): Judgement[] {
  return results.flatMap((result) => {
    const what = cases.find(({ name }) => name === result.name)!;
    return OURS.flatMap((contender) => {
      const against = (over: string, kind: Judgement['what'], wanted: number): Judgement =>
        judgement(result, { case: what, contender, over, what: kind, wanted });
      const { target } = what;
      const limit = target
        ? [
            against(REFERENCE, 'processor', target.processor),
            against(REFERENCE, 'throughput', target.throughput),
          ]
        : [];
      const overNode = OVER_NODE[what.name];
      const node =
        overNode === undefined ? [] : NODE.map((peer) => against(peer, 'throughput', overNode));
      const ahead =
        what.guest === undefined ? AHEAD_OF.map((peer) => against(peer, 'processor', 1)) : [];
      return [...limit, ...node, ...ahead];
    });
  });
}

type Asked = Omit<Judgement, 'ratio' | 'met'>;

function judgement(result: CaseResult, asked: Asked): Judgement {
  const value: (sample: Sample) => number = asked.what === 'processor' ? processorNs : throughput;
  const ratio = compare(result, asked.contender, asked.over, value);
  const { median } = ratio;
  const reached = asked.what === 'processor' ? median <= asked.wanted : median >= asked.wanted;
  return { ...asked, ratio, met: Number.isNaN(median) ? null : reached };
}

const cell = ({ ratio, met }: Judgement): string =>
  met === null ? '—' : `${spreadText(ratio)} ${met ? 'pass' : 'MISS'}`;

/** One row for each case and kind of target, one column for each of wasmpoll's modes and the others. */
function targetTable(
  judgements: readonly Judgement[],
  others: readonly string[],
  table: Table,
): string {
  const some = judgements.filter(({ over }) => others.includes(over));
  const keys = [...new Set(some.map((each) => `${each.case.name} ${each.what}`))];
  const columns = OURS.flatMap((contender) => others.map((over) => ({ contender, over })));
  const rows = keys.map((key) => {
    const [name, what] = key.split(' ');
    const row = some.filter((each) => each.case.name === name && each.what === what);
    const { wanted, case: which } = row[0]!;
    const asked = what === 'processor' ? `CPU ≤ ${wanted}` : `throughput ≥ ${wanted}`;
    const cells = columns.map(({ contender, over }) => {
      const found = row.find((each) => each.contender === contender && each.over === over);
      return found === undefined ? '—' : cell(found);
    });
    return [which.title, asked, ...cells];
  });
  const many = others.length > 1;
  const head = columns.map(({ contender, over }) => (many ? `${contender} / ${over}` : contender));
  return table(['case', 'target', ...head], rows);
}

/** Against C, against Node's net, and against the others. */
export function targetTables(
  results: readonly CaseResult[],
  table: Table,
): {
  readonly reference: string;
  readonly node: string;
  readonly others: string;
  /** `17 of 20 targets are met` */
  readonly verdict: string;
} {
  const judgements = judge(results);
  const judged = judgements.filter(({ met }) => met !== null);
  const met = judged.filter((each) => each.met);
  return {
    reference: targetTable(judgements, [REFERENCE], table),
    node: targetTable(judgements, NODE, table),
    others: targetTable(judgements, AHEAD_OF, table),
    verdict: `${met.length} of ${judged.length} targets are met`,
  };
}
