// What a proxy costs, beside others, in one interleaved run.
// npm run bench:outbound [-- --rounds N] [--contenders NAME,…]
// Figures are processor time of the proxy alone; load and upstream share another core. It needs a C compiler.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BenchError } from './load/child.ts';
import { compileC } from './load/compile.ts';
import { describeMachine, findCores } from './load/machine.ts';
import { type Load, measure, type Server, type Shape, startServer } from './load/measure.ts';
import { parseOutboundOptions, UsageError } from './options.ts';
import { type Contender, proxies, REFERENCE } from './outbound/contenders.ts';
import { goalLines, type Measured, proxyTable, type Round } from './outbound/table.ts';

const SHAPES: Readonly<Record<keyof Round, Shape>> = {
  small: { connections: 50, bytes: 64, depth: 1 },
  large: { connections: 50, bytes: 16_384, depth: 1 },
  cycle: { connections: 10, bytes: 64, depth: 1, cycle: true },
};
// Until V8 has compiled what it will.
const WARM_UP_SECONDS = 1.5;

const print = (text: string): void => void process.stdout.write(text);

async function present(names: readonly string[] | null): Promise<Contender[]> {
  const found: Contender[] = [];
  for (const proxy of proxies) {
    if (names !== null && ![REFERENCE, ...names].includes(proxy.name)) continue;
    const missing = await proxy.missing();
    if (missing === null) found.push(proxy);
    else if (proxy.name === REFERENCE) throw new BenchError(`it compares with haproxy: ${missing}`);
    else print(`left out: ${proxy.title}: ${missing}\n`);
  }
  return found;
}

async function roundOf(load: Load, server: Server): Promise<Round> {
  return {
    small: await measure(load, server, SHAPES.small),
    large: await measure(load, server, SHAPES.large),
    cycle: await measure(load, server, SHAPES.cycle),
  };
}

async function run(
  { rounds, seconds, contenders }: ReturnType<typeof parseOutboundOptions>,
  folder: string,
): Promise<void> {
  const cores = await findCores();
  print(`${describeMachine()}; Node ${process.version}\n`);
  if (cores.unpinned !== null) print(`not pinned: ${cores.unpinned}\n`);
  const taking = await present(contenders);
  const upstream = await startServer([await compileC('peers/reference')], cores.load);
  const command = [...cores.load, await compileC('load/load')];
  const serverCore = cores.serverCore;
  const servers: Server[] = [];
  for (const proxy of taking) {
    const place = { upstream: upstream.address, folder, pin: cores.server };
    const server = await proxy.start(place);
    servers.push(server);
    await roundOf({ command, seconds: WARM_UP_SECONDS / 3, warmup: 0.05, serverCore }, server);
  }
  const measured = taking.map(({ name, title }): Measured & { rounds: Round[] } => {
    return { name, title, rounds: [] };
  });
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, server] of servers.entries()) {
      measured[index]!.rounds.push(
        await roundOf({ command, seconds, warmup: 0.05, serverCore }, server),
      );
    }
  }
  for (const { child } of [...servers, upstream]) await child.stop('SIGTERM');
  const reference = measured.find(({ name }) => name === REFERENCE)!;
  print(`50 connections, one message each on its way; medians of ${rounds} rounds\n\n`);
  print(proxyTable(measured, reference));
  print(`\n${goalLines(measured, reference)}`);
}

const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-outbound-'));
try {
  const known = proxies.map(({ name }) => name);
  await run(parseOutboundOptions(process.argv.slice(2), known), folder);
} catch (error) {
  const usage = error instanceof UsageError;
  if (!usage && !(error instanceof BenchError)) throw error;
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = usage ? 2 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// A run that has failed leaves servers behind, which end with this process.
process.exit();
