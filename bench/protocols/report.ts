// What the bench of protocols prints: each contender's figures, and their ratios to the reference of the same round.

import { median, ratios, spread } from '../report/statistics.ts';
import { markdownTable } from '../report/table.ts';
import type { Measured, Outcome } from './rounds.ts';
import type { Sample, Suite } from './suite.ts';

const micros = (samples: readonly Sample[]): string =>
  (median(samples.map(({ processorNs }) => processorNs)) / 1000).toFixed(2);

const thousands = (samples: readonly Sample[]): string =>
  (median(samples.map(({ rate }) => rate)) / 1000).toFixed(0);

function over(
  what: keyof Sample,
  samples: readonly Sample[],
  others: readonly Sample[],
): { readonly text: string; readonly median: number } {
  const of = (all: readonly Sample[]): number[] => all.map((sample) => sample[what]);
  const { median: middle, low, high } = spread(ratios(of(samples), of(others)));
  const text = `${middle.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
  return { text, median: middle };
}

export function reportOf(suite: Suite, { measured, missing, rounds }: Outcome): string {
  const [reference, ...others] = measured;
  const left = missing.map((line) => `left out: ${line}\n`).join('');
  if (reference === undefined || reference.title !== suite.contenders[0]!.title) {
    return `${left}${suite.name}: nothing to compare with\n`;
  }
  const tables = others.map((one) => tableOf(suite, one, reference));
  const goal = others[0] === undefined ? '' : goalOf(suite, others[0], reference);
  const head = `${suite.name}: medians of ${rounds} rounds, ratios with their quartiles\n\n`;
  return `${left}${head}${tables.join('\n')}\n${goal}`;
}

function tableOf(suite: Suite, one: Measured, reference: Measured): string {
  const head = [
    one.title,
    `µs of CPU a ${suite.unit}`,
    `÷ ${reference.title}`,
    `thousand ${suite.unit}s a second`,
    `÷ ${reference.title}`,
  ];
  const rows = suite.cases.map(({ title }, index) => {
    const [mine, theirs] = [one.cases[index]!, reference.cases[index]!];
    return [
      title,
      `${micros(mine)} : ${micros(theirs)}`,
      over('processorNs', mine, theirs).text,
      `${thousands(mine)} : ${thousands(theirs)}`,
      over('rate', mine, theirs).text,
    ];
  });
  return markdownTable(head, rows);
}

function goalOf(suite: Suite, one: Measured, reference: Measured): string {
  const lines = suite.cases.map(({ title }, index) => {
    const { median: times } = over('processorNs', one.cases[index]!, reference.cases[index]!);
    const met = times <= suite.mostTimes ? 'met' : 'missed';
    return `${met}: ${title}: ${times.toFixed(2)} times the CPU of ${reference.title}; at most ${suite.mostTimes}\n`;
  });
  return lines.join('');
}
