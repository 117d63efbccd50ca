// What TLS costs, beside others that end it, in one interleaved run.
// npm run bench:tls [-- --rounds N] [--contenders NAME,…] [--flood]
// Figures are processor time of the server's processes, the proxy and the server behind it together where there
// are two. With --flood it measures what a flood of handshakes takes from clients in clear. It needs a C compiler and the headers of OpenSSL (apt-get install libssl-dev).

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Certificates } from '../test/helpers/certificates.ts';
import { BenchError } from './load/child.ts';
import { compileC } from './load/compile.ts';
import { describeMachine, findCores } from './load/machine.ts';
import { parseTlsOptions, type TlsOptions, UsageError } from './options.ts';
import {
  OPENSSL,
  type Pair,
  REFERENCE,
  type TlsContender,
  tlsContenders,
} from './tls/contenders.ts';
import { floodTable } from './tls/flood.ts';
import { goalLines, type Measured, tlsTable } from './tls/table.ts';
import { type Round, Target } from './tls/target.ts';

const IDLE = { first: 300, counted: 1000 };
const MOST_TIMES_C = 1.15;

const print = (text: string): void => void process.stdout.write(text);

function makePair(folders: Certificates): Pair {
  const { certFile, keyFile } = folders.make('localhost');
  const both = path.join(folders.folder, 'both.pem');
  writeFileSync(both, readFileSync(certFile, 'utf8') + readFileSync(keyFile, 'utf8'));
  return { folder: folders.folder, certFile, keyFile, both };
}

async function present(names: readonly string[] | null): Promise<TlsContender[]> {
  const found: TlsContender[] = [];
  for (const contender of tlsContenders) {
    if (names !== null && ![REFERENCE, ...names].includes(contender.name)) continue;
    const missing = await contender.missing();
    if (missing === null) found.push(contender);
    else print(`left out: ${contender.title}: ${missing}\n`);
  }
  return found;
}

async function run(options: TlsOptions, pair: Pair): Promise<void> {
  const cores = await findCores();
  print(`${describeMachine()}; Node ${process.version}, OpenSSL ${process.versions.openssl}\n`);
  if (cores.unpinned !== null) print(`not pinned: ${cores.unpinned}\n`);
  if (options.flood) {
    print(await floodTable(pair, cores, options.rounds));
    return;
  }
  const load = [...cores.load, await compileC('load/tls_load', { libraries: OPENSSL })];
  const taking = await present(options.contenders);
  const targets: Target[] = [];
  for (const contender of taking) {
    const target = await Target.create(await contender.start(pair, cores.server), load);
    await target.warmUp();
    targets.push(target);
  }
  const rounds = targets.map((): Round[] => []);
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [index, target] of targets.entries()) {
      rounds[index]!.push(await target.round());
    }
  }
  const measured: Measured[] = [];
  for (const [index, target] of targets.entries()) {
    const { name, title } = taking[index]!;
    await target.stop();
    const fresh = await Target.create(await taking[index]!.start(pair, cores.server), load);
    const idleBytes = await fresh.idleBytes(IDLE.first, IDLE.counted);
    await fresh.stop();
    measured.push({ name, title, rounds: rounds[index]!, idleBytes });
  }
  const reference = measured.find(({ name }) => name === REFERENCE)!;
  print(`50 connections, TLS 1.3, P-256; medians of ${options.rounds} rounds\n\n`);
  print(tlsTable(measured, reference));
  const ours = measured.filter(({ name }) => name.startsWith('wasmpoll'));
  print(`\n${goalLines(ours, reference, MOST_TIMES_C)}`);
}

const undo: (() => void)[] = [];
try {
  const known = tlsContenders.map(({ name }) => name);
  const options = parseTlsOptions(process.argv.slice(2), known);
  await run(options, makePair(new Certificates({ teardown: (act) => void undo.push(act) })));
} catch (error) {
  const usage = error instanceof UsageError;
  if (!usage && !(error instanceof BenchError)) throw error;
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = usage ? 2 : 1;
} finally {
  for (const act of undo) act();
}
// A run that has failed leaves servers behind, which end with this process.
process.exit();
