// Debian's Prometheus: it reads what /metrics says in both forms, and our alerts fire.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../helpers/admin.ts';
import { connect } from '../helpers/client.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { freePort, has, startProgram } from '../helpers/installed.ts';
import { type Running, startCli, temporary } from '../helpers/process.ts';

const deploy = fileURLToPath(new URL('../../../deploy/prometheus', import.meta.url));

/** A server whose guest traps when it is told to, with an admin address of TCP. */
async function started(t: ExecutionContext): Promise<{ server: Running; admin: string }> {
  const file = path.join(temporary(t), 'hazard.wasm');
  writeFileSync(file, hazard());
  const admin = `127.0.0.1:${await freePort()}`;
  const server = await startCli(t, [file, '--listen', '127.0.0.1:0', '--admin', admin]);
  return { server, admin };
}

async function trap(t: ExecutionContext, address: string): Promise<void> {
  const client = await connect(address, { owner: t });
  await client.send('T');
  await client.closed;
}

test('promtool finds nothing wrong with the rules, the configuration, and what /metrics says', async (t) => {
  if (!has(t, 'promtool', 'prometheus')) return;
  const { admin, server } = await started(t);
  await trap(t, server.address);
  for (const args of [
    ['check', 'rules', path.join(deploy, 'alerts.yml')],
    ['check', 'config', path.join(deploy, 'prometheus.yml')],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    t.is(status, 0, stdout + stderr);
  }
  const { text } = await ask(admin, '/metrics');
  const plain = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  t.deepEqual([plain.status, plain.stderr], [0, '']);
  // It reads this form as if it were the other one, in which the help of a counter has another name.
  const headers = { accept: 'application/openmetrics-text; version=1.0.0' };
  const { text: input } = await ask(admin, '/metrics', { headers });
  const open = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  const remarks = open.stderr.trimEnd().split('\n');
  t.true(
    remarks.every((line) => line.endsWith('_total no help text')),
    open.stderr,
  );
});

test('Prometheus scrapes a server, and an alert fires when traps grow', async (t) => {
  if (!has(t, 'prometheus')) return;
  const { admin, server } = await started(t);
  const folder = temporary(t);
  const config = readFileSync(path.join(deploy, 'prometheus.yml'), 'utf8')
    .replaceAll('15s', '1s')
    .replaceAll('127.0.0.1:9400', admin)
    .replace('alerts.yml', path.join(deploy, 'alerts.yml'));
  const file = path.join(folder, 'prometheus.yml');
  writeFileSync(file, config);
  const web = `127.0.0.1:${await freePort()}`;
  startProgram(t, 'prometheus', [
    `--config.file=${file}`,
    `--storage.tsdb.path=${path.join(folder, 'data')}`,
    `--web.listen-address=${web}`,
  ]);
  const query = async (text: string): Promise<number> => {
    const to = `/api/v1/query?query=${encodeURIComponent(text)}`;
    const answer = await ask(web, to).catch(() => null);
    const { data } = JSON.parse(answer?.status === 200 ? answer.text : '{}');
    return Number(data?.result?.[0]?.value?.[1] ?? Number.NaN);
  };
  const until = async (what: string, is: (value: number) => boolean): Promise<void> => {
    while (!is(await query(what))) await sleep(100);
    t.pass(what);
  };
  await until('up{job="wasmpoll"}', (value) => value === 1);
  await until('wasmpoll_traps_total{service="hazard"}', (value) => value === 0);
  t.true(Number.isNaN(await query('ALERTS{alertname="WasmpollTraps"}')));
  await trap(t, server.address);
  await trap(t, server.address);
  await until('wasmpoll_traps_total{service="hazard"}', (value) => value === 2);
  await until('ALERTS{alertname="WasmpollTraps",alertstate="firing"}', (value) => value === 1);
});
