// What was measured, as text: tables for the terminal, and RESULTS.md.

import { type CaseResult, MISSING } from '../campaign/campaign.ts';
import { cases } from '../campaign/cases.ts';
import type { Results } from '../campaign/results.ts';
import type { Opinion } from '../load/redis.ts';
import { contenders, REFERENCE } from '../peers/contenders.ts';
import { median, ratios, spread } from './statistics.ts';
import { type Summary, summarize } from './summary.ts';
import { markdownTable, type Table, textTable } from './table.ts';
import { targetTables } from './targets.ts';
import { count, micros, percent, ratio, spreadText } from './text.ts';

export const titleOf = (name: string): string =>
  contenders.find((contender) => contender.name === name)!.title;

const caseTitle = (name: string): string => cases.find((each) => each.name === name)!.title;

const HEAD = [
  'contender',
  'messages/s',
  '× C (quartiles)',
  'CPU ns/message',
  'user + system',
  '× C (quartiles)',
  'busy: server, load, others',
  'p50 µs (× C)',
  'p99',
  'p99.9',
];

function row(summary: Summary): string[] {
  const title = titleOf(summary.contender);
  if (summary.failure !== null) {
    const word = summary.failure === MISSING ? MISSING : 'failed';
    return [title, word, ...HEAD.slice(2).map(() => '—')];
  }
  const { processorNs, userShare, latencyUs, latencyRatio } = summary;
  const user = processorNs * userShare;
  return [
    title,
    count(summary.throughput),
    spreadText(summary.throughputRatio),
    count(processorNs),
    Number.isNaN(user) ? '—' : `${count(user)} + ${count(processorNs - user)}`,
    spreadText(summary.processorRatio),
    [summary.serverBusy, summary.loadBusy, summary.foreign].map(percent).join(', '),
    ...['50', '99', '99.9'].map(
      (part) => `${micros(latencyUs[part]!)} (${ratio(latencyRatio[part]!)})`,
    ),
  ];
}

function caseSection(result: CaseResult, table: Table): string {
  const summaries = summarize(result);
  const failures = summaries
    .filter(({ failure }) => failure !== null && failure !== MISSING)
    .map(({ contender, failure }) => `${titleOf(contender)} failed: ${failure}\n`);
  return [table(HEAD, summaries.map(row)), ...failures].join('\n');
}

/** One case for the terminal. */
export const caseText = (result: CaseResult): string =>
  `\n${caseTitle(result.name)}\n${caseSection(result, textTable)}`;

export function callsTable({ calls }: Results, table: Table = markdownTable): string {
  const rows = calls!.map(({ contender, perMessage }) => [
    titleOf(contender),
    ...[perMessage.receive, perMessage.send, perMessage.wait, perMessage.other].map((value) =>
      value.toFixed(3),
    ),
  ]);
  return table(['contender', 'receive', 'send', 'wait', 'other'], rows);
}

export function idleTable({ idle }: Results, table: Table = markdownTable): string {
  const rows = idle!.map(({ contender, bytes }) => {
    const each = spread(bytes);
    return [titleOf(contender), count(each.median), `${count(each.low)}–${count(each.high)}`];
  });
  return table(['contender', 'bytes a connection', 'quartiles'], rows);
}

/** Both clients' ratios of each contender to C, which must agree if the own one is right. */
export function opinionTable({ opinions }: Results, table: Table = markdownTable): string {
  const ofReference = ({ depth }: Opinion): Opinion =>
    opinions!.find((each) => each.depth === depth && each.contender === REFERENCE)!;
  const values = ['throughput', 'processorNs'] as const;
  const rows = opinions!.map((opinion) => {
    const reference = ofReference(opinion);
    const cells = (['own', 'redis'] as const).flatMap((client) =>
      values.flatMap((value) => {
        const [runs, others] = [opinion[client], reference[client]].map((list) =>
          list.map((run) => run[value]),
        );
        return [count(median(runs!)), spreadText(spread(ratios(runs!, others!)))];
      }),
    );
    return [`${titleOf(opinion.contender)}, depth ${opinion.depth}`, ...cells];
  });
  const columns = ['load.c', 'redis-benchmark'].flatMap((client) => [
    `${client}: messages/s`,
    '× C',
    'CPU ns/message',
    '× C',
  ]);
  return table(['contender', ...columns], rows);
}

/** bench/RESULTS.md. */
export function resultsMarkdown(results: Results): string {
  const targets = targetTables(results.cases, markdownTable);
  const versions = results.versions.map(({ contender, version }) => [titleOf(contender), version]);
  const parts = [
    '# Results',
    `${results.machine}${results.unpinned === null ? '; server and load pinned to a core each' : `; not pinned: ${results.unpinned}`}.`,
    `${results.date}, by \`${results.command}\`: ${results.rounds} rounds of ${results.seconds} s. How it is measured: [docs/performance.md](../docs/performance.md).`,
    "Ratios are to the C reference in the same round: their median, and the quartiles. CPU is the processor time of the whole server process, all threads and the kernel on their behalf. *busy* is how much of its core the server had, the load generator of its own, and others of one of both: where the load has about 100 %, it is what limits throughput; where others had much, the machine was not quiet. Latencies are medians of the rounds' percentiles.",
    markdownTable(['contender', 'version'], versions).replace('---:', '---'),
    `## Targets\n\n${targets.verdict}. Against C:`,
    targets.reference,
    "Throughput over Node's `net`:",
    targets.node,
    'Processor time over that of Bun, Go and uvloop (below 1 is ahead):',
    targets.others,
    ...results.cases.map(
      (result) => `## ${caseTitle(result.name)}\n\n${caseSection(result, markdownTable)}`,
    ),
    '## System calls a message\n\n50 × 64 B under `strace -c -f`, which slows servers down, so that they find more ready at each wait.',
    results.calls === null ? `Not counted: ${results.notCounted}.` : callsTable(results),
    "## Memory of an idle connection\n\nGrowth of the resident set from 1,000 to 10,000 connections, each of which has had one message echoed. The kernel's socket buffers are not in it.",
    results.idle === null ? 'Not measured.' : idleTable(results),
    '## A second opinion on the load generator\n\n50 × 64 B by bench/load/load.c, and by redis-benchmark.',
    results.opinions === null
      ? 'Not measured: there is no redis-benchmark.'
      : opinionTable(results),
  ];
  return `${parts.map((part) => part.trimEnd()).join('\n\n')}\n`;
}
