// How cost grows with connections, message size, guests and workers, and memory with connections.
// npm run bench:growth [-- --rounds N] [--seconds S] [--only PART,…]
// It prints its tables. A run of all parts writes them into docs/performance.md. Exit status 1 when
// connections leave something behind.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connections, guests, sizes, workers } from './growth/cost.ts';
import { footprint } from './growth/footprint.ts';
import { idle } from './growth/idle.ts';
import { OURS, type Part, type Setting } from './growth/part.ts';
import { BenchError } from './load/child.ts';
import { compileC, root } from './load/compile.ts';
import { describeMachine, findCores } from './load/machine.ts';
import type { Load } from './load/measure.ts';
import { type GrowthOptions, parseGrowthOptions, UsageError } from './options.ts';
import { contenders, type Present, REFERENCE } from './peers/contenders.ts';
import { progress } from './report/progress.ts';

const PARTS: readonly Part[] = [
  { name: 'connections', measure: connections },
  { name: 'sizes', measure: sizes },
  { name: 'guests', measure: guests },
  { name: 'workers', measure: workers },
  { name: 'footprint', measure: footprint },
  { name: 'idle', measure: idle },
];
const WARM_UP = 0.1;
const FILE = path.join(root, 'docs', 'performance.md');
const MARKED = /<!-- growth -->[\s\S]*<!-- \/growth -->/;

async function prepare({ rounds, seconds }: GrowthOptions): Promise<Setting> {
  const cores = await findCores();
  const present: Present[] = [];
  for (const contender of contenders) {
    if (![REFERENCE, ...OURS].includes(contender.name)) continue;
    const found = await contender.find();
    if (!('missing' in found)) present.push({ contender, ...found });
  }
  const command = [...cores.load, await compileC('load/load')];
  const load: Load = { command, seconds, warmup: WARM_UP, serverCore: cores.serverCore };
  return { present, load, pin: cores.server, rounds, loadCore: cores.loadCore, progress };
}

async function main(options: GrowthOptions): Promise<void> {
  const document = readFileSync(FILE, 'utf8');
  if (!MARKED.test(document)) throw new BenchError(`${FILE} has no place for the tables`);
  const setting = await prepare(options);
  const { rounds, seconds, parts } = options;
  const texts = [
    `${describeMachine()}; ${new Date().toISOString().slice(0, 10)}; medians of ${rounds} rounds of ${seconds} s.`,
  ];
  for (const { name, measure } of PARTS) {
    if (parts !== null && !parts.includes(name)) continue;
    for (const { title, table, failures = [] } of await measure(setting)) {
      progress('');
      process.stdout.write(`\n${title}\n\n${table}`);
      texts.push(title, table.trimEnd());
      for (const failure of failures) process.stderr.write(`failed: ${failure}\n`);
      if (failures.length > 0) process.exitCode = 1;
    }
  }
  if (parts !== null) return;
  const block = `<!-- growth -->\n${texts.join('\n\n')}\n<!-- /growth -->`;
  writeFileSync(
    FILE,
    document.replace(MARKED, () => block),
  );
}

try {
  await main(
    parseGrowthOptions(
      process.argv.slice(2),
      PARTS.map(({ name }) => name),
    ),
  );
} catch (error) {
  if (!(error instanceof BenchError) && !(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
